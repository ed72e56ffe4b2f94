-- What the tables hold of payloads, taken from them by the database. Payloads are as the domain writes them: without fields
-- at their defaults. {Code} stands for the words of a codebook, in the order of their numbers.

-- name: form_of_claim
-- Of each claim of a batch, the form in which it was recorded. A payload of another type, of another version than the
-- first, or with a word that its codebook does not have, has no type here, which the table refuses.
SELECT event_id, event_id AS form_event_id, position, position AS form_position,
       position AS held_from, NULL::bigint AS held_to,
       CASE WHEN body ->> 'type' = type AND NOT body ? 'schema_version'
             AND coalesce(body -> 'place' ->> 'precision' = ANY ({PlacePrecision}), true)
             AND coalesce(body ->> 'verification' = ANY ({Verification}), true)
             AND coalesce(body ->> 'credibility' = ANY ({Credibility}), true)
             AND coalesce(body ->> 'clarity' = ANY ({EventClarity}), true)
             AND coalesce(body ->> 'kind_of_violence' = ANY ({KindOfViolence}), true) THEN type END AS type,
       stream, report_id, body ->> 'incident_id' AS incident_id,
       NULL::bigint AS preferred_position, NULL::text AS why_ended, recorded_at, body
  FROM (SELECT batch.*, convert_from(payload, 'UTF8')::jsonb AS body
          FROM batch WHERE type = ANY (%(taken)s::text[]) AND payload IS NOT NULL
        OFFSET 0) AS claim

-- name: later_form
-- Of claims on which there are acts, the forms that follow from these.
SELECT event_id, form_event_id, position, form_position, held_from, held_to, type, stream, report_id, incident_id,
       preferred_position, why_ended, recorded_at, body
  FROM jsonb_to_recordset(%(forms)s::jsonb) AS form (
           event_id uuid, form_event_id uuid, position bigint, form_position bigint, held_from bigint, held_to bigint,
           type text, stream text, report_id text, incident_id text, preferred_position bigint, why_ended text,
           recorded_at timestamptz, body jsonb)

-- name: columns
-- The columns of `claims`, in their order; those of the read model follow.
event_id, form_event_id, position, form_position, held_from, held_to,
type, stream, report_id, incident_id, body ->> 'incident_id' AS stated_incident_id,
(occurred ->> 'start')::date AS occurred_start,
(occurred ->> 'end')::date AS occurred_end,
array_position({DatePrecision}, occurred ->> 'precision')::smallint AS date_precision,
place ->> 'name' AS place_name,
place ->> 'country' AS country,
place ->> 'admin1' AS admin1,
place ->> 'admin2' AS admin2,
array_position({PlacePrecision}, place ->> 'precision')::smallint AS place_precision,
(place -> 'latitude')::float8 AS latitude,
(place -> 'longitude')::float8 AS longitude,
coalesce(body ->> 'verification', {reported}) AS verification,
array_position({Credibility}, body ->> 'credibility')::smallint AS credibility,
coalesce(body ->> 'clarity', '') = {aggregate} AS aggregate,
array_position({KindOfViolence}, body ->> 'kind_of_violence')::smallint AS kind_of_violence,
CASE WHEN body ? 'attributions' THEN
    ARRAY(SELECT name
            FROM jsonb_array_elements(body -> 'attributions') WITH ORDINALITY AS attribution (said, number)
           CROSS JOIN LATERAL (VALUES (1, said ->> 'actor_id'), (2, said ->> 'name')) AS voice (part, name)
           WHERE name <> ''
           ORDER BY number, part)
ELSE ARRAY[]::text[] END AS attributed,
CASE WHEN body ? 'attributions' THEN body @? '$.attributions[*] ? (@.role == "party")' ELSE false END AS party_claim,
ARRAY(SELECT DISTINCT actor COLLATE "C" FROM jsonb_array_elements_text({actors}) AS actor ORDER BY 1) AS actors,
preferred_position IS NOT NULL AS preferred, preferred_position, why_ended, recorded_at, body

-- name: select
-- What forms give. Without OFFSET, parts of the payload would be looked up anew for each column.
SELECT {columns}
  FROM (SELECT form.*, body -> 'occurred' AS occurred, body -> 'place' AS place, body -> 'count' AS count,
               (body -> 'count' ->> 'stated')::bigint AS stated
          FROM ({forms}) AS form OFFSET 0) AS form

-- name: insert
INSERT INTO claims {select} RETURNING event_id, incident_id

-- name: take
-- The events of a batch as recorded, but for acts; of filings only those that say who reported and when. Answers those claims that an earlier act concerns (the retraction of
-- their report, or the merging of their incident), and what incidents, or claims of none, got rows.
WITH batch AS MATERIALIZED (
    {batch}
), taken AS (
    INSERT INTO claims {select} RETURNING event_id, report_id, incident_id
), other AS (
    INSERT INTO other_claims (event_id, position, stream, report_id, recorded_at)
    SELECT event_id, position, stream, report_id, recorded_at
      FROM batch WHERE type = ANY (%(other)s::text[]) AND payload IS NOT NULL
), redacted AS (
    INSERT INTO redacted_claims (event_id, position, type, stream)
    SELECT event_id, position, type, stream FROM batch WHERE type = ANY (%(taken)s::text[]) AND payload IS NULL
), filed AS (
    INSERT INTO reports (report_id, event_id, position, source, reliability, reported, reported_at, title, source_ids,
                         source_count, recorded_at, held_from, held_to)
    SELECT CASE WHEN payload IS NULL OR body ->> 'type' = type AND NOT body ? 'schema_version'
                                        AND body ? 'reported' AND body -> 'source' ? 'name' THEN report_id END,
           event_id, position, body -> 'source' ->> 'name', body -> 'source' ->> 'reliability',
           left(body ->> 'reported', 10)::date, regexp_replace(body ->> 'reported', 'Z$', '+00:00'),
           CASE WHEN payload IS NOT NULL THEN coalesce(body ->> 'title', '') END,
           body -> 'source' -> 'external_ids', (body ->> 'source_count')::integer, recorded_at, position, NULL
      FROM (SELECT batch.*, convert_from(payload, 'UTF8')::jsonb AS body
              FROM batch WHERE type = {ReportFiled} OFFSET 0) AS report
)
-- Not EXISTS, for which the planner might read all acts there are.
SELECT ARRAY(SELECT event_id FROM taken
              WHERE (SELECT true FROM acts WHERE target_report_id = taken.report_id LIMIT 1)
                 OR (SELECT true FROM merges WHERE merged_incident_id = taken.incident_id LIMIT 1)),
       CASE WHEN %(telling)s::boolean THEN ARRAY(SELECT DISTINCT incident_id FROM taken WHERE incident_id IS NOT NULL) END,
       CASE WHEN %(telling)s::boolean THEN ARRAY(SELECT event_id FROM taken WHERE incident_id IS NULL) END,
       (SELECT count(*) FROM batch WHERE type <> ALL (%(taken)s::text[] || %(other)s::text[] || {ReportFiled}::text))

-- name: names
SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'claims'::regclass AND attnum > 0
