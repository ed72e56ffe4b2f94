-- What a check of everything stored reads beside the events themselves.

-- name: snapshot
-- All that is read of a page is of one moment: redactions go on meanwhile.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: commits
SELECT size_before, size_after, root, committed_at FROM {schema}.commits
 WHERE size_after > %(after)s AND size_before < %(through)s ORDER BY size_before

-- name: edges
SELECT (SELECT min(position) FROM {schema}.events), (SELECT max(position) FROM {schema}.events),
       (SELECT max(size_after) FROM {schema}.commits)

-- name: tiles
SELECT level, count(*), max(index), min(index) FROM {schema}.tiles GROUP BY level

-- name: later_redactions
-- Recorded since the check began.
SELECT position, payload FROM {schema}.events WHERE position > %(after)s AND type = 'PayloadRedacted'

-- name: redactions
SELECT target_position, act_position FROM {schema}.redactions WHERE act_position <= %(through)s

-- name: targets
SELECT event_id::text, position, payload IS NULL FROM {schema}.events WHERE event_id = ANY (%(events)s::uuid[])

-- name: take_turn
-- For as long as the session holds it: one process checks a ledger at a time.
SELECT pg_try_advisory_lock(hashtext('incident-ledger check'), hashtext(%(ledger)s))

-- name: end_turn
SELECT pg_advisory_unlock(hashtext('incident-ledger check'), hashtext(%(ledger)s))
