-- What the threat questions ask of the tables. Every state is as of a position.

-- name: latest_day
-- The latest day on which a report that holds had been published.
SELECT reported FROM reports
 WHERE reported IS NOT NULL AND held_from <= %(position)s AND (held_to IS NULL OR held_to > %(position)s)
 ORDER BY reported DESC
 LIMIT 1

-- name: threats_after
-- Threats by day of issue and id. Of several claims that issue one, the one reported last holds; a threat whose issue is
-- not recorded stands at the first day of what is. A discounted claim issues nothing.
WITH issued AS (
    SELECT DISTINCT ON (c.threat_id) c.threat_id, c.occurred_start AS day, c.threat_kind, c.issued_by, c.against
      FROM claims c
      LEFT JOIN reports r ON r.report_id = c.report_id
           AND r.held_from <= %(position)s AND (r.held_to IS NULL OR r.held_to > %(position)s)
     WHERE c.held_from <= %(position)s AND (c.held_to IS NULL OR c.held_to > %(position)s)
       AND c.verification <> 'discounted'
     ORDER BY c.threat_id, c.type = 'ThreatIssued' DESC,
              CASE WHEN c.type = 'ThreatIssued' THEN NULL ELSE c.occurred_start END,
              coalesce(r.reported, (c.recorded_at AT TIME ZONE 'UTC')::date) DESC, c.position DESC
)
SELECT threat_id, day
  FROM issued
 WHERE (day, threat_id) > (%(after_day)s::date, %(after_id)s::text)
   AND day <= %(at)s
   AND (%(kinds)s::text[] IS NULL OR threat_kind = ANY (%(kinds)s))
   AND (%(issued_by)s::text[] IS NULL OR issued_by && %(issued_by)s)
   AND (%(against)s::text[] IS NULL OR against && %(against)s)
 ORDER BY day, threat_id
 LIMIT %(limit)s

-- name: claims_of_threats
SELECT c.*, r.source, r.reliability, r.reported_at, r.source_ids, r.source_count,
       a.report_id AS form_report_id, a.recorded_at AS form_recorded_at,
       coalesce(r.reported, (c.recorded_at AT TIME ZONE 'UTC')::date) AS reported
  FROM claims c
  LEFT JOIN reports r ON r.report_id = c.report_id
       AND r.held_from <= %(position)s AND (r.held_to IS NULL OR r.held_to > %(position)s)
  LEFT JOIN acts a ON c.form_event_id <> c.event_id AND a.event_id = c.form_event_id
       AND a.held_from <= %(position)s AND (a.held_to IS NULL OR a.held_to > %(position)s)
 WHERE c.threat_id = ANY (%(threat_ids)s)
   AND c.held_from <= %(position)s AND (c.held_to IS NULL OR c.held_to > %(position)s)
 ORDER BY c.position
