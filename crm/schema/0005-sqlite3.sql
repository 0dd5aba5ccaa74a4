-- Schema 5 of the CRM database, SQLite: cleaning postal addresses, and finding duplicates.

-- Where a message of many steps stands: it is worked on for as long as it takes, and whoever takes
-- the next step begins behind Cursor. Kind is what is done; a message may do two things, one after
-- the other. Cursor counts up to Total: an AddressId, or a place in the list that the message
-- gives. Done is how many were worked on, Unknown how many of the list there are not; the others
-- count what became of them. Rows end with those of WebhookInbox (crm/job.h).
CREATE TABLE WebhookJobs (
    MessageId TEXT NOT NULL,
    Kind TEXT NOT NULL,
    Cursor INTEGER NOT NULL DEFAULT 0,
    Total INTEGER NOT NULL DEFAULT 0,
    Done INTEGER NOT NULL DEFAULT 0,
    Changed INTEGER NOT NULL DEFAULT 0,
    Unknown INTEGER NOT NULL DEFAULT 0,
    Valid INTEGER NOT NULL DEFAULT 0,
    Corrected INTEGER NOT NULL DEFAULT 0,
    Ambiguous INTEGER NOT NULL DEFAULT 0,
    Rejected INTEGER NOT NULL DEFAULT 0,
    StartedAt TEXT NOT NULL,
    UpdatedAt TEXT NOT NULL,
    FinishedAt TEXT,
    PRIMARY KEY (MessageId, Kind)
) WITHOUT ROWID;
CREATE INDEX WebhookJobsUpdatedAt ON WebhookJobs (UpdatedAt);

-- Why an address has its state: what stood in the postal columns of Addresses before its last
-- check, and what was put there, each a JSON object of the columns that were not empty. A source
-- that sends Input again, because it knows nothing of the check, gets Output (crm/address_check.h).
CREATE TABLE WebhookAddressChecks (
    AddressId INTEGER NOT NULL PRIMARY KEY,
    StateId INTEGER NOT NULL,
    Reason TEXT,
    CheckedAt TEXT NOT NULL,
    MessageId TEXT NOT NULL,
    Input TEXT NOT NULL,
    Output TEXT NOT NULL
);

-- Each merge of two contacts: by which rule and how much agrees (Score, per mille), in words, and
-- what was changed and moved (Detail, JSON): enough to undo it by hand.
CREATE TABLE WebhookMerges (
    MergeId INTEGER PRIMARY KEY AUTOINCREMENT,
    MessageId TEXT NOT NULL,
    KeptContactId INTEGER NOT NULL,
    MergedContactId INTEGER NOT NULL,
    Rule TEXT NOT NULL,
    Score INTEGER NOT NULL,
    Explanation TEXT NOT NULL,
    At TEXT NOT NULL,
    Detail TEXT
);
CREATE INDEX WebhookMergesMessageId ON WebhookMerges (MessageId);
CREATE INDEX WebhookMergesKeptContactId ON WebhookMerges (KeptContactId);
CREATE INDEX WebhookMergesMergedContactId ON WebhookMerges (MergedContactId);
