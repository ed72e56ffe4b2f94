-- What the ceasefire questions ask of the tables. Every state is as of a position.

-- name: latest_day
-- The latest day on which a report that holds had been published.
SELECT reported FROM reports
 WHERE reported IS NOT NULL AND held_from <= %(position)s AND (held_to IS NULL OR held_to > %(position)s)
 ORDER BY reported DESC
 LIMIT 1

-- name: agreements_after
-- Ids of agreements in order, with the parties asked for where some are.
SELECT DISTINCT agreement_id
  FROM claims
 WHERE agreement_id > %(after)s
   AND held_from <= %(position)s AND (held_to IS NULL OR held_to > %(position)s)
 ORDER BY agreement_id
 LIMIT %(limit)s

-- name: held_claims
-- The claims from which the status of agreements follows: their own but violations, and those of their successors.
SELECT c.agreement_id, c.supersedes, c.type, c.position, c.form_position, c.body,
       coalesce(r.reported, (c.recorded_at AT TIME ZONE 'UTC')::date) AS reported
  FROM claims c
  LEFT JOIN reports r ON r.report_id = c.report_id
       AND r.held_from <= %(position)s AND (r.held_to IS NULL OR r.held_to > %(position)s)
 WHERE (c.agreement_id = ANY (%(agreement_ids)s) OR c.supersedes = ANY (%(agreement_ids)s))
   AND c.type <> 'CeasefireViolated'
   AND c.held_from <= %(position)s AND (c.held_to IS NULL OR c.held_to > %(position)s)
 ORDER BY c.position

-- name: violated_agreements
-- Which of these agreements have violations on record.
SELECT DISTINCT agreement_id
  FROM claims
 WHERE agreement_id = ANY (%(agreement_ids)s) AND type = 'CeasefireViolated'
   AND held_from <= %(position)s AND (held_to IS NULL OR held_to > %(position)s)

-- name: count_violations
-- Violations of one agreement: each claim counts, or is left out for one reason. Claims that name the same acts are one
-- violation, with the standing of the claim reported last; claims that name no acts are one violation each.
WITH periods AS (
    SELECT * FROM unnest(%(period_parties)s::text[], %(period_firsts)s::date[], %(period_lasts)s::date[])
                  AS period (party, first, last)
),
judged AS (
    SELECT c.position, c.violators, c.occurred_start, c.occurred_end,
           CASE WHEN c.verification = 'discounted' THEN 'unfounded' ELSE c.standing END AS standing,
           coalesce(r.reported, (c.recorded_at AT TIME ZONE 'UTC')::date) AS reported,
           CASE WHEN c.acts = '{}' THEN ARRAY['event:' || c.event_id] ELSE
                ARRAY(SELECT DISTINCT coalesce(m.incident_id, act)
                        FROM unnest(c.acts) AS act
                        LEFT JOIN merges m ON m.merged_incident_id = act
                             AND m.held_from <= %(position)s AND (m.held_to IS NULL OR m.held_to > %(position)s)
                       ORDER BY 1)
           END AS acts,
           CASE
               WHEN c.occurred_start > %(at)s THEN 'AFTER_DATE'
               WHEN c.violators <> '{}' AND %(parties)s::text[] <> '{}' AND NOT c.violators && %(parties)s::text[]
                    THEN 'NOT_A_PARTY'
               WHEN lower(c.country) <> %(zone_country)s::text
                    OR c.place_precision <> 5 AND lower(c.admin1) <> %(zone_admin1)s::text
                    OR c.place_precision <> 5 AND lower(c.admin2) <> %(zone_admin2)s::text
                    THEN 'OUTSIDE_ZONE'
               WHEN NOT EXISTS (
                        SELECT FROM periods p
                         WHERE (p.party = ANY (c.violators)
                                OR p.party = '' AND (c.violators = '{}' OR %(parties)s::text[] = '{}'))
                           AND c.occurred_start <= p.last AND c.occurred_end >= p.first)
                    THEN 'OUTSIDE_PERIOD'
               WHEN c.occurred_start > %(window_last)s OR c.occurred_end < %(window_first)s THEN 'OUTSIDE_WINDOW'
           END AS reason
      FROM claims c
      LEFT JOIN reports r ON r.report_id = c.report_id
           AND r.held_from <= %(position)s AND (r.held_to IS NULL OR r.held_to > %(position)s)
     WHERE c.agreement_id = %(agreement_id)s AND c.type = 'CeasefireViolated'
       AND c.held_from <= %(position)s AND (c.held_to IS NULL OR c.held_to > %(position)s)
),
counted AS (
    SELECT DISTINCT ON (acts) * FROM judged WHERE reason IS NULL ORDER BY acts, reported DESC, position DESC
)
SELECT 'standing' AS what, standing AS name, count(*) AS claims, max(least(occurred_end, %(window_last)s)) AS last
  FROM counted GROUP BY standing
UNION ALL
SELECT 'party', period.party, count(DISTINCT judged.acts), NULL
  FROM counted
  JOIN judged ON judged.acts = counted.acts AND judged.reason IS NULL
  JOIN periods period ON period.party = ANY (judged.violators)
       AND judged.occurred_start <= period.last AND judged.occurred_end >= period.first
 WHERE counted.standing <> 'unfounded'
 GROUP BY period.party
UNION ALL
SELECT 'left out', reason, count(*), NULL FROM judged WHERE reason IS NOT NULL GROUP BY reason
UNION ALL
SELECT 'left out', 'SAME_ACTS', count(*) - (SELECT count(*) FROM counted), NULL FROM judged WHERE reason IS NULL

