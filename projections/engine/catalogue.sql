-- The catalogue of a ledger's projections and their generations, in a schema of its own: {catalogue}.

-- name: exists
-- Its newest part: a catalogue of an earlier version is brought up to date by `create`.
SELECT to_regclass(quote_ident(%(catalogue)s) || '.ended') IS NOT NULL

-- name: take_turns
-- Processes that start at once must not create the same thing twice.
SELECT pg_advisory_xact_lock(hashtext(%(catalogue)s))

-- name: create
CREATE SCHEMA IF NOT EXISTS {catalogue};

CREATE TABLE IF NOT EXISTS {catalogue}.projections (
    name            text COLLATE "C" PRIMARY KEY,
    live_generation integer NOT NULL
);

-- Rows stay when their schemas are dropped, so that no number is given twice.
CREATE TABLE IF NOT EXISTS {catalogue}.generations (
    name           text COLLATE "C" NOT NULL,
    number         integer NOT NULL CHECK (number > 0),
    schema         text COLLATE "C" NOT NULL UNIQUE,
    version        integer NOT NULL,
    position       bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    status         text NOT NULL CHECK (status IN ('building', 'live', 'retired', 'frozen', 'failed', 'dropped')),
    halted_because text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    retired_at     timestamptz,
    PRIMARY KEY (name, number)
);

-- The newest rebuild of each projection, as far as it came.
CREATE TABLE IF NOT EXISTS {catalogue}.rebuilds (
    name              text COLLATE "C" PRIMARY KEY,
    generation        integer NOT NULL,
    phase             text NOT NULL,
    done              bigint NOT NULL,
    total             bigint NOT NULL,
    events_per_second double precision NOT NULL,
    remaining_seconds double precision NOT NULL,
    state_digest      text NOT NULL,
    replaced_digest   text NOT NULL,
    error             text NOT NULL,
    started_at        timestamptz NOT NULL
);

