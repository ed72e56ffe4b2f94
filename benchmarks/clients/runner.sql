-- name: create_schema
CREATE SCHEMA {schema}

-- name: drop_schema
DROP SCHEMA IF EXISTS {schema} CASCADE

-- name: copy
INSERT INTO {table} (originator_id, originator_version, topic, state, notification_id)
SELECT stream, revision, type, payload, position FROM {ledger}.events WHERE position <= %(through)s

-- name: create_totals
CREATE TABLE IF NOT EXISTS {schema}.by_party (party text PRIMARY KEY, claims bigint NOT NULL, best bigint NOT NULL)

-- name: upsert
INSERT INTO {schema}.by_party AS own VALUES (%(party)s, 1, %(best)s)
ON CONFLICT (party) DO UPDATE SET claims = own.claims + 1, best = own.best + excluded.best
