-- Batches of records. {relation} is a query that gives one.

-- name: records
SELECT position, stream, revision, event_id, type, report_id, recorded_at, payload
  FROM ({relation}) AS batch
 WHERE type <> ALL (%(leaving_out)s::text[])
 ORDER BY position

-- name: sent
-- In binary form: arrays of bytes as text take three times as long.
SELECT * FROM unnest(%(positions)b::bigint[], %(streams)b::text[], %(revisions)b::bigint[], %(event_ids)b::uuid[],
                     %(types)b::text[], %(report_ids)b::text[], %(times)b::timestamptz[], %(payloads)b::bytea[])
         AS sent (position, stream, revision, event_id, type, report_id, recorded_at, payload)
