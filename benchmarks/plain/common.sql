-- What the tables of all read models have in common, built from the events of a ledger up to a position.

-- name: create_schema
CREATE SCHEMA {schema}

-- name: drop_schema
DROP SCHEMA IF EXISTS {schema} CASCADE

-- name: live
SELECT schema FROM {catalogue}.generations
 WHERE name = %(name)s AND status = 'live'

-- name: create_table
CREATE TABLE {schema}.{table} (LIKE {live}.{table})

-- name: indexes
-- Of a generation, to be made in another schema.
SELECT replace(pg_get_indexdef(indexrelid), format(' ON %%I.', %(live)s::text), format(' ON %%I.', %(schema)s::text))
  FROM pg_index
  JOIN pg_class AS tables ON tables.oid = indrelid
 WHERE relnamespace = %(live)s::regnamespace
 ORDER BY indexrelid

-- name: analyse
ANALYZE {schema}.{table}

-- name: rows
SELECT count(*) FROM {schema}.{table}

-- name: decoded
-- OFFSET keeps the planner from decoding a payload wherever its body is named.
SELECT position, stream, event_id, type, report_id, recorded_at, convert_from(payload, 'UTF8')::jsonb AS body
  FROM {ledger}.events
 WHERE position <= {through} AND type = ANY ({types})
OFFSET 0

-- name: common_columns
event_id, form_event_id, position, form_position, held_from, type, stream, report_id, incident_id, stated_incident_id,
occurred_start, occurred_end, date_precision, place_name, country, admin1, admin2, place_precision, latitude, longitude,
verification, credibility, aggregate, kind_of_violence, attributed, party_claim, preferred, recorded_at, body

-- name: common_values
event_id, event_id, position, position, position, type, stream, report_id, body ->> 'incident_id', body ->> 'incident_id',
(body -> 'occurred' ->> 'start')::date, (body -> 'occurred' ->> 'end')::date,
array_position(ARRAY['day', 'days', 'week', 'month', 'year', 'years'], body -> 'occurred' ->> 'precision'),
body -> 'place' ->> 'name', body -> 'place' ->> 'country', body -> 'place' ->> 'admin1', body -> 'place' ->> 'admin2',
array_position(ARRAY['exact', 'near', 'admin2', 'admin1', 'region', 'country', 'international'],
               body -> 'place' ->> 'precision'),
(body -> 'place' ->> 'latitude')::float8, (body -> 'place' ->> 'longitude')::float8,
coalesce(body ->> 'verification', 'reported'),
array_position(ARRAY['confirmed', 'probably_true', 'possibly_true', 'doubtful', 'improbable', 'cannot_be_judged'],
               body ->> 'credibility'),
coalesce(body ->> 'clarity' = 'aggregate', false),
array_position(ARRAY['state_based', 'non_state', 'one_sided'], body ->> 'kind_of_violence'),
CASE WHEN body ? 'attributions' THEN
     ARRAY(SELECT name FROM jsonb_array_elements(body -> 'attributions') AS said,
                            unnest(ARRAY[said ->> 'actor_id', said ->> 'name']) AS name WHERE name <> '')
     ELSE '{{}}' END,
coalesce(body @> '{{"attributions": [{{"role": "party"}}]}}', false),
false, recorded_at, body

-- name: reports
INSERT INTO {schema}.reports (report_id, event_id, position, source, reliability, reported, reported_at, title, source_ids,
                              source_count, recorded_at, held_from)
SELECT report_id, event_id, position, body -> 'source' ->> 'name', body -> 'source' ->> 'reliability',
       left(body ->> 'reported', 10)::date, body ->> 'reported', body ->> 'title', body -> 'source' -> 'external_ids',
       (body ->> 'source_count')::integer, recorded_at, position
  FROM ({decoded}) AS event

-- name: acts
INSERT INTO {schema}.acts (event_id, position, type, target_event_id, target_report_id, report_id, recorded_at, held_from, body)
SELECT event_id, position, type, coalesce(body ->> 'target_event_id', body ->> 'preferred_event_id')::uuid,
       body ->> 'target_report_id', report_id, recorded_at, position, body
  FROM ({decoded}) AS event

-- name: actors
INSERT INTO {schema}.actors (actor_id, event_id, name, kind, aliases, held_from, held_to)
SELECT body ->> 'actor_id', event_id, body ->> 'name', body ->> 'actor_kind',
       ARRAY(SELECT jsonb_array_elements_text(body -> 'aliases')), position,
       lead(position) OVER (PARTITION BY body ->> 'actor_id' ORDER BY position)
  FROM ({decoded}) AS event

-- name: other_claims
INSERT INTO {schema}.other_claims (event_id, position, stream, report_id, recorded_at)
SELECT event_id, position, stream, report_id, recorded_at
  FROM {ledger}.events
 WHERE position <= {through} AND type = ANY ({types})

-- name: all_actors
-- Whoever a claim of any type names in any role; a path over the keys would take four times as long.
coalesce(body -> 'victim_party', '[]') || coalesce(body -> 'party', '[]') || coalesce(body -> 'mission', '[]')
|| coalesce(body -> 'perpetrators', '[]') || coalesce(body -> 'attackers', '[]') || coalesce(body -> 'targets', '[]')
|| coalesce(body -> 'backers', '[]') || coalesce(body -> 'taken_by', '[]') || coalesce(body -> 'taken_from', '[]')
|| coalesce(body -> 'parties', '[]') || coalesce(body -> 'signatories', '[]') || coalesce(body -> 'proposed_by', '[]')
|| coalesce(body -> 'declared_by', '[]') || coalesce(body -> 'violators', '[]') || coalesce(body -> 'ended_by', '[]')
|| coalesce(body -> 'withdrawn_by', '[]') || coalesce(body -> 'issued_by', '[]') || coalesce(body -> 'against', '[]')
|| coalesce(body -> 'addressees', '[]') || coalesce(body -> 'participants', '[]') || coalesce(body -> 'speakers', '[]')
|| coalesce(body -> 'established_by', '[]') || coalesce(body -> 'restricted_by', '[]')
|| jsonb_path_query_array(body, '$.attributions[*].actor_id')
|| coalesce(body -> 'terms' -> 'parties', '[]') || coalesce(body -> 'terms' -> 'mediators', '[]')
