-- What the fold of the history runs. Tables are found through the search path, set to the generation's schema.

-- name: use_schema
SELECT set_config('search_path', %(schema)s, true)

-- name: begin_fold
-- What the fold runs is planned once, not for each batch: for a small one, planning takes longer than the rest. A batch
-- concerns few rows of tables that grow, of which the planner knows nothing yet while they are filled: they are looked up.
SELECT set_config('search_path', %(schema)s, true), set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)

-- name: targets
-- What acts are about: their targets, and the targets of the acts that they target in turn.
WITH RECURSIVE upward AS (
    SELECT event_id, type, target_event_id, target_report_id, body ->> 'actor_id' AS actor_id
      FROM acts WHERE event_id = ANY (%(acts)s)
    UNION
    SELECT acts.event_id, acts.type, acts.target_event_id, acts.target_report_id, acts.body ->> 'actor_id'
      FROM upward JOIN acts ON acts.event_id = upward.target_event_id
)
SELECT type, target_event_id, target_report_id, actor_id FROM upward

-- name: acts_about
-- The acts about some events, reports or actors, with the acts on these in turn, as far as they stood.
WITH RECURSIVE downward AS (
    SELECT event_id FROM acts
     WHERE target_event_id = ANY (%(events)s) OR target_report_id = ANY (%(reports)s)
        OR (type = 'ActorRegistered' AND body ->> 'actor_id' = ANY (%(actors)s))
    UNION
    SELECT acts.event_id FROM downward JOIN acts ON acts.target_event_id = downward.event_id
)
SELECT event_id, min(position), min(type), min(target_event_id::text)::uuid, min(target_report_id), min(report_id),
       min(recorded_at), min(body::text), array_agg(held_from ORDER BY held_from), array_agg(held_to ORDER BY held_from)
  FROM acts WHERE event_id IN (SELECT event_id FROM downward)
 GROUP BY event_id
 ORDER BY 2

-- name: acts_of_merging
WITH RECURSIVE downward AS (
    SELECT event_id FROM acts WHERE type = 'IncidentsMerged'
    UNION
    SELECT acts.event_id FROM downward JOIN acts ON acts.target_event_id = downward.event_id
)
SELECT event_id, min(position), min(type), min(target_event_id::text)::uuid, min(target_report_id), min(report_id),
       min(recorded_at), min(body::text), array_agg(held_from ORDER BY held_from), array_agg(held_to ORDER BY held_from)
  FROM acts WHERE event_id IN (SELECT event_id FROM downward)
 GROUP BY event_id
 ORDER BY 2

-- name: all_merges
SELECT merged_incident_id, incident_id, held_from, held_to FROM merges

-- name: merges_of_incidents
SELECT merged_incident_id, incident_id, held_from, held_to
  FROM merges WHERE merged_incident_id = ANY (%(incidents)s)

-- name: claims_concerned
-- Claims as recorded, whatever became of them. Each condition by itself, so that each has its index, and then claim by
-- claim (OFFSET keeps the planner from turning that round): it takes tables that are being filled for small.
WITH concerned AS MATERIALIZED (
    SELECT unnest(%(events)s::uuid[]) AS event_id
    UNION
    SELECT event_id FROM claims WHERE report_id = ANY (%(reports)s)
    UNION
    SELECT event_id FROM other_claims WHERE report_id = ANY (%(reports)s)
    UNION
    SELECT event_id FROM claims WHERE stated_incident_id = ANY (%(incidents)s)
)
SELECT claim.*
  FROM concerned
 CROSS JOIN LATERAL (
     SELECT event_id, position, stream, report_id, recorded_at, type, body::text
       FROM claims
      WHERE claims.event_id = concerned.event_id AND held_from = position AND form_position = position
     OFFSET 0) AS claim
UNION ALL
SELECT claim.*
  FROM concerned
 CROSS JOIN LATERAL (
     SELECT event_id, position, stream, report_id, recorded_at, NULL::text, NULL::text
       FROM other_claims
      WHERE other_claims.event_id = concerned.event_id
     OFFSET 0) AS claim

-- name: leave_redacted
-- What is left of claims that are about to be deleted.
INSERT INTO redacted_claims (event_id, position, type, stream)
SELECT event_id, position, type, stream
  FROM claims WHERE held_from = position AND form_position = position AND event_id = ANY (%(events)s)

-- name: leave_redacted_acts
-- The same of acts, each in the stream of its redaction.
INSERT INTO redacted_acts (event_id, position, type, stream)
SELECT DISTINCT acts.event_id, acts.position, acts.type, gone.stream
  FROM unnest(%(events)s::uuid[], %(streams)s::text[]) AS gone (event_id, stream)
  JOIN acts ON acts.event_id = gone.event_id

-- name: delete_claims
DELETE FROM claims WHERE event_id = ANY (%(events)s) RETURNING event_id, incident_id

-- name: delete_other_claims
DELETE FROM other_claims WHERE event_id = ANY (%(events)s)

-- name: delete_acts
DELETE FROM acts WHERE event_id = ANY (%(events)s)

-- name: delete_merges
DELETE FROM merges WHERE merged_incident_id = ANY (%(incidents)s)

-- name: delete_actors
DELETE FROM actors WHERE actor_id = ANY (%(actors)s)

-- name: reports_concerned
SELECT report_id, event_id, position, source, reliability, reported, reported_at, title, source_ids::text, source_count,
       recorded_at
  FROM reports WHERE held_from = position AND report_id = ANY (%(reports)s)

-- name: delete_reports
DELETE FROM reports WHERE report_id = ANY (%(reports)s)

-- name: redact_reports
UPDATE reports SET source = NULL, reliability = NULL, reported = NULL, reported_at = NULL, title = NULL,
       source_ids = NULL, source_count = NULL
 WHERE event_id = ANY (%(events)s) AND reported IS NOT NULL
RETURNING report_id

-- name: claims_of_reports
SELECT event_id, incident_id FROM claims WHERE report_id = ANY (%(reports)s)
