-- Schema 4 of the CRM database, SQLite: the post codes of France.

-- What crm360ctl import-postcodes has read from La Poste's public file, against which addresses are
-- checked. A row is a place that mail is sent to: City is what stands behind the post code in line
-- 6 ("libelle d'acheminement"), Line5 the hamlet or quarter above it, '' = none, both in the
-- letters of the postal norm. One post code has several places, one commune (InseeCode) several
-- post codes. CityKey is what spellings of a name have in common (crm/postal.h).
CREATE TABLE WebhookPostcodes (
    PostCode TEXT NOT NULL,
    City TEXT NOT NULL,
    CityKey TEXT NOT NULL,
    InseeCode TEXT NOT NULL,
    Line5 TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (PostCode, InseeCode, City, Line5)
) WITHOUT ROWID;
CREATE INDEX WebhookPostcodesCityKey ON WebhookPostcodes (CityKey);