-- Builds that are over and not in the administrative record yet.
CREATE TABLE IF NOT EXISTS {catalogue}.ended (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text COLLATE "C" NOT NULL,
    generation      integer NOT NULL,
    purpose         text NOT NULL,
    phase           text NOT NULL,
    position        bigint NOT NULL,
    state_digest    text NOT NULL,
    replaced_digest text NOT NULL,
    error           text NOT NULL,
    ended_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events that a fold could not take and that were put aside.
CREATE TABLE IF NOT EXISTS {catalogue}.parked (
    name             text COLLATE "C" NOT NULL,
    generation       integer NOT NULL,
    position         bigint NOT NULL,
    type             text COLLATE "C" NOT NULL,
    reason           text NOT NULL,
    traceback_digest text NOT NULL,
    PRIMARY KEY (name, generation, position)
);

-- Since version 2 of the catalogue.
ALTER TABLE {catalogue}.generations
    ADD COLUMN IF NOT EXISTS complete boolean NOT NULL DEFAULT true,  -- has what only questions need
    ADD COLUMN IF NOT EXISTS began_at bigint NOT NULL DEFAULT 0;      -- the ledger's head when it was begun
ALTER TABLE {catalogue}.projections
    ADD COLUMN IF NOT EXISTS withdrawn_version integer NOT NULL DEFAULT 0;  -- an operator went back from it
ALTER TABLE {catalogue}.rebuilds
    ADD COLUMN IF NOT EXISTS purpose text NOT NULL DEFAULT 'rebuild',    -- what becomes of the generation
    ADD COLUMN IF NOT EXISTS at_position bigint NOT NULL DEFAULT 0,      -- where it ends, if not where the live one is
    ADD COLUMN IF NOT EXISTS resumed_from bigint NOT NULL DEFAULT 0,     -- where it went on after its process had died
    ADD COLUMN IF NOT EXISTS compared_position bigint NOT NULL DEFAULT 0,  -- of the digests
    ADD COLUMN IF NOT EXISTS cancel_asked boolean NOT NULL DEFAULT false;

-- Which process folds into the live generation of each projection. Whoever renews the lease keeps it.
CREATE TABLE IF NOT EXISTS {catalogue}.leaders (
    name          text COLLATE "C" PRIMARY KEY,
    holder        uuid NOT NULL,
    epoch         bigint NOT NULL,              -- raised when another process takes over
    backend       integer,                      -- its session's process at the server, and when that began
    backend_began timestamptz,
    expires_at    timestamptz NOT NULL
);

-- name: live
SELECT g.name, g.number, g.schema, g.version, g.position, g.status, g.halted_because, g.complete
  FROM {catalogue}.projections AS p
  JOIN {catalogue}.generations AS g ON g.name = p.name AND g.number = p.live_generation
 WHERE p.name = %(name)s

-- name: generation
SELECT name, number, schema, version, position, status, halted_because, complete
  FROM {catalogue}.generations
 WHERE name = %(name)s AND number = %(number)s

-- name: lock
-- Whoever folds into the live generation, or replaces it, holds this row.
SELECT FROM {catalogue}.projections WHERE name = %(name)s FOR UPDATE

-- name: lock_if_free
SELECT FROM {catalogue}.projections WHERE name = %(name)s FOR UPDATE SKIP LOCKED

-- name: add_generation
INSERT INTO {catalogue}.generations (name, number, schema, version, status, complete, began_at)
VALUES (%(name)s, %(number)s, %(schema)s, %(version)s, %(status)s, %(complete)s,
        %(began_at)s)

-- name: next_number
SELECT coalesce(max(number), 0) + 1 FROM {catalogue}.generations WHERE name = %(name)s

-- name: add_projection
INSERT INTO {catalogue}.projections (name, live_generation) VALUES (%(name)s, %(number)s)

-- name: move
UPDATE {catalogue}.generations SET position = %(position)s, halted_because = ''
 WHERE name = %(name)s AND number = %(number)s AND position = %(before)s

-- name: complete
UPDATE {catalogue}.generations SET complete = true WHERE name = %(name)s AND number = %(number)s

-- name: halt
-- Unless another process has got further meanwhile.
UPDATE {catalogue}.generations SET halted_because = %(reason)s
 WHERE name = %(name)s AND number = %(number)s AND position = %(position)s

-- name: go_live
-- Who goes back to an older version withdraws the newer one.
UPDATE {catalogue}.projections
   SET live_generation = %(number)s,
       withdrawn_version = CASE WHEN %(version)s < %(replaced_version)s THEN greatest(withdrawn_version, %(replaced_version)s)
                                ELSE withdrawn_version END
 WHERE name = %(name)s

-- name: withdrawn_version
SELECT withdrawn_version FROM {catalogue}.projections WHERE name = %(name)s

-- name: take_back
-- The newest generation of a version that was replaced and is still kept; who drops it has it locked.
UPDATE {catalogue}.generations SET status = 'building'
 WHERE status = 'retired' AND name = %(name)s
   AND number = (SELECT max(number) FROM {catalogue}.generations
                  WHERE name = %(name)s AND version = %(version)s AND status = 'retired')
RETURNING name, number, schema, version, position, status, halted_because, complete

-- name: set_status
UPDATE {catalogue}.generations
   SET status = %(status)s, retired_at = CASE WHEN %(status)s = 'retired' THEN now() ELSE retired_at END
 WHERE name = %(name)s AND number = %(number)s

-- name: give_up
UPDATE {catalogue}.generations
   SET status = %(status)s, retired_at = CASE WHEN %(status)s = 'retired' THEN now() ELSE retired_at END
 WHERE name = %(name)s AND number = %(number)s AND status = 'building'

-- name: lock_generation
SELECT status FROM {catalogue}.generations WHERE name = %(name)s AND number = %(number)s FOR UPDATE

-- name: create_schema
CREATE SCHEMA {schema};
-- Readers share a lock on it for as long as they read, so that the generation is not dropped under them.
CREATE TABLE {schema}.in_use ();

-- name: hold
LOCK TABLE {schema}.in_use IN ACCESS SHARE MODE

-- name: hold_alone
LOCK TABLE {schema}.in_use IN ACCESS EXCLUSIVE MODE NOWAIT

-- name: drop_schema
DROP SCHEMA IF EXISTS {schema} CASCADE

-- name: droppable
-- The oldest generation that can be dropped, kept from the other processes: one that was replaced some time ago, or a
-- frozen one with content that was redacted after it had been begun. Neither takes redactions. The newest one of another
-- version than the live one is kept longer, to go back to, unless something was redacted since.
SELECT name, number, schema, version, position, status, halted_because, complete
  FROM {catalogue}.generations
 WHERE name = %(name)s
   AND (status = 'retired' AND retired_at < now() - make_interval(secs => %(grace)s)
        AND (number IS DISTINCT FROM (SELECT max(other.number)
                                        FROM {catalogue}.projections AS p
                                        JOIN {catalogue}.generations AS live
                                          ON live.name = p.name AND live.number = p.live_generation
                                        JOIN {catalogue}.generations AS other
                                          ON other.name = p.name AND other.version <> live.version
                                       WHERE p.name = %(name)s AND other.status = 'retired')
             OR retired_at < now() - make_interval(secs => %(kept)s)
             OR number = ANY (%(redacted)s::int[]))
        OR status = 'frozen' AND number = ANY (%(redacted)s::int[]))
 ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: resting
-- Generations that take nothing any more; for a frozen one only what it holds matters, a replaced one may go on.
SELECT number, CASE status WHEN 'frozen' THEN position ELSE 9223372036854775807 END,
       CASE status WHEN 'frozen' THEN began_at ELSE position END
  FROM {catalogue}.generations
 WHERE name = %(name)s AND status IN ('frozen', 'retired')

-- name: redacted_within
SELECT EXISTS (SELECT FROM {ledger}.redactions WHERE target_position <= %(position)s AND act_position > %(began_at)s)

-- name: frozen
SELECT number, version, position, created_at
  FROM {catalogue}.generations
 WHERE name = %(name)s AND status = 'frozen' ORDER BY number

-- name: leftovers
-- What builds have made that are not over, or have left behind.
SELECT name, number, schema, version, position, status, halted_because, complete
  FROM {catalogue}.generations
 WHERE name = %(name)s AND status IN ('building', 'failed')

-- name: redacted_after
-- A redaction that is recorded but not yet taken: a generation that is filled now lacks what one filled before has.
SELECT EXISTS (SELECT FROM {ledger}.redactions WHERE act_position > %(position)s)

-- name: waiting_since
-- How long ago the first event after a position was recorded, seconds.
SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM {ledger}.events WHERE position = %(position)s + 1

-- name: halts
-- Why each projection is halted; empty where it is not.
SELECT p.name, g.halted_because
  FROM {catalogue}.projections AS p
  JOIN {catalogue}.generations AS g ON g.name = p.name AND g.number = p.live_generation

-- name: analyse
ANALYZE {table}
