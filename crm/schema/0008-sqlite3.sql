-- Schema 8 of the CRM database, SQLite: loyalty cards, their points, and what becomes of them.
--
-- The help of the CustomerApi documents the columns of LoyaltyPoints, VoucherCategories and
-- LoyaltyPointTypes. Columns and tables marked "inferred" below are known there only by name or by
-- reference, or are this program's addition; another installation may name them otherwise.
--
-- Cards, points and voucher categories are written by the tenant's own programs; webhooks read
-- them, and write LoyaltyCardActions. Labels of look-ups are fixed here once and listed in
-- doc/handlers.txt.

-- ---- cards ----

-- Inferred, all but its key. Labels are the tenant's; this begins it.
CREATE TABLE LoyaltyCardTypes (
    LoyaltyCardTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO LoyaltyCardTypes (LoyaltyCardTypeId, Label) VALUES (1, 'Standard');

-- Inferred: known by its key and its links to Contact, Source, Brand, LoyaltyPoints and Vouchers.
-- LoyaltyCardIdentifier is what the source calls the card, LoyaltyCardNumber what stands on it, if
-- that is something else. What the card is worth is in LoyaltyPoints only.
CREATE TABLE LoyaltyCards (
    LoyaltyCardId INTEGER PRIMARY KEY AUTOINCREMENT,
    LoyaltyCardIdentifier TEXT NOT NULL,
    LoyaltyCardNumber TEXT,
    ContactId INTEGER REFERENCES Contacts (ContactId),
    SourceId SMALLINT NOT NULL,
    BrandId INTEGER,
    StoreId INTEGER,
    LoyaltyCardTypeId SMALLINT,
    CreationDate TEXT,
    ExpirationDate TEXT,
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
CREATE UNIQUE INDEX LoyaltyCardsIdentifier ON LoyaltyCards (SourceId, LoyaltyCardIdentifier);
CREATE INDEX LoyaltyCardsContactId ON LoyaltyCards (ContactId);

-- ---- points ----

-- Labels are the tenant's; these begin it.
CREATE TABLE LoyaltyPointTypes (
    LoyaltyPointTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO LoyaltyPointTypes (LoyaltyPointTypeId, Label) VALUES
    (1, 'Purchase'), (2, 'Bonus'), (3, 'Correction');

-- One row for each gain of points, or loss (a negative PointAmount). PointOriginalAmount is what it
-- was at first, PointAmount what it is after corrections; PointUsedAmount and PointExpiredAmount
-- are the parts of PointAmount that are gone. crm/loyalty.h says what of it counts. A row without
-- LoyaltyCardId belongs to the contact, whichever card he shows.
CREATE TABLE LoyaltyPoints (
    LoyaltyPointId INTEGER PRIMARY KEY AUTOINCREMENT,
    PointIdentifier TEXT NOT NULL,
    ContactId INTEGER REFERENCES Contacts (ContactId),
    LoyaltyCardId INTEGER,
    PurchaseHeaderId INTEGER,
    VoucherId INTEGER,
    SourceId SMALLINT NOT NULL,
    PointTypeId SMALLINT,
    PointAmount TEXT,
    PointOriginalAmount TEXT,
    PointUsedAmount TEXT,
    PointExpiredAmount TEXT,
    DatePoint TEXT,
    ExpiredDatePoint TEXT,
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
CREATE UNIQUE INDEX LoyaltyPointsIdentifier ON LoyaltyPoints (SourceId, PointIdentifier);
CREATE INDEX LoyaltyPointsLoyaltyCardId ON LoyaltyPoints (LoyaltyCardId);
CREATE INDEX LoyaltyPointsContactId ON LoyaltyPoints (ContactId);

-- ---- vouchers ----

-- Inferred, all but its key.
CREATE TABLE VoucherStates (
    VoucherStateId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO VoucherStates (VoucherStateId, Label) VALUES
    (1, 'Valid'), (2, 'Used'), (3, 'Expired'), (4, 'Cancelled');

CREATE TABLE VoucherCategories (
    VoucherCategoryId INTEGER PRIMARY KEY AUTOINCREMENT,
    Identifier TEXT NOT NULL,
    Label TEXT,
    VoucherCategoryPath TEXT,
    SourceId SMALLINT NOT NULL,
    VoucherTypeId SMALLINT,
    LoyaltyCardTypeId SMALLINT,
    Amount TEXT,
    PointCost INTEGER,
    VoucherExpirationDelayDay INTEGER,
    VoucherExpirationDelayMonth INTEGER,
    VoucherExpirationDelayYear INTEGER,
    HierarchyNode TEXT,
    ParentHierarchyNode TEXT,
    HierarchyLevel SMALLINT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX VoucherCategoriesIdentifier ON VoucherCategories (SourceId, Identifier);

CREATE INDEX VouchersLoyaltyCardId ON Vouchers (LoyaltyCardId);
CREATE INDEX PurchaseHeadersLoyaltyCardId ON PurchaseHeaders (LoyaltyCardId);

-- ---- what happens to a card ----

-- Inferred.
CREATE TABLE LoyaltyCardActionTypes (
    LoyaltyCardActionTypeId SMALLINT NOT NULL PRIMARY KEY,
    Label TEXT NOT NULL,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
INSERT INTO LoyaltyCardActionTypes (LoyaltyCardActionTypeId, Label) VALUES
    (1, 'Sent to the wallet'), (2, 'No pass in the wallet');

-- Inferred: known by its link to Source. One row for each command that has reached the wallet
-- provider; LoyaltyCardActionIdentifier is the id of its message.
CREATE TABLE LoyaltyCardActions (
    LoyaltyCardActionId INTEGER PRIMARY KEY AUTOINCREMENT,
    LoyaltyCardActionIdentifier TEXT NOT NULL,
    LoyaltyCardId INTEGER NOT NULL REFERENCES LoyaltyCards (LoyaltyCardId),
    SourceId SMALLINT NOT NULL,
    LoyaltyCardActionTypeId SMALLINT,
    ActionDate TEXT,
    DeletionFlag SMALLINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX LoyaltyCardActionsIdentifier
    ON LoyaltyCardActions (SourceId, LoyaltyCardActionIdentifier);
CREATE INDEX LoyaltyCardActionsLoyaltyCardId ON LoyaltyCardActions (LoyaltyCardId);
