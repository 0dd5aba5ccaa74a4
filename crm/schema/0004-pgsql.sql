-- Schema 4 of the CRM database, PostgreSQL: the post codes of France.

-- What crm360ctl import-postcodes has read from La Poste's public file, against which addresses are
-- checked. A row is a place that mail is sent to: City is what stands behind the post code in line
-- 6 ("libelle d'acheminement"), Line5 the hamlet or quarter above it, '' = none, both in the
-- letters of the postal norm. One post code has several places, one commune (InseeCode) several
-- post codes. CityKey is what spellings of a name have in common (crm/postal.h).
-- COLLATE "C": the order is that of the bytes, as in SQLite.
CREATE TABLE WebhookPostcodes (
    PostCode TEXT COLLATE "C" NOT NULL,
    City TEXT COLLATE "C" NOT NULL,
    CityKey TEXT COLLATE "C" NOT NULL,
    InseeCode TEXT COLLATE "C" NOT NULL,
    Line5 TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (PostCode, InseeCode, City, Line5)
);
CREATE INDEX WebhookPostcodesCityKey ON WebhookPostcodes (CityKey);
