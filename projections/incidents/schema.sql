-- The incidents read model: what it adds to the common tables of the history.

-- name: create_tables
ALTER TABLE claims
    ADD COLUMN link_kind        text COLLATE "C",   -- ANSWERS, CARRIES_OUT, VIOLATES; NULL states no link
    ADD COLUMN act_incident_ids text[] COLLATE "C" NOT NULL,
    ADD COLUMN act_event_ids    uuid[] NOT NULL,
    ADD COLUMN zone             text[] NOT NULL;    -- names, at any level, of the zone that an agreement is for

-- name: extract
{link_kinds}::jsonb ->> type AS link_kind,
CASE WHEN {link_kinds}::jsonb ? type
     THEN ARRAY(SELECT act ->> 'incident_id' FROM jsonb_array_elements({acts}) AS act WHERE act ? 'incident_id')
     ELSE ARRAY[]::text[] END AS act_incident_ids,
CASE WHEN {link_kinds}::jsonb ? type
     THEN ARRAY(SELECT (act ->> 'event_id')::uuid FROM jsonb_array_elements({acts}) AS act WHERE act ? 'event_id')
     ELSE ARRAY[]::uuid[] END AS act_event_ids,
CASE WHEN body ? 'terms'
     THEN ARRAY(SELECT name
                  FROM (VALUES (1, 'name'), (2, 'admin2'), (3, 'admin1'), (4, 'country')) AS level (number, field)
                 CROSS JOIN LATERAL (SELECT body -> 'terms' -> 'zone' ->> field AS name) AS named
                 WHERE name <> '' ORDER BY number)
     ELSE ARRAY[]::text[] END AS zone

-- name: create_indexes
CREATE INDEX claims_act_incidents ON claims USING gin (act_incident_ids) WHERE link_kind IS NOT NULL;
CREATE INDEX claims_act_events ON claims USING gin (act_event_ids) WHERE link_kind IS NOT NULL;
CREATE INDEX claims_form ON claims (form_event_id);
CREATE INDEX claims_by_first_day ON claims (occurred_start, incident_id);
CREATE INDEX claims_by_occurrence ON claims (occurred_start, form_position);
CREATE INDEX merges_surviving ON merges (incident_id);
