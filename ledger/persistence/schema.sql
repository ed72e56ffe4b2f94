-- name: install
-- Run once in a database by the owner's role. The service's role creates ledgers through the function, so that it
-- never owns the tables that it may only add to.
CREATE SCHEMA IF NOT EXISTS ledger_admin;
GRANT USAGE ON SCHEMA ledger_admin TO PUBLIC;

CREATE OR REPLACE FUNCTION ledger_admin.create_ledger(ledger text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $create$
DECLARE
    ledger_schema CONSTANT text := 'ledger_' || ledger;
    grantee name;
    guard record;
BEGIN
    -- The schemas of read models are named after their ledger, with these endings.
    IF ledger !~ '^[a-z][a-z0-9_]{0,39}$' OR ledger ~ '(_projections|_g[0-9]+)$' THEN
        RAISE EXCEPTION 'not a ledger name: %', ledger USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two processes that start at once must not both create it.
    PERFORM pg_advisory_xact_lock(hashtext('ledger_admin.create_ledger'));
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = ledger_schema) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE SCHEMA %I', ledger_schema);
    PERFORM set_config('search_path', quote_ident(ledger_schema) || ', pg_catalog, pg_temp', true);

    CREATE TABLE commits (
        size_before  bigint PRIMARY KEY CHECK (size_before >= 0),
        size_after   bigint NOT NULL UNIQUE CHECK (size_after > size_before),
        root         bytea NOT NULL CHECK (octet_length(root) = 32),
        committed_at timestamptz NOT NULL
    );

    -- For questions as of a recorded time.
    CREATE INDEX commits_by_time ON commits (committed_at);

    CREATE TABLE events (
        position    bigint PRIMARY KEY CHECK (position > 0),
        stream      text COLLATE "C" NOT NULL,
        revision    bigint NOT NULL CHECK (revision >= 0),  -- ours begin at 1; the library allows 0
        event_id    uuid NOT NULL UNIQUE,
        type        text COLLATE "C" NOT NULL,
        report_id   text COLLATE "C" NOT NULL,
        recorded_at timestamptz NOT NULL,
        envelope    bytea NOT NULL,
        leaf        bytea NOT NULL CHECK (octet_length(leaf) = 32),
        salt        bytea,
        payload     bytea,
        UNIQUE (stream, revision),
        CHECK ((salt IS NULL) = (payload IS NULL))
    );

    -- No samples for the planner, which asks for neither: they would outlive a redaction.
    ALTER TABLE events ALTER COLUMN payload SET STATISTICS 0, ALTER COLUMN salt SET STATISTICS 0;

    -- Merges are looked up whenever incidents are merged, and are rare.
    CREATE INDEX events_merges ON events (position) WHERE type = 'IncidentsMerged';

    CREATE TABLE tiles (
        level  smallint NOT NULL,
        index  bigint NOT NULL,
        hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
        PRIMARY KEY (level, index)
    );

    -- Which payloads may be removed, and by which event. Without a row here no payload can be touched.
    CREATE TABLE redactions (
        target_position bigint PRIMARY KEY REFERENCES events (position),
        act_position    bigint NOT NULL UNIQUE
    );

    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% on %.% is refused: the record is immutable', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END $$;

    -- Removing the payload and salt of a redacted event is the one change there is.
    CREATE FUNCTION refuse_change_but_redaction() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF NEW.payload IS NULL AND NEW.salt IS NULL
           AND (NEW.position, NEW.stream, NEW.revision, NEW.event_id, NEW.type, NEW.report_id, NEW.recorded_at,
                NEW.envelope, NEW.leaf)
             = (OLD.position, OLD.stream, OLD.revision, OLD.event_id, OLD.type, OLD.report_id, OLD.recorded_at,
                OLD.envelope, OLD.leaf)
        THEN
            PERFORM FROM redactions WHERE target_position = OLD.position;
            IF FOUND THEN RETURN NEW; END IF;
        END IF;
        RAISE EXCEPTION 'UPDATE on %.% is refused: the record is immutable', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END $$;

    -- Also for the owner: nothing is redacted unless the record says so, of this very event.
    CREATE FUNCTION refuse_unrecorded_redaction() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        PERFORM FROM events act JOIN events target ON target.position = NEW.target_position
          WHERE act.position = NEW.act_position AND act.type = 'PayloadRedacted' AND target.type <> act.type
            AND convert_from(act.payload, 'UTF8')::json ->> 'target_event_id' = target.event_id::text;
        IF FOUND THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'no PayloadRedacted of position % is recorded at position %', NEW.target_position,
            NEW.act_position USING ERRCODE = 'insufficient_privilege';
    END $$;

    CREATE TRIGGER events_update BEFORE UPDATE ON events
        FOR EACH ROW EXECUTE FUNCTION refuse_change_but_redaction();
    CREATE TRIGGER events_delete BEFORE DELETE ON events
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER events_truncate BEFORE TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER commits_change BEFORE UPDATE OR DELETE ON commits
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER commits_truncate BEFORE TRUNCATE ON commits
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER tiles_change BEFORE UPDATE OR DELETE ON tiles
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER tiles_truncate BEFORE TRUNCATE ON tiles
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER redactions_insert BEFORE INSERT ON redactions
        FOR EACH ROW EXECUTE FUNCTION refuse_unrecorded_redaction();
    CREATE TRIGGER redactions_change BEFORE UPDATE OR DELETE ON redactions
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER redactions_truncate BEFORE TRUNCATE ON redactions
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

    -- They fire in every session, also where `session_replication_role` says that others should not.
    FOR guard IN SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
                  WHERE relnamespace = ledger_schema::regnamespace AND NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;

    -- The service's role may not update: it removes a payload through this, and only with the act recorded.
    CREATE FUNCTION redact(target bigint, act bigint) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
        INSERT INTO redactions (target_position, act_position) VALUES (target, act);
        UPDATE events SET payload = NULL, salt = NULL WHERE position = target;
    END $$;

    REVOKE ALL ON FUNCTION redact(bigint, bigint) FROM PUBLIC;
    -- The service adds and reads; whoever creates a ledger without a service role of its own may do the same.
    FOR grantee IN SELECT rolname FROM pg_roles WHERE rolname IN ('ledger_service', session_user) LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', ledger_schema, grantee);
        EXECUTE format('GRANT SELECT, INSERT ON commits, events, tiles TO %I', grantee);
        EXECUTE format('GRANT SELECT ON redactions TO %I', grantee);
        EXECUTE format('GRANT EXECUTE ON FUNCTION redact(bigint, bigint) TO %I', grantee);
    END LOOP;
    RETURN true;
END $create$;

-- name: exists
SELECT to_regclass(quote_ident(%(schema)s) || '.commits') IS NOT NULL

-- name: is_standby
SELECT pg_is_in_recovery()
