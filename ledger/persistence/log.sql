-- name: columns
position, stream, revision, event_id, type, report_id, recorded_at, payload

-- name: raw_columns
position, stream, revision, event_id, type, report_id, recorded_at, payload, envelope, leaf, salt

-- name: head
SELECT size_after, root, committed_at FROM {schema}.commits ORDER BY size_before DESC LIMIT 1

-- name: read
SELECT {columns}
  FROM {schema}.events
 WHERE position > %(after)s AND position <= %(through)s
 ORDER BY position LIMIT %(limit)s

-- name: read_stream
SELECT {columns}
  FROM {schema}.events
 WHERE stream = %(stream)s AND revision > %(after)s AND revision <= %(through)s
 ORDER BY revision LIMIT %(limit)s

-- name: read_stream_backwards
SELECT {columns}
  FROM {schema}.events
 WHERE stream = %(stream)s AND revision > %(after)s AND revision <= %(through)s
 ORDER BY revision DESC LIMIT %(limit)s

-- name: read_of_types
SELECT {columns}
  FROM {schema}.events
 WHERE position > %(after)s AND position <= %(through)s AND type = ANY(%(types)s)
 ORDER BY position LIMIT %(limit)s

-- name: by_ids
SELECT {columns}
  FROM {schema}.events WHERE event_id = ANY(%(event_ids)s)

-- name: merges
SELECT {columns}
  FROM {schema}.events WHERE type = 'IncidentsMerged' ORDER BY position

-- name: commit_covering
SELECT size_after, root, committed_at FROM {schema}.commits
 WHERE size_after >= %(position)s ORDER BY size_after LIMIT 1

-- name: position_at
SELECT size_after FROM {schema}.commits WHERE committed_at <= %(moment)s ORDER BY size_before DESC LIMIT 1

-- name: existing_streams
SELECT stream FROM unnest(%(streams)s::text[]) AS asked (stream)
 WHERE EXISTS (SELECT FROM {schema}.events WHERE events.stream = asked.stream COLLATE "C")

-- name: ledgers
SELECT substr(nspname, 8) FROM pg_namespace
  JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = 'commits' AND relkind = 'r'
 WHERE nspname LIKE 'ledger\_%%' AND substr(nspname, 8) > %(after)s ORDER BY 1 LIMIT %(limit)s

-- name: create_ledger
SELECT ledger_admin.create_ledger(%(ledger)s)

-- name: read_filtered
SELECT {columns}
  FROM {schema}.events
 WHERE position > %(after)s AND position <= %(through)s
   AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))
   AND (%(streams)s::text[] IS NULL OR stream = ANY(%(streams)s)
        OR EXISTS (SELECT FROM unnest(%(prefixes)s::text[]) AS prefix WHERE starts_with(stream, prefix)))
   AND (%(reports)s::text[] IS NULL OR report_id = ANY(%(reports)s))
 ORDER BY position LIMIT %(limit)s

-- name: position_before
SELECT size_after FROM {schema}.commits WHERE committed_at < %(moment)s ORDER BY size_before DESC LIMIT 1

-- name: report
-- The events of a report follow its filing without a gap; the bound keeps the range short.
SELECT {columns}
  FROM {schema}.events
 WHERE report_id = %(report_id)s
   AND position BETWEEN (SELECT position FROM {schema}.events WHERE stream = %(stream)s AND revision = 1)
                    AND (SELECT position FROM {schema}.events WHERE stream = %(stream)s AND revision = 1)
                        + %(most)s
 ORDER BY position
