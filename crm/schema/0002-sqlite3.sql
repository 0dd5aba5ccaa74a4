-- Schema 2 of the CRM database, SQLite: what happened to a contact.

-- One row for each event that a webhook tells of (a mail opened, a message delivered, ...): of
-- which contact (NULL = of none that is known), of what kind, when, and what else is to be known.
-- Kept for Crm360EventKeep.
CREATE TABLE WebhookEvents (
    EventId INTEGER PRIMARY KEY AUTOINCREMENT,
    MessageId TEXT NOT NULL,
    ContactId INTEGER,
    Kind TEXT NOT NULL,
    At TEXT NOT NULL,
    Detail TEXT
);
CREATE INDEX WebhookEventsAt ON WebhookEvents (At);
CREATE INDEX WebhookEventsContactId ON WebhookEvents (ContactId, At);
