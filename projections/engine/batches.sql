-- Batches of records. {relation} is a query that gives one.

-- name: records
SELECT position, stream, revision, event_id, type, report_id, recorded_at, payload
  FROM ({relation}) AS batch
 WHERE type <> ALL (%(leaving_out)s::text[])
 ORDER BY position

-- name: make_staged
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    position    bigint NOT NULL,
    stream      text COLLATE "C" NOT NULL,
    revision    bigint NOT NULL,
    event_id    uuid NOT NULL,
    type        text COLLATE "C" NOT NULL,
    report_id   text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL,
    payload     bytea
) ON COMMIT DELETE ROWS

-- name: empty_staged
DELETE FROM pg_temp.staged

-- name: copy_staged
COPY pg_temp.staged FROM STDIN (FORMAT BINARY)

-- name: staged
SELECT * FROM pg_temp.staged
