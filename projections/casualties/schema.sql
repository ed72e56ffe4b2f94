-- The casualties read model: what it adds to the common tables of the history. Claims of the use of force are there for
-- who took part; what is about casualties alone is NULL in them.

-- name: create_tables
-- low, best, high: what follows from the words without a guess; NULL is open or unstated, never 0.
ALTER TABLE claims
    ADD COLUMN victim_party text COLLATE "C",
    ADD COLUMN victim_class text COLLATE "C",              -- of a toll also `all`
    ADD COLUMN outcome      text COLLATE "C",
    ADD COLUMN perpetrators text[] COLLATE "C" NOT NULL,   -- sorted, each once
    ADD COLUMN low          bigint,
    ADD COLUMN best         bigint,
    ADD COLUMN high         bigint,
    ADD COLUMN acled_number bigint,                        -- by the count policy acled-2019
    ADD COLUMN qualifier    text COLLATE "C",
    ADD COLUMN is_toll      boolean NOT NULL,
    ADD COLUMN parties      text[] COLLATE "C" NOT NULL;   -- who took part, as victims too; sorted, each once

CREATE INDEX claims_victims ON claims (victim_party, victim_class, outcome);
CREATE INDEX claims_country ON claims (lower(country));
CREATE INDEX claims_admin1 ON claims (lower(admin1), lower(admin2));
CREATE INDEX claims_place ON claims (lower(place_name));
CREATE INDEX claims_perpetrators ON claims USING gin (perpetrators);
CREATE INDEX claims_parties ON claims USING gin (parties);
CREATE INDEX claims_form_position ON claims (form_position);
CREATE INDEX claims_tolls ON claims (form_position) WHERE is_toll;
