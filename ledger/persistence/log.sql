-- name: columns
position, stream, revision, event_id, type, report_id, recorded_at, payload

-- name: raw_columns
position, stream, revision, event_id, type, report_id, recorded_at, payload, envelope, leaf, salt

-- name: plain_columns
position, stream, revision, event_id::text, type, report_id, recorded_at, payload, envelope

-- name: head
SELECT size_after, root, committed_at FROM {schema}.commits ORDER BY size_before DESC LIMIT 1

-- name: read
SELECT {columns}
  FROM {schema}.events
 WHERE position > %(after)s AND position <= %(through)s
 ORDER BY position LIMIT %(limit)s

-- name: reach
SELECT count(*), max(position)
  FROM (SELECT position
          FROM {schema}.events
         WHERE position > %(after)s AND position <= %(through)s
         ORDER BY position LIMIT %(limit)s) AS next

-- name: relation
SELECT {columns} FROM {schema}.events WHERE position > %(batch_after)s AND position <= %(batch_through)s

-- name: read_fitting
-- As many as take so many bytes on the wire, but at least one. What the envelope says travels beside it once more; a
-- typed claim is smaller than its payload.
SELECT {columns}
  FROM (SELECT *, sum(coalesce(octet_length(payload), 0) + 2 * octet_length(envelope))
                  OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS bytes
          FROM {schema}.events
         WHERE position > %(after)s AND position <= %(through)s
         ORDER BY position LIMIT %(limit)s) AS next
 WHERE bytes <= %(most)s OR position = %(after)s::bigint + 1
 ORDER BY position

-- name: encoded
-- Events in their RAW view as they travel: each row is some fields `events` of ReplayHistoryResponse, whose RecordedEvent
-- is in records.proto. Numbers and lengths are varints of fixed width, which any reader takes: a tag and seven groups of
-- seven bits, or a tag and three; seven hold positions below 2^49, three lengths below 2^21. A large event is left out and
-- not counted. Few events a row: what outgrows the allocator's own memory costs more in page faults than all the rest.
-- OFFSET keeps the planner from computing what has a name wherever it is named. The array, of which it assumes ten,
-- keeps it from planning anew for each page.
SELECT piece.*
  FROM unnest(%(starts)s::bigint[]) AS start
 CROSS JOIN LATERAL (
       SELECT min(position) AS first, max(position) AS last, count(event),
              string_agg(int4send(x'0a808000'::int | ((octet_length(event) & 127) << 16)
                                  | ((octet_length(event) & 16256) << 1) | (octet_length(event) >> 14)) || event, '')
         FROM (SELECT position, CASE WHEN payload_length <= %(large)s AND coalesce(octet_length(salt), 16) = 16 THEN
                      int8send(x'0880808080808000'::bigint | ((position & 127) << 48) | ((position >> 7 & 127) << 40)
                               | ((position >> 14 & 127) << 32) | ((position >> 21 & 127) << 24)
                               | ((position >> 28 & 127) << 16) | ((position >> 35 & 127) << 8) | (position >> 42))
                   || int4send(x'52808000'::int | ((envelope_length & 127) << 16) | ((envelope_length & 16256) << 1)
                               | (envelope_length >> 14)) || envelope
                   || coalesce('\x5a10'::bytea || salt
                               || int4send(x'62808000'::int | ((payload_length & 127) << 16)
                                           | ((payload_length & 16256) << 1) | (payload_length >> 14)) || payload,
                               '\x4801') END AS event
                 FROM (SELECT position, envelope, salt, payload, octet_length(envelope) AS envelope_length,
                              coalesce(octet_length(payload), 0) AS payload_length
                         FROM {schema}.events
                        WHERE position >= start AND position <= %(through)s
                        ORDER BY position LIMIT %(size)s
                       OFFSET 0) AS measured
                OFFSET 0) AS made) AS piece

-- name: fitting
-- Bytes are counted as in read_fitting.
SELECT max(position)
  FROM (SELECT position, sum(coalesce(octet_length(payload), 0) + 2 * octet_length(envelope))
                         OVER (ORDER BY position) AS bytes
          FROM (SELECT position, payload, envelope
                  FROM {schema}.events
                 WHERE position > %(after)s AND position <= %(through)s
                 ORDER BY position LIMIT %(limit)s) AS next) AS summed
 WHERE bytes <= %(most)s

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

-- name: erased
SELECT target_position, event_id, act_position
  FROM {schema}.redactions JOIN {schema}.events ON position = target_position
 WHERE act_position > %(after)s ORDER BY act_position LIMIT %(limit)s

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

-- name: tile
SELECT hashes FROM {schema}.tiles WHERE level = %(level)s AND index = %(index)s

-- name: leaves
SELECT position, leaf FROM {schema}.events
 WHERE position > %(after)s AND position <= %(through)s ORDER BY position LIMIT %(limit)s
