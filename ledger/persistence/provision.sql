-- What `provision.py` runs. {names} are identifiers, %(values)s are parameters.

-- name: take_turns
-- Two provisioners at once would collide on the same catalogue rows.
SELECT pg_advisory_lock(hashtext('incident-ledger provision'))

-- name: role
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
       OR coalesce(pg_has_role(rolname, to_regrole(%(owner)s), 'MEMBER'), false) AS powerful
  FROM pg_roles
 WHERE rolname = %(role)s

-- name: create_role
CREATE ROLE {role}

-- name: let_log_in
ALTER ROLE {role} LOGIN PASSWORD {verifier}

-- name: acts_as_owner
-- From 16 on, membership alone does not allow SET ROLE.
SELECT pg_has_role(%(owner)s, CASE WHEN current_setting('server_version_num')::int < 160000
                                   THEN 'MEMBER' ELSE 'SET' END)

-- name: join_owner
GRANT {owner} TO CURRENT_USER

-- name: database
SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding
  FROM pg_database
 WHERE datname = %(database)s

-- name: create_database
-- Text sorts by code point, the same on every machine and in every release of its C library.
CREATE DATABASE {database} OWNER {owner} TEMPLATE template0
    ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'

-- name: give_database
ALTER DATABASE {database} OWNER TO {owner}

-- name: become_owner
SET ROLE {owner}

-- name: close_database
REVOKE ALL ON DATABASE {database} FROM PUBLIC

-- name: open_database
-- The session's user too: one that does not inherit the owner's rights could not come back.
GRANT CONNECT ON DATABASE {database} TO {service}, SESSION_USER

-- name: open_schemas
-- The service owns its read models, each in a schema of its own; the ledgers' schemas belong to the owner.
GRANT CREATE ON DATABASE {database} TO {service}

-- name: use_utc
ALTER DATABASE {database} SET timezone TO 'UTC'

-- name: leave_owner
RESET ROLE