-- name: monitoring
-- Observation in the window: posts under the agreement that were there by its end, what monitors say of the agreement,
-- and extensions and resumptions. Restrictions of monitoring in the window stand beside it.
WITH watched AS (
    SELECT position, occurred_end, type = 'MonitoringRestricted' AS restricted
      FROM claims
     WHERE (speaks_of @> ARRAY[%(agreement_id)s::text] OR agreement_id = %(agreement_id)s)
       AND verification <> 'discounted'
       AND held_from <= %(position)s AND (held_to IS NULL OR held_to > %(position)s)
       AND occurred_start <= %(window_last)s
       AND CASE type
               WHEN 'ObservationPostsEstablished' THEN true
               WHEN 'CeasefireViolated' THEN false
               ELSE occurred_end >= %(window_first)s
                    AND (type IN ('MonitoringRestricted', 'CeasefireExtended', 'CeasefireResumed')
                         OR by_monitor AND agreement_id IS NULL)
           END
)
SELECT count(*) FILTER (WHERE NOT restricted) AS observations,
       count(*) FILTER (WHERE restricted) AS restrictions,
       max(least(occurred_end, %(window_last)s)) FILTER (WHERE NOT restricted) AS last_observation,
       coalesce((array_agg(position ORDER BY position))[:%(most_positions)s], '{}') AS positions
  FROM watched

-- name: list_violations
-- Violations of all agreements by first day and position, with what filters of precision leave out marked.
WITH asked AS (
    SELECT c.*, r.source, r.reliability, r.reported_at, r.source_ids, r.source_count,
           CASE WHEN c.verification = 'discounted' THEN 'unfounded' ELSE c.standing END AS standing_now
      FROM claims c
      LEFT JOIN reports r ON r.report_id = c.report_id
           AND r.held_from <= %(position)s AND (r.held_to IS NULL OR r.held_to > %(position)s)
     WHERE c.type = 'CeasefireViolated'
       AND c.held_from <= %(position)s AND (c.held_to IS NULL OR c.held_to > %(position)s)
       AND (%(agreement_ids)s::text[] IS NULL OR c.agreement_id = ANY (%(agreement_ids)s))
       AND (%(violators)s::text[] IS NULL OR c.violators && %(violators)s)
       AND (%(kinds)s::text[] IS NULL OR lower(c.violation_kind) = ANY (%(kinds)s))
       AND (%(places)s::text[] IS NULL
            OR ARRAY[lower(c.place_name), lower(c.country), lower(c.admin1), lower(c.admin2)] && %(places)s)
       AND (%(occurred_from)s::date IS NULL OR c.occurred_end >= %(occurred_from)s)
       AND (%(occurred_to)s::date IS NULL OR c.occurred_start <= %(occurred_to)s)
)
SELECT asked.*, a.report_id AS form_report_id, a.recorded_at AS form_recorded_at
  FROM asked
  LEFT JOIN acts a ON asked.form_event_id <> asked.event_id AND a.event_id = asked.form_event_id
       AND a.held_from <= %(position)s AND (a.held_to IS NULL OR a.held_to > %(position)s)
 WHERE (%(standings)s::text[] IS NULL OR asked.standing_now = ANY (%(standings)s))
   AND (%(max_date_precision)s::int IS NULL OR asked.date_precision <= %(max_date_precision)s)
   AND (%(max_place_precision)s::int IS NULL OR asked.place_precision <= %(max_place_precision)s)
   AND (asked.occurred_start, asked.position) > (%(after_day)s::date, %(after_position)s::bigint)
 ORDER BY asked.occurred_start, asked.position
 LIMIT %(limit)s

-- name: series_of_violations
-- The same violations by day or ISO week of their first day, and those that precision leaves out.
SELECT CASE
           WHEN date_precision > %(max_date_precision)s::int THEN 'DATE_PRECISION'
           WHEN coalesce(place_precision, 8) > %(max_place_precision)s::int THEN 'PLACE_PRECISION'
           WHEN %(step)s::text <> '' AND date_precision > %(step_precision)s::int THEN 'SERIES_DATE_PRECISION'
       END AS reason,
       CASE WHEN %(step)s::text <> '' THEN date_trunc(%(step)s::text, occurred_start::timestamp)::date END AS step,
       count(*) AS claims
  FROM claims c
 WHERE c.type = 'CeasefireViolated'
   AND c.held_from <= %(position)s AND (c.held_to IS NULL OR c.held_to > %(position)s)
   AND (%(agreement_ids)s::text[] IS NULL OR c.agreement_id = ANY (%(agreement_ids)s))
   AND (%(violators)s::text[] IS NULL OR c.violators && %(violators)s)
   AND (%(kinds)s::text[] IS NULL OR lower(c.violation_kind) = ANY (%(kinds)s))
   AND (%(places)s::text[] IS NULL
        OR ARRAY[lower(c.place_name), lower(c.country), lower(c.admin1), lower(c.admin2)] && %(places)s)
   AND (%(occurred_from)s::date IS NULL OR c.occurred_end >= %(occurred_from)s)
   AND (%(occurred_to)s::date IS NULL OR c.occurred_start <= %(occurred_to)s)
   AND (%(standings)s::text[] IS NULL
        OR CASE WHEN c.verification = 'discounted' THEN 'unfounded' ELSE c.standing END = ANY (%(standings)s))
 GROUP BY reason, step
 ORDER BY step
