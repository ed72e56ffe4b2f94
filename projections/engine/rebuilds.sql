-- The newest rebuild of each projection: how far it is, who runs it, and whether it is to end. {catalogue} is the schema
-- of the catalogue; {holder} tells the session that runs it.

-- name: lock
-- Held by the session, so that it ends with the process, however it ends.
SELECT pg_try_advisory_lock(hashtext(%(catalogue)s), hashtext(%(name)s))

-- name: unlock
SELECT pg_advisory_unlock(hashtext(%(catalogue)s), hashtext(%(name)s))

-- name: holder
SELECT pid FROM pg_locks
 WHERE locktype = 'advisory' AND granted AND objsubid = 2
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND classid::bigint = hashtext(%(catalogue)s)::bigint & 4294967295
   AND objid::bigint = hashtext(%(name)s)::bigint & 4294967295

-- name: newest
SELECT name, started_at, purpose, at_position, generation, phase, done, total, events_per_second, remaining_seconds,
       state_digest, replaced_digest, error, resumed_from, compared_position,
       cancel_asked, EXISTS ({holder}) AS running
  FROM {catalogue}.rebuilds
 WHERE name = %(name)s

-- name: running
SELECT EXISTS ({holder})

-- name: tell
-- What is over is noted in the same statement, so that no crash keeps it from the administrative record; once, however
-- often that is told.
WITH noted AS (
    INSERT INTO {catalogue}.ended (name, generation, purpose, phase, position, state_digest, replaced_digest, error)
    SELECT %(name)s, %(generation)s, %(purpose)s, %(phase)s, %(done)s, %(state_digest)s, %(replaced_digest)s, %(error)s
     WHERE %(phase)s = ANY (%(ended)s)
       AND NOT EXISTS (SELECT FROM {catalogue}.rebuilds
                        WHERE name = %(name)s AND generation = %(generation)s AND started_at = %(started_at)s
                          AND phase = ANY (%(ended)s)))
INSERT INTO {catalogue}.rebuilds (name, generation, phase, done, total, events_per_second, remaining_seconds,
                                  state_digest, replaced_digest, error, started_at, purpose, at_position,
                                  resumed_from, compared_position)
VALUES (%(name)s, %(generation)s, %(phase)s, %(done)s, %(total)s, %(events_per_second)s, %(remaining_seconds)s,
        %(state_digest)s, %(replaced_digest)s, %(error)s, %(started_at)s, %(purpose)s, %(at_position)s,
        %(resumed_from)s, %(compared_position)s)
ON CONFLICT (name) DO UPDATE
   SET generation = excluded.generation, phase = excluded.phase, done = excluded.done, total = excluded.total,
       events_per_second = excluded.events_per_second, remaining_seconds = excluded.remaining_seconds,
       state_digest = excluded.state_digest, replaced_digest = excluded.replaced_digest, error = excluded.error,
       started_at = excluded.started_at, purpose = excluded.purpose, at_position = excluded.at_position,
       resumed_from = excluded.resumed_from, compared_position = excluded.compared_position,
       -- What was asked of an earlier one does not concern this one.
       cancel_asked = rebuilds.cancel_asked AND rebuilds.generation = excluded.generation
                      AND rebuilds.started_at = excluded.started_at

-- name: ended
SELECT id, name, generation, purpose, phase, position, state_digest, replaced_digest, error, ended_at
  FROM {catalogue}.ended ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: ended_is_recorded
DELETE FROM {catalogue}.ended WHERE id = ANY (%(ids)s)

-- name: ask_cancel
UPDATE {catalogue}.rebuilds SET cancel_asked = true WHERE name = %(name)s AND generation = %(generation)s

-- name: cancel_asked
SELECT cancel_asked FROM {catalogue}.rebuilds WHERE name = %(name)s AND generation = %(generation)s

-- name: forget
DELETE FROM {catalogue}.rebuilds WHERE name = %(name)s AND phase = ANY (%(ended)s)

-- name: end_statement
SELECT pg_cancel_backend(pid) FROM ({holder}) AS held

-- name: end_session
SELECT pg_terminate_backend(pid) FROM ({holder}) AS held
