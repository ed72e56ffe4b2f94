-- The tree of a ledger as stored.

-- name: tile
SELECT hashes FROM {schema}.tiles WHERE level = %(level)s AND index = %(index)s

-- name: leaves
SELECT position, leaf FROM {schema}.events
 WHERE position > %(after)s AND position <= %(through)s ORDER BY position LIMIT %(limit)s
