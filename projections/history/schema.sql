-- The tables that every read model has in each of its generations. Everything that can change carries the range of
-- positions in which it held: held_from inclusive, held_to exclusive, NULL while it holds. A state as of a position is
-- held_from <= position AND (held_to IS NULL OR held_to > position).

-- name: create_tables
-- With the indexes that the fold itself needs.
-- One row for each form in which a claim held. The first row (held_from = position) is the claim as it was recorded and
-- is always there, with an empty range if the claim never held.
CREATE TABLE claims (
    event_id           uuid NOT NULL,                 -- of the claim as recorded
    form_event_id      uuid NOT NULL,                 -- what gave it this form: the claim itself or a ClaimCorrected
    position           bigint NOT NULL,               -- of the claim as recorded
    form_position      bigint NOT NULL,               -- of form_event_id
    held_from          bigint NOT NULL,
    held_to            bigint,
    type               text COLLATE "C" NOT NULL,     -- of this form
    stream             text COLLATE "C" NOT NULL,
    report_id          text COLLATE "C" NOT NULL,     -- of the claim as recorded
    incident_id        text COLLATE "C",              -- after merges
    stated_incident_id text COLLATE "C",
    occurred_start     date NOT NULL,
    occurred_end       date NOT NULL,
    date_precision     smallint NOT NULL,
    place_name         text,
    country            text,
    admin1             text,
    admin2             text,
    place_precision    smallint,
    latitude           double precision,
    longitude          double precision,
    verification       text NOT NULL,
    credibility        smallint,
    aggregate          boolean NOT NULL,
    kind_of_violence   smallint,
    attributed         text[] NOT NULL,               -- actor ids and names of those who are said to say so
    party_claim        boolean NOT NULL,              -- some attribution has the role `party`
    actors             text[] NOT NULL,               -- every actor that it names in any role, sorted
    preferred          boolean NOT NULL,              -- an analyst's choice names it
    preferred_position bigint,                        -- of that choice; of several claims the latest choice wins
    why_ended          text,                          -- corrected, retracted, report retracted, assessed, merged, chosen, undone
    recorded_at        timestamptz NOT NULL,          -- of the claim as recorded
    body               jsonb NOT NULL,                -- this form's payload, assessed verification included
    PRIMARY KEY (event_id, held_from)
);
CREATE INDEX claims_stated_incident ON claims (stated_incident_id);
CREATE INDEX claims_report ON claims (report_id);

-- Claims of types that the read model does not take: a correction can make one a type that it does.
CREATE TABLE other_claims (
    event_id    uuid PRIMARY KEY,
    position    bigint NOT NULL,
    stream      text COLLATE "C" NOT NULL,
    report_id   text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX other_claims_report ON other_claims (report_id);

-- Claims of types that the read model takes whose payloads were removed: all that is left of them.
CREATE TABLE redacted_claims (
    event_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    type     text COLLATE "C" NOT NULL,               -- as recorded
    stream   text COLLATE "C" NOT NULL
);

-- Acts whose payloads were removed: what they did is gone too, so that as of positions at which they stood the record
-- reads as if they had not been. The ledger lets an act go only when it does nothing any more.
CREATE TABLE redacted_acts (
    event_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    type     text COLLATE "C" NOT NULL,
    stream   text COLLATE "C" NOT NULL
);

-- A report, while it is not retracted. Of a redacted report only ids, positions and time of recording are left.
CREATE TABLE reports (
    report_id   text COLLATE "C" NOT NULL,
    event_id    uuid NOT NULL,
    position    bigint NOT NULL,
    source      text,
    reliability text,                                 -- a-f
    reported    date,
    reported_at text,                                 -- as stated: a date or a time, ISO 8601
    title       text,
    source_ids  jsonb,                                -- the source in registers of sources: scheme and id; NULL in none
    source_count integer,                             -- on how many sources it rests; NULL where not stated
    recorded_at timestamptz NOT NULL,
    held_from   bigint NOT NULL,
    held_to     bigint,
    PRIMARY KEY (report_id, held_from)
);
CREATE INDEX reports_event ON reports (event_id);

-- Acts of the record, while they are not undone.
CREATE TABLE acts (
    event_id         uuid NOT NULL,
    position         bigint NOT NULL,
    type             text COLLATE "C" NOT NULL,
    target_event_id  uuid,                            -- of a PreferredClaimChosen, the claim that it prefers
    target_report_id text COLLATE "C",
    report_id        text COLLATE "C" NOT NULL,       -- of the report that holds the act
    recorded_at      timestamptz NOT NULL,
    held_from        bigint NOT NULL,
    held_to          bigint,
    body             jsonb NOT NULL,
    PRIMARY KEY (event_id, held_from)
);
CREATE INDEX acts_target ON acts (target_event_id);
CREATE INDEX acts_target_report ON acts (target_report_id);
CREATE INDEX acts_merging ON acts (position) WHERE type = 'IncidentsMerged';
CREATE INDEX acts_registering ON acts ((body ->> 'actor_id')) WHERE type = 'ActorRegistered';

-- Which incident another one turned out to be, followed to the end of the chain.
CREATE TABLE merges (
    merged_incident_id text COLLATE "C" NOT NULL,
    incident_id        text COLLATE "C" NOT NULL,
    held_from          bigint NOT NULL,
    held_to            bigint,
    PRIMARY KEY (merged_incident_id, held_from)
);

-- The register: the latest registration of an actor that is not undone.
CREATE TABLE actors (
    actor_id  text COLLATE "C" NOT NULL,
    event_id  uuid NOT NULL,
    name      text NOT NULL,
    kind      text NOT NULL,
    aliases   text[] NOT NULL,
    held_from bigint NOT NULL,
    held_to   bigint,
    PRIMARY KEY (actor_id, held_from)
);

-- name: create_indexes
-- What only questions need, made when a generation is full.
CREATE INDEX claims_held_from ON claims (held_from);
CREATE INDEX claims_incident ON claims (incident_id);
CREATE INDEX claims_occurred ON claims (occurred_start);
CREATE INDEX redacted_claims_stream ON redacted_claims (stream);
-- The day that the record has reached: the latest one of a report that holds. With the range, so that the index answers.
CREATE INDEX reports_reported ON reports (reported, held_from, held_to);
