-- Schema 7 of the CRM database, PostgreSQL: what is sent.

-- One row for each command that was, or is being, carried out: a mail, an SMS, a wallet update
-- (crm/send.h). The row is there before the provider is called. State:
--   calling    the provider is being called; when nobody does any more, nobody knows
--   sent       the provider has it, and knows it by Reference
--   refused    it did not take it, and will not
--   failed     it did not take it; another try may go better
--   uncertain  nobody knows: a person decides
--   resend     a person has: it is to be sent again
-- Recipient is a mail address in lower case (the first of several) or an E.164 number. Kept for
-- Crm360EventKeep.
CREATE TABLE WebhookSends (
    MessageId TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    Kind TEXT NOT NULL CHECK (Kind IN ('mail', 'sms', 'wallet')),
    Provider TEXT NOT NULL,
    State TEXT NOT NULL
        CHECK (State IN ('calling', 'sent', 'refused', 'failed', 'uncertain', 'resend')),
    Attempt INTEGER NOT NULL,
    Recipient TEXT COLLATE "C",
    ContactId INTEGER,
    StartedAt WebhookDateTime NOT NULL,
    EndedAt WebhookDateTime,
    Reference TEXT COLLATE "C",
    Code TEXT,
    Reason TEXT,
    Detail TEXT
);
CREATE INDEX WebhookSendsStartedAt ON WebhookSends (StartedAt);
CREATE INDEX WebhookSendsReference ON WebhookSends (Reference);
CREATE INDEX WebhookSendsContactId ON WebhookSends (ContactId);
CREATE INDEX WebhookSendsRecipient ON WebhookSends (Recipient);
CREATE INDEX WebhookSendsState ON WebhookSends (State);
