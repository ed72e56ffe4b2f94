-- The questions about incidents, each as of a position. Run `page` unprepared: the planner has to see which
-- conditions are absent.

-- name: surviving
SELECT incident_id FROM merges
 WHERE merged_incident_id = %(incident_id)s::text
   AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)

-- name: merged
SELECT incident_id, array_agg(merged_incident_id ORDER BY merged_incident_id) AS merged_incident_ids
  FROM merges
 WHERE incident_id = ANY (%(incident_ids)s::text[])
   AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)
 GROUP BY incident_id

-- name: timeline
-- Claims about anything that meet all conditions, by the first day on which they can have occurred.
SELECT event_id, held_from, occurred_start AS first_day, form_position
  FROM claims
 WHERE (%(after_day)s::date IS NULL
        OR (occurred_start, form_position) > (%(after_day)s::date, %(after_position)s::bigint))

-- name: in_order_of_occurrence
 ORDER BY occurred_start, form_position
 LIMIT %(limit)s::int

-- name: forms_of_incidents
-- The last row of each form that a claim about these incidents ever had; a form that came back holds again.
SELECT event_id, held_from, holds
  FROM (
      SELECT DISTINCT ON (event_id, form_event_id)
             event_id, form_position, incident_id, held_from,
             held_to IS NULL OR held_to > %(position)s::bigint AS holds
        FROM claims
       WHERE held_from <= %(position)s::bigint
         AND event_id IN (SELECT event_id FROM claims
                           WHERE incident_id = ANY (%(family)s::text[]) AND held_from <= %(position)s::bigint)
       ORDER BY event_id, form_event_id, held_from DESC
  ) AS last_row
 WHERE incident_id = ANY (%(family)s::text[])
 ORDER BY form_position
 LIMIT %(limit)s::int

-- name: summaries
SELECT incident_id,
       min(occurred_start) AS first_day,
       max(occurred_end) AS last_day,
       (array_agg(date_precision ORDER BY form_position DESC))[1] AS date_precision,
       (array_agg(body -> 'place' ORDER BY form_position DESC) FILTER (WHERE place_name IS NOT NULL))[1] AS place,
       array_agg(DISTINCT type ORDER BY type) AS claim_types,
       count(*) AS claims,
       count(DISTINCT report_id) AS reports
  FROM claims
 WHERE incident_id = ANY (%(incident_ids)s::text[])
   AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)
 GROUP BY incident_id

-- name: matching
-- Incidents of claims that meet all conditions; which comes after which is not asked.
SELECT incident_id FROM claims
 WHERE incident_id IS NOT NULL

-- name: conditions
   AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)
   AND (%(occurred_from)s::date IS NULL OR occurred_end >= %(occurred_from)s::date)
   AND (%(occurred_to)s::date IS NULL OR occurred_start <= %(occurred_to)s::date)
   AND (%(places)s::text IS NULL
        OR lower(place_name) = ANY (lower(%(places)s::text)::text[])
        OR lower(admin2) = ANY (lower(%(places)s::text)::text[])
        OR lower(admin1) = ANY (lower(%(places)s::text)::text[])
        OR lower(country) = ANY (lower(%(places)s::text)::text[])
        OR zone <> '{}' AND lower(zone::text)::text[] && lower(%(places)s::text)::text[])
   AND (%(actor_ids)s::text[] IS NULL OR actors && %(actor_ids)s::text[])
   AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))
   AND (%(max_date_precision)s::int IS NULL OR date_precision <= %(max_date_precision)s::int)
   AND (%(max_place_precision)s::int IS NULL OR place_precision <= %(max_place_precision)s::int)

-- name: so_many
 LIMIT %(limit)s::int

-- name: page
-- Incidents by the first day that any of their claims states. Each is found by its first claim: a page is read from an
-- index, and costs the same wherever it lies. Followed by the condition that the question sets.
SELECT first.incident_id, first.occurred_start AS first_day
  FROM claims AS first
 WHERE first.incident_id IS NOT NULL
   AND first.held_from <= %(position)s::bigint AND (first.held_to IS NULL OR first.held_to > %(position)s::bigint)
   AND (%(after_day)s::date IS NULL
        OR (first.occurred_start, first.incident_id) > (%(after_day)s::date, %(after_id)s::text))
   AND NOT EXISTS (
       SELECT FROM claims AS before
        WHERE before.incident_id = first.incident_id
          AND (before.occurred_start, before.event_id) < (first.occurred_start, first.event_id)
          AND before.held_from <= %(position)s::bigint
          AND (before.held_to IS NULL OR before.held_to > %(position)s::bigint))

