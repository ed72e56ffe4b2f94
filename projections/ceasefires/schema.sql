-- What the read model adds to the common tables: the agreements that a claim is about or speaks of, and violations.

-- name: create_tables
ALTER TABLE claims
    ADD COLUMN agreement_id   text COLLATE "C",           -- the agreement that the claim is about
    ADD COLUMN speaks_of      text[] NOT NULL,            -- agreements that other claims name
    ADD COLUMN supersedes     text COLLATE "C",           -- the agreement that its terms replace
    ADD COLUMN by_monitor     boolean NOT NULL,           -- a monitor is said to say so
    ADD COLUMN standing       text,                       -- of a violation
    ADD COLUMN violation_kind text,
    ADD COLUMN violators      text[] NOT NULL,
    ADD COLUMN acts           text[] NOT NULL;            -- incidents of the violation, and events as event:<id>

-- name: extract
body ->> 'agreement_id' AS agreement_id,
ARRAY(SELECT jsonb_array_elements_text(body -> 'agreement_ids')) AS speaks_of,
body -> 'terms' ->> 'supersedes_agreement_id' AS supersedes,
body @? '$.attributions[*] ? (@.role == "monitor")' AS by_monitor,
CASE WHEN type = {CeasefireViolated} THEN coalesce(body ->> 'standing', {alleged}) END AS standing,
body ->> 'violation_kind' AS violation_kind,
ARRAY(SELECT jsonb_array_elements_text(body -> 'violators')) AS violators,
ARRAY(SELECT DISTINCT coalesce(act ->> 'incident_id', {event} || (act ->> 'event_id')) COLLATE "C"
        FROM jsonb_array_elements(body -> 'acts') AS act ORDER BY 1) AS acts

-- name: create_indexes
CREATE INDEX claims_agreement ON claims (agreement_id, position) WHERE type <> 'CeasefireViolated';
CREATE INDEX claims_supersedes ON claims (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX claims_violation ON claims (agreement_id, occurred_start, position) WHERE type = 'CeasefireViolated';
CREATE INDEX claims_speaks_of ON claims USING gin (speaks_of);
