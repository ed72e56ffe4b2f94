-- The threats read model in plain SQL: claims as recorded; corrections, retractions and merges change nothing.

-- name: claims
INSERT INTO {schema}.claims ({common_columns}, actors, threat_id, threat_kind, deadline, issued_by, against)
SELECT {common_values},
       ARRAY(SELECT DISTINCT actor COLLATE "C"
               FROM jsonb_array_elements_text({all_actors}) AS actor ORDER BY 1),
       body ->> 'threat_id', body ->> 'threat_kind', (body -> 'deadline' ->> 'end')::date,
       ARRAY(SELECT jsonb_array_elements_text(body -> 'issued_by')),
       ARRAY(SELECT jsonb_array_elements_text(body -> 'against'))
  FROM ({decoded}) AS event
