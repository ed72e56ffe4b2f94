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

-- What follows is kept level with the tables above in each batch's transaction, so that current totals cost the same
-- however many claims there are. It says what a question without a filter says now by the rule `latest`, no more.

-- One row for each number that stands (the claim that is taken, and how many others say the same), and one for each claim
-- that is left out. Groupings by month and year leave out claims that others take, and acled-2019 has numbers where other
-- policies have none: where that makes a difference in an incident, each of these cases has rows of its own.
CREATE TABLE current_numbers (
    incident_id    text COLLATE "C" NOT NULL,
    event_id       uuid NOT NULL,
    position       bigint NOT NULL,
    form_position  bigint NOT NULL,
    policies       smallint NOT NULL,              -- 1: verbatim-1 and ucdp-range, 2: acled-2019, 3: all of them
    keys           text[] COLLATE "C" NOT NULL,    -- its group in each kept grouping, in their order; NULL: in none
    left_out       text COLLATE "C",               -- why; NULL: it is taken
    counts         boolean NOT NULL,               -- it is taken and has a number
    superseded     integer NOT NULL,               -- other claims of the same number that have one too
    unresolved     integer NOT NULL,               -- claims of the same number that have none
    low            bigint,
    best           bigint,
    high           bigint,
    acled_number   bigint,
    whole          bigint[],                       -- its incident's by the same source: position, low, best, high
    qualifier      text COLLATE "C",
    party_claim    boolean NOT NULL,
    aggregate      boolean NOT NULL,
    perpetrators   text[] COLLATE "C" NOT NULL,
    occurred_start date NOT NULL,
    occurred_end   date NOT NULL,
    place_name     text,
    admin2         text,
    source         text,
    actors         text[] NOT NULL
);
CREATE INDEX current_numbers_incident ON current_numbers (incident_id);

-- The tolls that hold, and those that are left out.
CREATE TABLE current_tolls (
    event_id      uuid NOT NULL,
    held_from     bigint NOT NULL,
    form_position bigint NOT NULL,
    incident_id   text COLLATE "C",
    left_out      text COLLATE "C"                 -- why; NULL: it stands beside the figures
);
CREATE INDEX current_tolls_event ON current_tolls (event_id);
CREATE INDEX current_tolls_incident ON current_tolls (incident_id);
CREATE INDEX current_tolls_form_position ON current_tolls (form_position) WHERE left_out IS NULL;
CREATE INDEX current_tolls_of_areas ON current_tolls (form_position) WHERE left_out IS NULL AND incident_id IS NULL;

-- Those that stand beside the figures of a grouping by ucdp-range: not those that give their bounds to a figure.
CREATE TABLE tolls_beside (
    grouping      smallint NOT NULL,
    form_position bigint NOT NULL,
    event_id      uuid NOT NULL,
    held_from     bigint NOT NULL
);
CREATE INDEX tolls_beside_form_position ON tolls_beside (grouping, form_position);

-- How many of both there are; grouping 0: of the tolls that hold, left_out: or why they are left out, '' if they are not.
CREATE TABLE totals_of_tolls (
    grouping smallint NOT NULL,
    left_out text COLLATE "C" NOT NULL,
    tolls    bigint NOT NULL,
    PRIMARY KEY (grouping, left_out)
);

-- The first tolls of areas, of which the sums inside are kept; by the position of what gave the toll its form.
CREATE TABLE kept_tolls (
    form_position   bigint PRIMARY KEY,
    victim_party    text COLLATE "C",
    victim_class    text COLLATE "C" NOT NULL,
    outcome         text COLLATE "C" NOT NULL,
    perpetrators    text[] COLLATE "C" NOT NULL,
    occurred_start  date NOT NULL,
    occurred_end    date NOT NULL,
    place_precision smallint,
    place_name      text,
    country         text,
    admin1          text,
    admin2          text,
    stated_admin1   text
);

-- Sums over current_numbers: by group, or inside a toll. Whole numbers only, so that the order of additions makes no
-- difference. Of numbers, all are equal if and only if their count times the sum of their squares is the square of
-- their sum: so it is known whether one source published all claims without a list of sources for each group.
CREATE TABLE totals (
    grouping             smallint NOT NULL,        -- its number among the kept groupings; 0: inside the toll `key`
    key                  text COLLATE "C" NOT NULL,
    policies             smallint NOT NULL,
    taken                bigint NOT NULL,
    claims               bigint NOT NULL,
    incidents            bigint NOT NULL,
    low                  bigint NOT NULL,
    lows                 bigint NOT NULL,          -- how many state one; likewise below
    best                 bigint NOT NULL,
    bests                bigint NOT NULL,
    high                 bigint NOT NULL,
    highs                bigint NOT NULL,
    acled_number         bigint NOT NULL,
    qualifiers           bigint NOT NULL,          -- the sum of their numbers: of one claim, its own
    party_claim          bigint NOT NULL,
    aggregate            bigint NOT NULL,
    low_above_best       bigint NOT NULL,
    best_above_high      bigint NOT NULL,
    sources              bigint NOT NULL,
    source_sum           numeric NOT NULL,
    source_squares       numeric NOT NULL,
    retracted            bigint NOT NULL,
    verification         bigint NOT NULL,
    date_precision       bigint NOT NULL,
    unresolved_words     bigint NOT NULL,
    superseded           bigint NOT NULL,
    PRIMARY KEY (grouping, key, policies)
);

