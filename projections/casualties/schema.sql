-- The casualties read model: what it adds to the common tables of the history.

-- name: create_tables
-- low, best, high: what follows from the words without a guess; NULL is open or unstated, never 0.
ALTER TABLE claims
    ADD COLUMN victim_party text COLLATE "C",
    ADD COLUMN victim_class text COLLATE "C" NOT NULL,
    ADD COLUMN outcome      text COLLATE "C" NOT NULL,
    ADD COLUMN perpetrators text[] COLLATE "C" NOT NULL,   -- sorted, each once
    ADD COLUMN low          bigint,
    ADD COLUMN best         bigint,
    ADD COLUMN high         bigint,
    ADD COLUMN acled_number bigint NOT NULL,               -- by the count policy acled-2019
    ADD COLUMN qualifier    text COLLATE "C" NOT NULL,
    ADD COLUMN is_toll      boolean NOT NULL;

CREATE INDEX claims_victims ON claims (victim_party, victim_class, outcome);
CREATE INDEX claims_country ON claims (lower(country));
CREATE INDEX claims_admin1 ON claims (lower(admin1), lower(admin2));
CREATE INDEX claims_place ON claims (lower(place_name));
CREATE INDEX claims_perpetrators ON claims USING gin (perpetrators);
CREATE INDEX claims_form_position ON claims (form_position);
CREATE INDEX claims_tolls ON claims (form_position) WHERE is_toll;
