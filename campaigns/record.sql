-- name: commits
SELECT size_before, size_after, root, committed_at FROM {schema}.commits ORDER BY size_before

-- name: events
SELECT position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload
  FROM {schema}.events ORDER BY position

-- name: tiles
SELECT level, index, hashes FROM {schema}.tiles
