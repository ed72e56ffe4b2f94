-- The ceasefires read model in plain SQL: claims as recorded; corrections, retractions and merges change nothing.

-- name: claims
INSERT INTO {schema}.claims ({common_columns}, actors, agreement_id, speaks_of, supersedes, by_monitor, standing,
                             violation_kind, violators, acts)
SELECT {common_values},
       ARRAY(SELECT DISTINCT actor COLLATE "C"
               FROM jsonb_array_elements_text({all_actors}) AS actor ORDER BY 1),
       body ->> 'agreement_id',
       ARRAY(SELECT jsonb_array_elements_text(body -> 'agreement_ids')),
       body -> 'terms' ->> 'supersedes_agreement_id',
       coalesce(body @> '{{"attributions": [{{"role": "monitor"}}]}}', false),
       CASE WHEN type = 'CeasefireViolated' THEN coalesce(body ->> 'standing', 'alleged') END,
       body ->> 'violation_kind',
       ARRAY(SELECT jsonb_array_elements_text(body -> 'violators')),
       ARRAY(SELECT DISTINCT coalesce(act ->> 'incident_id', 'event:' || (act ->> 'event_id')) COLLATE "C"
               FROM jsonb_array_elements(body -> 'acts') AS act ORDER BY 1)
  FROM ({decoded}) AS event
