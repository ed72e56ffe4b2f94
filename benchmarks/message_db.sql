-- name: installed
SELECT to_regclass('message_store.messages') IS NOT NULL

-- name: create_database
CREATE DATABASE {database}

-- name: use_schema
-- As the installation asks of whoever calls it: its functions name their tables without the schema.
SET search_path TO message_store, public

-- name: write
SELECT message_store.write_message(%(id)s::varchar, %(stream)s::varchar, %(type)s::varchar, %(data)s::jsonb)
