-- name: snapshot
-- Two generations are compared as they were at one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: fix_settings
-- Rows are hashed as text, so everything that changes how text looks is fixed for the transaction.
SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
       set_config('intervalstyle', 'iso_8601', true), set_config('extra_float_digits', '1', true),
       set_config('bytea_output', 'hex', true)

-- name: tables
SELECT relname FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE nspname = %(schema)s AND relkind IN ('r', 'p')
 ORDER BY relname COLLATE "C"

-- name: content
SELECT count(*),
       coalesce(sum(('x' || left(encode(sha256(convert_to(content::text, 'UTF8')), 'hex'), 16))::bit(64)::bigint::numeric), 0)
  FROM {table} AS content
