-- name: schema
SELECT ledger_admin.create_ledger(%(ledger)s)

-- name: size
SELECT coalesce(max(size_after), 0) FROM {schema}.commits

-- name: commit
INSERT INTO {schema}.commits (size_before, size_after, root, committed_at)
VALUES (%(before)s, %(after)s, %(root)s, %(at)s)

-- name: tile
INSERT INTO {schema}.tiles (level, index, hashes) VALUES (%(level)s, %(index)s, %(hashes)s)

-- name: copy_in
COPY {schema}.events
     (position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload)
FROM STDIN (FORMAT binary)

-- name: unnest
-- The commit and its events in one statement, as one transaction and one round trip.
WITH fence AS (
    INSERT INTO {schema}.commits (size_before, size_after, root, committed_at)
    VALUES (%(before)b, %(after)b, %(root)b, %(at)b)
    RETURNING size_before
)
INSERT INTO {schema}.events
       (position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload)
SELECT (SELECT size_before FROM fence) + place, stream, 1, event_id, type, report_id, %(at)b, envelope, leaf, salt,
       payload
  FROM unnest(%(streams)b::text[], %(event_ids)b::uuid[], %(types)b::text[], %(report_ids)b::text[],
              %(envelopes)b::bytea[], %(leaves)b::bytea[], %(salts)b::bytea[], %(payloads)b::bytea[])
       WITH ORDINALITY AS fresh (stream, event_id, type, report_id, envelope, leaf, salt, payload, place)

-- name: row
INSERT INTO {schema}.events
       (position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload)
VALUES (%(position)b, %(stream)b, 1, %(event_id)b, %(type)b, %(report_id)b, %(at)b, %(envelope)b, %(leaf)b, %(salt)b,
        %(payload)b)

-- name: last_row
SELECT coalesce(max(position), 0) FROM {schema}.events

-- name: copy_out
COPY (SELECT position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload
        FROM {schema}.events WHERE position <= {through} ORDER BY position)
TO STDOUT (FORMAT binary)

-- name: settings
SELECT name, current_setting(name) FROM unnest(%(names)s::text[]) AS asked (name)
