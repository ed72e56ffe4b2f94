-- name: heads
-- The stream's newest revision, by its unique index; streams that do not exist have no row. The row without a
-- stream is the size at which all this holds.
SELECT asked.stream, newest.revision
  FROM unnest(%(streams)b::text[]) AS asked (stream)
 CROSS JOIN LATERAL (
       SELECT revision FROM {schema}.events
        WHERE events.stream = asked.stream COLLATE "C" ORDER BY revision DESC LIMIT 1) AS newest
 UNION ALL
(SELECT NULL, size_after FROM {schema}.commits ORDER BY size_before DESC LIMIT 1)

-- name: acts
-- The newest act on each stream after the revision that a decision saw; by the unique index, over few events.
SELECT asked.stream, newest.revision
  FROM unnest(%(streams)b::text[], %(seen)b::bigint[]) AS asked (stream, seen)
 CROSS JOIN LATERAL (
       SELECT revision FROM {schema}.events
        WHERE events.stream = asked.stream COLLATE "C" AND revision > asked.seen AND type = ANY(%(types)b::text[])
        ORDER BY revision DESC LIMIT 1) AS newest

-- name: newest_merge
SELECT max(position) FROM {schema}.events WHERE type = 'IncidentsMerged'

-- name: insert
-- One statement, so one transaction and one round trip. What reads the fence makes it come first; without that
-- the events would, and two writers could each hold what the other waits for.
WITH fence AS (
    INSERT INTO {schema}.commits (size_before, size_after, root, committed_at)
    VALUES (%(size_before)b, %(size_after)b, %(root)b, %(recorded_at)b)
    RETURNING size_before
), filled AS (
    INSERT INTO {schema}.tiles (level, index, hashes)
    SELECT * FROM unnest(%(tile_levels)b::smallint[], %(tile_indexes)b::bigint[], %(tile_hashes)b::bytea[])
)
INSERT INTO {schema}.events
       (position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload)
SELECT (SELECT size_before FROM fence) + place, stream, revision, event_id, type, report_id, %(recorded_at)b, envelope, leaf,
       salt, payload
  FROM unnest(%(streams)b::text[], %(revisions)b::bigint[], %(event_ids)b::uuid[], %(types)b::text[],
              %(report_ids)b::text[], %(envelopes)b::bytea[], %(leaves)b::bytea[], %(salts)b::bytea[],
              %(payloads)b::bytea[])
       WITH ORDINALITY
       AS fresh (stream, revision, event_id, type, report_id, envelope, leaf, salt, payload, place)

-- name: redact
SELECT {schema}.redact((SELECT position FROM {schema}.events WHERE event_id = %(target)s), %(act)s)

-- name: commit_at
SELECT size_after, root FROM {schema}.commits WHERE size_before = %(size_before)s

-- name: durable
-- An acknowledged report must survive a crash of the database, whatever its default is.
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'

-- name: notify
SELECT pg_notify(%(channel)s, %(size)s)
