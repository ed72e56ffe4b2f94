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
CREATE INDEX claims_agreement ON claims (agreement_id, position) WHERE type <> 'CeasefireViolated';
CREATE INDEX claims_supersedes ON claims (supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX claims_violation ON claims (agreement_id, occurred_start, position) WHERE type = 'CeasefireViolated';
CREATE INDEX claims_speaks_of ON claims USING gin (speaks_of);
