-- Schema 1 of the CRM database, SQLite.
--
-- Entity sets and property names are those of the CustomerApi
-- (https://customerapi.fts-crm360.com/HelpOdata);
-- tables whose name starts with Webhook are this program's own.
--
-- Date-times are 'YYYY-MM-DDTHH:MM:SS' in UTC, booleans 0 or 1, decimals canonical text, phone
-- numbers E.164, countries ISO 3166-1 alpha-3. A NULL boolean or consent is "not known".
--
-- Rules for these files: numbered NNNN-<driver>.sql and never changed once released; each statement
-- ends with a semicolon at the end of a line; no triggers and no PRAGMA. The program applies each
-- file in one transaction and writes the row of WebhookSchema itself.

CREATE TABLE WebhookSchema (
    Version INTEGER NOT NULL PRIMARY KEY,
    AppliedAt TEXT NOT NULL
);

-- AUTOINCREMENT: the number of a row that an operator removes is never given to another person, to
-- whom the notes in WebhookVersions would then seem to belong.
CREATE TABLE Contacts (
    ContactId INTEGER PRIMARY KEY AUTOINCREMENT,
    GenderId SMALLINT,
    CivilityId SMALLINT,
    TitleId SMALLINT,
    FirstName TEXT,
    MiddleName TEXT,
    LastName TEXT,
    LastName2 TEXT,
    FirstNameSecondAlphabet TEXT,
    MiddleNameSecondAlphabet TEXT,
    LastNameSecondAlphabet TEXT,
    LastName2SecondAlphabet TEXT,
    BirthDate TEXT,
    BirthDay SMALLINT,
    BirthMonth SMALLINT,
    BirthYear SMALLINT,
    MaritalStatusId SMALLINT,
    JobTitle TEXT,
    CompanyName TEXT,
    GlobalOptin SMALLINT,
    GlobalPartnerOptin SMALLINT,
    ContactStateId SMALLINT,
    ContactTypeId SMALLINT,
    AdvertiserCreationDate TEXT,
    NationalityId SMALLINT,
    LanguageId TEXT,
    FreeField1 TEXT,
    FreeField2 TEXT,
    FreeField3 TEXT,
    FreeField4 TEXT,
    FreeField5 TEXT,
    FreeFieldDateTime1 TEXT,
    FreeFieldDateTime2 TEXT,
    FreeFieldDateTime3 TEXT,
    FreeFieldDateTime4 TEXT,
    FreeFieldDateTime5 TEXT,
    FreeFieldNumber1 TEXT,
    FreeFieldNumber2 TEXT,
    FreeFieldNumber3 TEXT,
    FreeFieldNumber4 TEXT,
    FreeFieldNumber5 TEXT,
    FreeFieldBoolean1 SMALLINT,
    FreeFieldBoolean2 SMALLINT,
    FreeFieldBoolean3 SMALLINT,
    FreeFieldBoolean4 SMALLINT,
    FreeFieldBoolean5 SMALLINT,
    ZoneId INTEGER,
    ZoneIdString TEXT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);

CREATE TABLE Addresses (
    AddressId INTEGER PRIMARY KEY AUTOINCREMENT,
    ContactId INTEGER NOT NULL REFERENCES Contacts (ContactId),
    BrandId INTEGER,
    ContactAddressTypeId SMALLINT,
    Address1 TEXT,
    Address2 TEXT,
    Address3 TEXT,
    Address4 TEXT,
    Address5 TEXT,
    Address6 TEXT,
    Address7 TEXT,
    PostCode TEXT,
    City TEXT,
    State TEXT,
    CountryId TEXT,
    Email TEXT,
    HomePhoneNumber TEXT,
    MobilePhoneNumber TEXT,
    HomePhoneCountryId TEXT,
    MobilePhoneCountryId TEXT,
    AddressOptin SMALLINT,
    EmailOptin SMALLINT,
    HomePhoneOptin SMALLINT,
    MobilePhoneOptin SMALLINT,
    AddressAdvertiserCreationDate TEXT,
    EmailAdvertiserCreationDate TEXT,
    HomePhoneAdvertiserCreationDate TEXT,
    MobilePhoneAdvertiserCreationDate TEXT,
    AddressStateId INTEGER,
    EmailStateId INTEGER,
    HomePhoneStateId INTEGER,
    MobilePhoneStateId INTEGER,
    BrandIdString TEXT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX AddressesPlace
    ON Addresses (ContactId, COALESCE(BrandId, 0), COALESCE(ContactAddressTypeId, 0));
CREATE INDEX AddressesEmail ON Addresses (LOWER(Email));
CREATE INDEX AddressesMobilePhoneNumber ON Addresses (MobilePhoneNumber);

CREATE TABLE ContactIdentifiers (
    ContactIdentifierId TEXT NOT NULL PRIMARY KEY,
    Identifier TEXT NOT NULL,
    ContactId INTEGER NOT NULL REFERENCES Contacts (ContactId),
    SourceId SMALLINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX ContactIdentifiersIdentifier ON ContactIdentifiers (SourceId, Identifier);
CREATE INDEX ContactIdentifiersContactId ON ContactIdentifiers (ContactId);

-- One row for each message that had its effect (crm/inbox.h).
CREATE TABLE WebhookInbox (
    MessageId TEXT NOT NULL PRIMARY KEY,
    Route TEXT NOT NULL,
    ProcessedAt TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX WebhookInboxProcessedAt ON WebhookInbox (ProcessedAt);

-- The guard: which news each group of columns of a row holds, and which identifiers were deleted at
-- their source (crm/version.h). TargetKey is the row's key as text.
CREATE TABLE WebhookVersions (
    TargetTable TEXT NOT NULL,
    TargetKey TEXT NOT NULL,
    Deleted SMALLINT NOT NULL DEFAULT 0,
    Versions TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (TargetTable, TargetKey)
) WITHOUT ROWID;

-- Mail addresses and phone numbers that stand for a person: whoever makes a contact takes its keys,
-- so that two who make the same person at once collide here (crm/match.h).
CREATE TABLE WebhookMatches (
    MatchKey TEXT NOT NULL PRIMARY KEY,
    ContactId INTEGER NOT NULL
) WITHOUT ROWID;