-- name: of_these
   AND first.incident_id = ANY (%(incident_ids)s::text[])

-- name: of_matching
   AND first.incident_id IN (

-- name: in_order
 ORDER BY first_day, incident_id
 LIMIT %(limit)s::int

-- name: claims_of_incidents
SELECT incident_id, event_id, held_from
  FROM claims
 WHERE incident_id = ANY (%(incident_ids)s::text[])
   AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)
 ORDER BY form_position
 LIMIT %(limit)s::int

-- name: links
-- What the claims of an incident answer, and the claims that answer it, carry out a threat by it or call it a violation.
-- A reference to an event is one to the incident of that event, where it is known.
WITH own_event AS (
    SELECT event_id, form_event_id FROM claims AS c
     WHERE incident_id = ANY (%(family)s::text[]) AND held_from <= %(position)s::bigint
       AND NOT EXISTS (SELECT FROM claims AS later
                        WHERE later.event_id = c.event_id
                          AND later.held_from > c.held_from AND later.held_from <= %(position)s::bigint)
), own_events AS (
    SELECT coalesce(array_agg(event_id) || array_agg(form_event_id), '{}') AS ids FROM own_event
), stated AS (
    SELECT * FROM claims
     WHERE link_kind IS NOT NULL
       AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)
), answered AS (
    SELECT form_event_id, form_position, 'incidents/' || coalesce(merges.incident_id, act.incident_id) AS stream
      FROM stated CROSS JOIN unnest(act_incident_ids) AS act (incident_id)
      LEFT JOIN merges ON merges.merged_incident_id = act.incident_id
       AND merges.held_from <= %(position)s::bigint
       AND (merges.held_to IS NULL OR merges.held_to > %(position)s::bigint)
     WHERE stated.incident_id = ANY (%(family)s::text[]) AND link_kind = 'ANSWERS'
     UNION
    SELECT stated.form_event_id, stated.form_position,
           coalesce('incidents/' || known.incident_id, known.stream, other_claims.stream, '')
      FROM stated CROSS JOIN unnest(act_event_ids) AS act (event_id)
      LEFT JOIN LATERAL (
          SELECT incident_id, stream FROM claims
           WHERE (event_id = act.event_id OR form_event_id = act.event_id) AND held_from <= %(position)s::bigint
           ORDER BY held_from DESC LIMIT 1
      ) AS known ON true
      LEFT JOIN other_claims ON other_claims.event_id = act.event_id
     WHERE stated.incident_id = ANY (%(family)s::text[]) AND link_kind = 'ANSWERS'
)
SELECT 'ANSWERS' AS kind, stream, form_event_id AS event_id, form_position AS position FROM answered
 UNION ALL
SELECT CASE link_kind WHEN 'ANSWERS' THEN 'ANSWERED_BY' ELSE link_kind END,
       CASE link_kind WHEN 'ANSWERS' THEN 'incidents/' || incident_id ELSE stream END,
       form_event_id, form_position
  FROM stated, own_events
 WHERE act_incident_ids && %(family)s::text[] OR act_event_ids && own_events.ids
 ORDER BY position, kind, stream
 LIMIT %(limit)s::int

-- name: forms
-- Forms of claims in the order asked, with the source of their reports and, of a correction, where it was filed. What
-- ended a form after the position asked for was not known then.
SELECT c.*,
       CASE WHEN c.held_to <= %(position)s::bigint THEN c.held_to END AS held_to,
       r.source, r.reliability, r.reported_at, r.source_ids, r.source_count,
       correction.report_id AS form_report_id, correction.recorded_at AS form_recorded_at,
       NOT c.actors <@ (SELECT coalesce(array_agg(actor_id), '{}') FROM actors
                         WHERE held_from <= %(position)s::bigint
                           AND (held_to IS NULL OR held_to > %(position)s::bigint)) AS unregistered
  FROM unnest(%(event_ids)s::uuid[], %(held_froms)s::bigint[]) WITH ORDINALITY AS asked (event_id, held_from, number)
  JOIN claims AS c ON c.event_id = asked.event_id AND c.held_from = asked.held_from
  LEFT JOIN reports AS r ON r.report_id = c.report_id AND r.held_from <= r.position
  LEFT JOIN acts AS correction
    ON correction.event_id = c.form_event_id AND correction.held_from <= correction.position
 ORDER BY asked.number
