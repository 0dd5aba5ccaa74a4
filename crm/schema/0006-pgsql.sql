-- Schema 6 of the CRM database, PostgreSQL: finding duplicates.

-- Pairs of contacts that may be one person, for a person to look at (crm/duplicate.h): by which
-- rule, how much agrees (Score, per mille) and in words, without values. ContactId is the smaller
-- one. Decision is NULL, 'apart' (they are two: never merged, never asked again) or 'same' (the
-- next run that compares them merges them).
CREATE TABLE WebhookReviews (
    ContactId INTEGER NOT NULL,
    OtherContactId INTEGER NOT NULL,
    Rule TEXT NOT NULL,
    Score INTEGER NOT NULL,
    Explanation TEXT NOT NULL,
    NotedAt WebhookDateTime NOT NULL,
    Decision TEXT CHECK (Decision IN ('apart', 'same')),
    PRIMARY KEY (ContactId, OtherContactId)
);
CREATE INDEX WebhookReviewsOtherContactId ON WebhookReviews (OtherContactId);

-- Under which keys a contact is found as a possible duplicate: digests of crm_duplicate_keys().
-- Made again at the beginning of each run for the contacts that have changed:
-- WebhookDuplicateContacts has a digest of what the keys were made of. Both tables may be emptied,
-- together, at any time.
CREATE TABLE WebhookDuplicateKeys (
    KeyText TEXT COLLATE "C" NOT NULL,
    ContactId INTEGER NOT NULL,
    PRIMARY KEY (KeyText, ContactId)
);
CREATE INDEX WebhookDuplicateKeysContactId ON WebhookDuplicateKeys (ContactId);

CREATE TABLE WebhookDuplicateContacts (
    ContactId INTEGER NOT NULL PRIMARY KEY,
    Digest TEXT NOT NULL
);

-- Which contacts a message has still to look at (crm/dedup.h).
CREATE TABLE WebhookDuplicateTasks (
    MessageId TEXT NOT NULL,
    ContactId INTEGER NOT NULL,
    PRIMARY KEY (MessageId, ContactId)
);

CREATE INDEX WebhookMatchesContactId ON WebhookMatches (ContactId);
