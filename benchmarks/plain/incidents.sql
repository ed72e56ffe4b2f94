-- The incidents read model in plain SQL: claims of every type as recorded; corrections, retractions and merges change
-- nothing.

-- name: claims
INSERT INTO {schema}.claims ({common_columns}, actors, link_kind, act_incident_ids, act_event_ids, zone)
SELECT {common_values},
       ARRAY(SELECT DISTINCT actor COLLATE "C"
               FROM jsonb_array_elements_text({all_actors}) AS actor ORDER BY 1),
       CASE type WHEN 'Retaliation' THEN 'ANSWERS' WHEN 'ThreatCarriedOut' THEN 'CARRIES_OUT'
                 WHEN 'CeasefireViolated' THEN 'VIOLATES' END,
       ARRAY(SELECT act ->> 'incident_id' FROM jsonb_array_elements(acts) AS act WHERE act ? 'incident_id'),
       ARRAY(SELECT (act ->> 'event_id')::uuid FROM jsonb_array_elements(acts) AS act WHERE act ? 'event_id'),
       ARRAY(SELECT name FROM unnest(ARRAY[zone ->> 'name', zone ->> 'admin2', zone ->> 'admin1', zone ->> 'country']) AS name
              WHERE name <> '')
  FROM ({decoded}) AS event
 CROSS JOIN LATERAL (
       SELECT coalesce(body -> 'answers', body -> 'acts') AS acts, body -> 'terms' -> 'zone' AS zone
       OFFSET 0) AS said
