-- name: copy_in
COPY {schema}.events
     (position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload)
FROM STDIN

-- name: commit
-- All of it as one commit: into how many the record was cut is bound by no root.
INSERT INTO {schema}.commits (size_before, size_after, root, committed_at)
SELECT 0, position, %(root)s, recorded_at FROM {schema}.events WHERE position = %(size)s

-- name: redact
-- What the record says was removed goes, also where it came before the act did.
SELECT count({schema}.redact(target.position, act.position))
  FROM (SELECT position, (convert_from(payload, 'UTF8')::json ->> 'target_event_id')::uuid AS target_event_id
          FROM {schema}.events
         WHERE type = 'PayloadRedacted' AND payload IS NOT NULL
        OFFSET 0) AS act
  JOIN {schema}.events AS target ON target.event_id = act.target_event_id AND target.type <> 'PayloadRedacted'

-- name: redacted
SELECT count(*) FROM {schema}.events WHERE payload IS NULL

-- name: recorded_redactions
SELECT count(*) FROM {schema}.redactions

-- name: analyse
ANALYZE {schema}.events

-- name: position_at
SELECT coalesce(max(position), 0) FROM {schema}.events WHERE recorded_at <= %(moment)s
