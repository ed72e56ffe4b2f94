-- Leases: which process leads which projection of a ledger. All by the database's clock, each statement by itself, so
-- that a process that is stopped between two of them holds up nobody. {catalogue} is the ledger's catalogue.

-- name: session
-- The session that asks. A process number is given again; with its beginning it is not.
SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()

-- name: is_standby
-- Whether the database is a copy that only reads, until it is promoted.
SELECT pg_is_in_recovery()

-- name: enter
-- A lease that has run out already: it is taken like any other.
INSERT INTO {catalogue}.leaders (name, holder, epoch, expires_at) VALUES (%(name)s, %(holder)s, 0, '-infinity')
ON CONFLICT (name) DO NOTHING

-- name: renew
-- Also where it has run out, as long as nobody else has taken it: the epoch, and not the time, is what a fold checks.
UPDATE {catalogue}.leaders AS l
   SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s),
       backend = given.backend, backend_began = given.began
  FROM unnest(%(names)s::text[], %(backends)s::integer[], %(begans)s::timestamptz[]) AS given (name, backend, began)
 WHERE l.name = given.name AND l.holder = %(holder)s AND l.epoch > 0
RETURNING l.name, l.epoch

-- name: take
WITH due AS (
    SELECT l.name, l.backend, l.backend_began, given.backend AS taker, given.began AS taker_began
      FROM {catalogue}.leaders AS l
      JOIN unnest(%(names)s::text[], %(backends)s::integer[], %(begans)s::timestamptz[])
           AS given (name, backend, began) USING (name)
     WHERE l.expires_at <= clock_timestamp()
       FOR UPDATE OF l SKIP LOCKED
)
UPDATE {catalogue}.leaders AS l
   SET holder = %(holder)s, epoch = l.epoch + 1,
       expires_at = clock_timestamp() + make_interval(secs => %(seconds)s),
       backend = due.taker, backend_began = due.taker_began
  FROM due
 WHERE l.name = due.name
RETURNING l.name, l.epoch, due.backend, due.backend_began

-- name: give_back
UPDATE {catalogue}.leaders SET expires_at = '-infinity', backend = NULL, backend_began = NULL
 WHERE name = ANY (%(names)s) AND holder = %(holder)s

-- name: leads
-- The fence: asked under the projection's lock by every transaction that folds. The session is part of it, so that
-- nothing folds in one that a successor could not end.
SELECT FROM {catalogue}.leaders
 WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s AND backend = pg_backend_pid()

-- name: leader
-- Who leads now; nobody where the lease has run out.
SELECT holder FROM {catalogue}.leaders WHERE name = %(name)s AND expires_at > clock_timestamp()

-- name: end_session
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE pid = %(backend)s AND backend_start = %(began)s AND datname = current_database() AND usename = current_user

-- name: is_working
-- Whether a session works on a statement, or has done so within some seconds.
SELECT FROM pg_stat_activity
 WHERE pid = %(backend)s AND backend_start = %(began)s
   AND (state = 'active' OR state_change > clock_timestamp() - make_interval(secs => %(seconds)s))