-- What the bounds of wholes add to these by ucdp-range, where some give them.
CREATE TABLE totals_by_wholes (
    grouping        smallint NOT NULL,
    key             text COLLATE "C" NOT NULL,
    policies        smallint NOT NULL,
    parts           bigint NOT NULL,
    claims          bigint NOT NULL,
    low             bigint NOT NULL,
    lows            bigint NOT NULL,
    high            bigint NOT NULL,
    highs           bigint NOT NULL,
    low_above_best  bigint NOT NULL,
    best_above_high bigint NOT NULL,
    PRIMARY KEY (grouping, key, policies)
);

-- The first positions of the claims that a group counts; and how many it counts in each stretch of positions, so that
-- the next ones are found where one of the first goes away.
CREATE TABLE totals_positions (
    grouping  smallint NOT NULL,
    key       text COLLATE "C" NOT NULL,
    policies  smallint NOT NULL,
    positions bigint[] NOT NULL,
    PRIMARY KEY (grouping, key, policies)
);
CREATE TABLE totals_stretches (
    grouping smallint NOT NULL,
    key      text COLLATE "C" NOT NULL,
    policies smallint NOT NULL,
    stretch  bigint NOT NULL,
    claims   bigint NOT NULL,
    PRIMARY KEY (grouping, key, policies, stretch)
);

-- The actors that claims of a group name and that the register does not know; how many such claims there are.
CREATE TABLE totals_unregistered (
    grouping smallint NOT NULL,
    key      text COLLATE "C" NOT NULL,
    policies smallint NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    claims   bigint NOT NULL,
    PRIMARY KEY (grouping, key, policies, actor_id)
);
CREATE INDEX totals_unregistered_actor ON totals_unregistered (actor_id);

-- name: extract
-- Bounds as they follow from the words without a guess: those that the source gives, else what its qualifier says of the
-- number. acled-2019 takes the lowest number, and for words alone 100, 12, 10 or 0.
body ->> 'victim_party' AS victim_party,
coalesce(body ->> 'victim_class', {classes}::jsonb ->> type) AS victim_class,
coalesce(body ->> 'outcome', {outcomes}::jsonb ->> type) AS outcome,
ARRAY(SELECT DISTINCT actor COLLATE "C" FROM jsonb_array_elements_text(body -> 'perpetrators') AS actor ORDER BY 1)
    AS perpetrators,
coalesce((count ->> 'low')::bigint, CASE count ->> 'qualifier'
    WHEN 'exact' THEN stated WHEN 'at_least' THEN stated WHEN 'more_than' THEN stated + 1
    WHEN 'at_most' THEN 0 * stated WHEN 'less_than' THEN 0 * stated END) AS low,
coalesce((count ->> 'best')::bigint, CASE count ->> 'qualifier'
    WHEN 'more_than' THEN stated + 1 WHEN 'at_most' THEN NULL WHEN 'less_than' THEN NULL ELSE stated END) AS best,
coalesce((count ->> 'high')::bigint, CASE count ->> 'qualifier'
    WHEN 'exact' THEN stated WHEN 'at_most' THEN stated WHEN 'less_than' THEN stated - 1 END) AS high,
CASE WHEN count IS NOT NULL THEN coalesce(
    (count ->> 'low')::bigint,
    CASE count ->> 'qualifier'
        WHEN 'exact' THEN stated WHEN 'at_least' THEN stated WHEN 'more_than' THEN stated + 1
        WHEN 'at_most' THEN 0 * stated WHEN 'less_than' THEN 0 * stated END,
    (count ->> 'best')::bigint,
    stated,
    CASE WHEN count ->> 'qualifier' <> 'vague' THEN 0
         WHEN count ->> 'words' ~* '\yhundreds\y' COLLATE "C" THEN 100
         WHEN count ->> 'words' ~* '\ydozens\y' COLLATE "C" THEN 12
         WHEN count ->> 'words' ~* '\y(several|many|numerous|a number of|some|a few)\y' COLLATE "C" THEN 10
         ELSE 0 END) END AS acled_number,
count ->> 'qualifier' AS qualifier,
type = {TollClaimed} AS is_toll,
ARRAY(SELECT DISTINCT actor COLLATE "C" FROM jsonb_array_elements_text({parties}) AS actor ORDER BY 1) AS parties

-- name: create_indexes
CREATE INDEX claims_victims ON claims (victim_party, victim_class, outcome);
CREATE INDEX claims_country ON claims (lower(country));
CREATE INDEX claims_admin1 ON claims (lower(admin1));
CREATE INDEX claims_admin2 ON claims (lower(admin2));
CREATE INDEX claims_place ON claims (lower(place_name));
CREATE INDEX claims_point ON claims (latitude, longitude) WHERE latitude IS NOT NULL;
CREATE INDEX claims_long ON claims (occurred_start) WHERE occurred_end - occurred_start > 31;
CREATE INDEX claims_attributed ON claims USING gin (attributed);
CREATE INDEX claims_perpetrators ON claims USING gin (perpetrators);
CREATE INDEX claims_parties ON claims USING gin (parties);
CREATE INDEX claims_form_position ON claims (form_position);
CREATE INDEX claims_tolls ON claims (form_position) WHERE is_toll;
CREATE INDEX reports_source ON reports (source);
