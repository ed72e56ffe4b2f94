-- The incidents read model: what it adds to the common tables of the history.

-- name: create_tables
ALTER TABLE claims
    ADD COLUMN link_kind        text COLLATE "C",   -- ANSWERS, CARRIES_OUT, VIOLATES; NULL states no link
    ADD COLUMN act_incident_ids text[] COLLATE "C" NOT NULL,
    ADD COLUMN act_event_ids    uuid[] NOT NULL,
    ADD COLUMN zone             text[] NOT NULL;    -- names, at any level, of the zone that an agreement is for

CREATE INDEX claims_act_incidents ON claims USING gin (act_incident_ids) WHERE link_kind IS NOT NULL;
CREATE INDEX claims_act_events ON claims USING gin (act_event_ids) WHERE link_kind IS NOT NULL;
CREATE INDEX claims_form ON claims (form_event_id);
CREATE INDEX claims_by_first_day ON claims (occurred_start, incident_id);
CREATE INDEX claims_by_occurrence ON claims (occurred_start, form_position);
CREATE INDEX merges_surviving ON merges (incident_id);
