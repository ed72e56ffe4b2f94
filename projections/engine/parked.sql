-- Events that a generation has put aside. {catalogue} is the ledger's catalogue.

-- name: add
INSERT INTO {catalogue}.parked (name, generation, position, type, reason, traceback_digest)
VALUES (%(name)s, %(number)s, %(position)s, %(type)s, %(reason)s, %(traceback_digest)s)
ON CONFLICT (name, generation, position)
   DO UPDATE SET reason = excluded.reason, traceback_digest = excluded.traceback_digest

-- name: page
SELECT position, type, reason, traceback_digest FROM {catalogue}.parked
 WHERE name = %(name)s AND generation = %(number)s AND position > %(after)s
 ORDER BY position LIMIT %(limit)s

-- name: count
SELECT count(*) FROM {catalogue}.parked WHERE name = %(name)s AND generation = %(number)s

-- name: remove
DELETE FROM {catalogue}.parked WHERE name = %(name)s AND generation = %(number)s AND position = %(position)s

-- name: lift
-- Whoever leads tries the event again.
UPDATE {catalogue}.generations SET halted_because = '' WHERE name = %(name)s AND number = %(number)s
