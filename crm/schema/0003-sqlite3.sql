-- Schema 3 of the CRM database, SQLite: what the inbound platforms write beside contacts.
--
-- Entity sets are those of the CustomerApi. Its help documents the columns of Sources, Zones,
-- Brands, PurchaseGoodCategories, Vouchers, ContactInterests and ContactInterestCategories and the
-- look-ups' form (Id, Label, DeletionFlag). Columns and tables marked "inferred" below are known
-- there only by name or by reference, or are this program's addition; another installation may
-- name them otherwise.
--
-- Labels of look-ups are fixed here once and listed in doc/handlers.txt; handlers use the numbers.

-- ---- where data belongs ----

CREATE TABLE SourceTypes (
    SourceTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO SourceTypes (SourceTypeId, Label) VALUES
    (1, 'Web shop'), (2, 'Point of sale'), (3, 'E-mail provider'), (4, 'SMS gateway'),
    (5, 'Help desk'), (6, 'Marketing game'), (7, 'Data quality'), (8, 'Other');

-- Sources, zones, brands and address types are the tenant's: they are kept by its administrator. A
-- number that a webhook names and that is not here is kept all the same, and noted in
-- WebhookUnknownIds; so nothing refers to these tables by a foreign key.
CREATE TABLE Sources (
    SourceId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT,
    SourceParameter TEXT,
    SourceTypeId SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);

CREATE TABLE Zones (
    ZoneId INTEGER NOT NULL PRIMARY KEY,
    Label TEXT,
    ZoneHierarchyLabel TEXT,
    HierarchyNode TEXT,
    ParentHierarchyNode TEXT,
    HierarchyLevel SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);

CREATE TABLE Brands (
    BrandId INTEGER NOT NULL PRIMARY KEY,
    Label TEXT,
    BrandPath TEXT,
    HierarchyNode TEXT,
    ParentHierarchyNode TEXT,
    HierarchyLevel SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);

-- Inferred: known by its key on Address. Labels are the tenant's; these begin it.
CREATE TABLE ContactAddressTypes (
    ContactAddressTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO ContactAddressTypes (ContactAddressTypeId, Label) VALUES
    (1, 'Home'), (2, 'Work'), (3, 'Billing'), (4, 'Delivery');

-- What the URI of a webhook named and the tables above did not know, once each.
CREATE TABLE WebhookUnknownIds (
    Kind TEXT NOT NULL,
    Id INTEGER NOT NULL,
    SeenAt TEXT NOT NULL,
    MessageId TEXT NOT NULL,
    PRIMARY KEY (Kind, Id)
) WITHOUT ROWID;

-- ---- look-ups of contacts and addresses (inferred, all but ContactTypes: known by key only) ----

CREATE TABLE Civilities (
    CivilityId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO Civilities (CivilityId, Label) VALUES (1, 'M.'), (2, 'Mme'), (3, 'Mlle');

CREATE TABLE Genders (
    GenderId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO Genders (GenderId, Label) VALUES (1, 'Male'), (2, 'Female');

CREATE TABLE ContactTypes (
    ContactTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO ContactTypes (ContactTypeId, Label) VALUES (1, 'Person'), (2, 'Company');

CREATE TABLE EmailStates (
    EmailStateId INTEGER NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO EmailStates (EmailStateId, Label) VALUES
    (1, 'Valid'), (2, 'Invalid'), (3, 'Blocked by the provider'), (4, 'Complained of spam');

CREATE TABLE MobilePhoneStates (
    MobilePhoneStateId INTEGER NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO MobilePhoneStates (MobilePhoneStateId, Label) VALUES
    (1, 'Valid'), (2, 'Invalid'), (3, 'Suspect');

CREATE TABLE HomePhoneStates (
    HomePhoneStateId INTEGER NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO HomePhoneStates (HomePhoneStateId, Label) VALUES (1, 'Valid'), (2, 'Invalid');

CREATE TABLE PostalAddressStates (
    PostalAddressStateId INTEGER NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO PostalAddressStates (PostalAddressStateId, Label) VALUES
    (1, 'Valid'), (2, 'Corrected'), (3, 'Ambiguous'), (4, 'Rejected');

-- The state and the consent of a mail address or phone number itself, as its provider tells it: a
-- bounce, a STOP. It holds for whichever address has that value, now or later (crm/point.h).
-- PointKey is 'email:<address in lower case>' or 'phone:<E.164>'; BrandId 0 means all brands. The
-- version beside a value tells how new it is.
CREATE TABLE WebhookPoints (
    PointKey TEXT NOT NULL,
    BrandId INTEGER NOT NULL DEFAULT 0,
    StateId INTEGER,
    StateVersion TEXT,
    Optin SMALLINT,
    OptinVersion TEXT,
    PRIMARY KEY (PointKey, BrandId)
) WITHOUT ROWID;

CREATE INDEX AddressesHomePhoneNumber ON Addresses (HomePhoneNumber);

-- ---- goods ----

CREATE TABLE PurchaseGoodTypes (
    PurchaseGoodTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO PurchaseGoodTypes (PurchaseGoodTypeId, Label) VALUES
    (1, 'Product'), (2, 'Gift card'), (3, 'Service');

CREATE TABLE PurchaseGoodCategories (
    PurchaseGoodCategoryId INTEGER PRIMARY KEY AUTOINCREMENT,
    Identifier TEXT NOT NULL,
    Label TEXT,
    PurchaseGoodCategoryPath TEXT,
    SourceId SMALLINT NOT NULL,
    BrandId INTEGER,
    HierarchyNode TEXT,
    ParentHierarchyNode TEXT,
    HierarchyLevel SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX PurchaseGoodCategoriesIdentifier
    ON PurchaseGoodCategories (SourceId, Identifier);

-- Inferred: the entity is known by its key and its links. ParentIdentifier is the product that a
-- variant belongs to; Sku, Barcode and Vendor are additions. GoodStateText is the platform's word
-- (active, draft, archived).
CREATE TABLE PurchaseGoods (
    PurchaseGoodId INTEGER PRIMARY KEY AUTOINCREMENT,
    Identifier TEXT NOT NULL,
    ParentIdentifier TEXT,
    Label TEXT,
    Sku TEXT,
    Barcode TEXT,
    Vendor TEXT,
    GoodStateText TEXT,
    Price TEXT,
    ComparePrice TEXT,
    CurrencyId TEXT,
    SourceId SMALLINT NOT NULL,
    BrandId INTEGER,
    PurchaseGoodTypeId SMALLINT,
    PurchaseGoodCategoryId SMALLINT,
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
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX PurchaseGoodsIdentifier ON PurchaseGoods (SourceId, Identifier);
CREATE INDEX PurchaseGoodsParent ON PurchaseGoods (SourceId, ParentIdentifier);

-- ---- purchases ----

CREATE TABLE PurchaseTypes (
    PurchaseTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO PurchaseTypes (PurchaseTypeId, Label) VALUES (1, 'Online'), (2, 'Store');

-- Accountable: whether the purchase counts as a sale.
CREATE TABLE PurchaseStatuses (
    PurchaseStatusId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    Accountable SMALLINT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO PurchaseStatuses (PurchaseStatusId, Label, Accountable) VALUES
    (1, 'Pending', 0), (2, 'Authorized', 0), (3, 'Partially paid', 1), (4, 'Paid', 1),
    (5, 'Partially refunded', 1), (6, 'Refunded', 0), (7, 'Voided', 0), (8, 'Expired', 0),
    (9, 'Cancelled', 0), (10, 'Test', 0), (11, 'Open', 0), (12, 'Closed, not paid', 0);

-- Inferred: known by name and by links.
CREATE TABLE Stores (
    StoreId INTEGER PRIMARY KEY AUTOINCREMENT,
    Identifier TEXT NOT NULL,
    Label TEXT,
    SourceId SMALLINT NOT NULL,
    ZoneId INTEGER,
    BrandId INTEGER,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX StoresIdentifier ON Stores (SourceId, Identifier);

CREATE TABLE VoucherTypes (
    VoucherTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO VoucherTypes (VoucherTypeId, Label) VALUES
    (1, 'Fixed amount'), (2, 'Percentage'), (3, 'Free shipping'), (4, 'Other');

CREATE TABLE Vouchers (
    VoucherId INTEGER PRIMARY KEY AUTOINCREMENT,
    VoucherIdentifier TEXT NOT NULL,
    VoucherCode TEXT,
    ContactId INTEGER REFERENCES Contacts (ContactId),
    LoyaltyCardId INTEGER,
    SourceId SMALLINT NOT NULL,
    VoucherTypeId SMALLINT,
    VoucherStateId SMALLINT,
    VoucherCategoryId SMALLINT,
    Amount TEXT,
    CurrencyId TEXT,
    ValidityStartDate TEXT,
    ValidityEndDate TEXT,
    UseDate TEXT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX VouchersIdentifier ON Vouchers (SourceId, VoucherIdentifier);
CREATE INDEX VouchersContactId ON Vouchers (ContactId);

-- Inferred: known by its key and its links. Amounts are what the purchase is worth now, after
-- edits and refunds; OriginalAmountTaxIncluded is what it was at first. PurchaseNumber is the
-- number that people know it by, StatusText the platform's word for its state.
CREATE TABLE PurchaseHeaders (
    PurchaseHeaderId INTEGER PRIMARY KEY AUTOINCREMENT,
    PurchaseIdentifier TEXT NOT NULL,
    PurchaseNumber TEXT,
    ContactId INTEGER REFERENCES Contacts (ContactId),
    SourceId SMALLINT NOT NULL,
    BrandId INTEGER,
    StoreId INTEGER,
    LoyaltyCardId INTEGER,
    VoucherId INTEGER,
    PurchaseTypeId SMALLINT,
    PurchaseStatusId SMALLINT,
    StatusText TEXT,
    PurchaseDate TEXT,
    CancellationDate TEXT,
    AmountTaxIncluded TEXT,
    AmountTaxFree TEXT,
    TaxAmount TEXT,
    DiscountAmount TEXT,
    ShippingAmount TEXT,
    RefundAmount TEXT,
    OriginalAmountTaxIncluded TEXT,
    CurrencyId TEXT,
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
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX PurchaseHeadersIdentifier ON PurchaseHeaders (SourceId, PurchaseIdentifier);
CREATE INDEX PurchaseHeadersContactId ON PurchaseHeaders (ContactId);

-- Inferred: known by name. Amounts are of the whole line, after its share of discounts; TaxRate is
-- in percent. A line that its purchase no longer lists has DeletionFlag.
CREATE TABLE PurchaseDetails (
    PurchaseDetailId INTEGER PRIMARY KEY AUTOINCREMENT,
    PurchaseDetailIdentifier TEXT NOT NULL,
    PurchaseHeaderId INTEGER NOT NULL REFERENCES PurchaseHeaders (PurchaseHeaderId),
    PurchaseGoodId INTEGER,
    SourceId SMALLINT NOT NULL,
    Label TEXT,
    Sku TEXT,
    Quantity TEXT,
    RefundedQuantity TEXT,
    UnitPrice TEXT,
    AmountTaxIncluded TEXT,
    AmountTaxFree TEXT,
    TaxAmount TEXT,
    TaxRate TEXT,
    DiscountAmount TEXT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX PurchaseDetailsIdentifier
    ON PurchaseDetails (SourceId, PurchaseDetailIdentifier);
CREATE INDEX PurchaseDetailsHeaderId ON PurchaseDetails (PurchaseHeaderId);
CREATE INDEX PurchaseDetailsGoodId ON PurchaseDetails (PurchaseGoodId);

-- ---- cases ----

CREATE TABLE CaseStates (
    CaseStateId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO CaseStates (CaseStateId, Label) VALUES
    (1, 'New'), (2, 'Open'), (3, 'Pending'), (4, 'On hold'), (5, 'Solved'), (6, 'Closed');

-- Inferred: known by name and its link to Source.
CREATE TABLE CaseCategories (
    CaseCategoryId INTEGER PRIMARY KEY AUTOINCREMENT,
    Identifier TEXT NOT NULL,
    Label TEXT,
    CaseCategoryPath TEXT,
    SourceId SMALLINT NOT NULL,
    HierarchyNode TEXT,
    ParentHierarchyNode TEXT,
    HierarchyLevel SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX CaseCategoriesIdentifier ON CaseCategories (SourceId, Identifier);

-- Inferred: known by its links to Contact, Source and CaseState. Description holds the comments,
-- CaseStateText the platform's word for the state, Channel how the case came in.
CREATE TABLE Cases (
    CaseId INTEGER PRIMARY KEY AUTOINCREMENT,
    CaseIdentifier TEXT NOT NULL,
    ContactId INTEGER REFERENCES Contacts (ContactId),
    SourceId SMALLINT NOT NULL,
    CaseStateId SMALLINT,
    CaseStateText TEXT,
    CaseCategoryId SMALLINT,
    Title TEXT,
    Description TEXT,
    Channel TEXT,
    Link TEXT,
    OpeningDate TEXT,
    ClosingDate TEXT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX CasesIdentifier ON Cases (SourceId, CaseIdentifier);
CREATE INDEX CasesContactId ON Cases (ContactId);

-- ---- interests ----

CREATE TABLE ContactInterestCategories (
    ContactInterestCategoryId INTEGER PRIMARY KEY AUTOINCREMENT,
    Identifier TEXT NOT NULL,
    Label TEXT,
    ContactInterestCategoryPath TEXT,
    SourceId SMALLINT NOT NULL,
    HierarchyNode TEXT,
    ParentHierarchyNode TEXT,
    HierarchyLevel SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ContactInterestCategoriesIdentifier
    ON ContactInterestCategories (SourceId, Identifier);

CREATE TABLE ContactInterests (
    ContactInterestId INTEGER PRIMARY KEY AUTOINCREMENT,
    ContactInterestIdentifier TEXT NOT NULL,
    ContactId INTEGER REFERENCES Contacts (ContactId),
    PurchaseGoodId INTEGER,
    ContactInterestCategoryId SMALLINT,
    PurchaseGoodCategoryId SMALLINT,
    SourceId SMALLINT NOT NULL,
    InterestDate TEXT,
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
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ContactInterestsIdentifier
    ON ContactInterests (SourceId, ContactInterestIdentifier);
CREATE INDEX ContactInterestsContactId ON ContactInterests (ContactId);

-- ---- events ----

-- Inferred: their numbers stand in the bodies of Crm360/Sms/Send only.
CREATE TABLE EventChannels (
    EventChannelId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO EventChannels (EventChannelId, Label) VALUES
    (1, 'SMS'), (2, 'E-mail'), (3, 'Web'), (4, 'Store'), (5, 'Help desk'), (6, 'Wallet');

CREATE TABLE EventCategories (
    EventCategoryId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO EventCategories (EventCategoryId, Label) VALUES
    (1, 'Transactional'), (2, 'Marketing'), (3, 'Delivery report'), (4, 'Reaction'),
    (5, 'Consent'), (6, 'Participation'), (7, 'Other');

-- EventIdentifier is what makes an event one: a delivery that comes again adds none. Address is the
-- mail address in lower case, or the E.164 number, that the event is about; a contact that gets it
-- later takes the event. Reference is the provider's number of the message that was sent.
ALTER TABLE WebhookEvents ADD COLUMN SourceId SMALLINT;
ALTER TABLE WebhookEvents ADD COLUMN EventIdentifier TEXT;
ALTER TABLE WebhookEvents ADD COLUMN EventChannelId SMALLINT;
ALTER TABLE WebhookEvents ADD COLUMN EventCategoryId SMALLINT;
ALTER TABLE WebhookEvents ADD COLUMN Address TEXT;
ALTER TABLE WebhookEvents ADD COLUMN Reference TEXT;
CREATE UNIQUE INDEX WebhookEventsIdentifier ON WebhookEvents (SourceId, EventIdentifier);
CREATE INDEX WebhookEventsAddress ON WebhookEvents (Address);
CREATE INDEX WebhookEventsReference ON WebhookEvents (Reference);
