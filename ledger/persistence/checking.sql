-- What a check of everything stored reads beside the events themselves.

-- name: commits
SELECT size_before, size_after, root FROM {schema}.commits
 WHERE size_after > %(after)s AND size_before < %(through)s ORDER BY size_before

-- name: redactions
-- Whose payload may be gone: the act says so, of this very event.
SELECT target.position
  FROM {schema}.redactions JOIN {schema}.events AS target ON target.position = target_position
  JOIN {schema}.events AS act ON act.position = act_position
 WHERE target_position > %(after)s AND target_position <= %(through)s AND act.type = 'PayloadRedacted'
   AND convert_from(act.payload, 'UTF8')::json ->> 'target_event_id' = target.event_id::text

-- name: edges
SELECT (SELECT min(position) FROM {schema}.events), (SELECT max(position) FROM {schema}.events),
       (SELECT max(size_after) FROM {schema}.commits)
