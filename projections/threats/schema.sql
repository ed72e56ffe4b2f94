-- What the read model adds to the common tables: the threat, its kind, its last day, who against whom.

-- name: create_tables
ALTER TABLE claims
    ADD COLUMN threat_id   text COLLATE "C" NOT NULL,
    ADD COLUMN threat_kind text,
    ADD COLUMN deadline    date,
    ADD COLUMN issued_by   text[] NOT NULL,
    ADD COLUMN against     text[] NOT NULL;

-- name: extract
body ->> 'threat_id' AS threat_id,
body ->> 'threat_kind' AS threat_kind,
(body -> 'deadline' ->> 'end')::date AS deadline,
ARRAY(SELECT jsonb_array_elements_text(body -> 'issued_by')) AS issued_by,
ARRAY(SELECT jsonb_array_elements_text(body -> 'against')) AS against

-- name: create_indexes
CREATE INDEX claims_threat ON claims (threat_id, position);
