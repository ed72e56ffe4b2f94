-- name: snapshot
-- Two generations are compared as they were at one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: fix_settings
-- Rows are taken in their binary form, in which texts alone depend on a setting; and as text where they are told.
SELECT set_config('client_encoding', 'UTF8', true), set_config('timezone', 'UTC', true),
       set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'iso_8601', true),
       set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)

-- name: tables
SELECT relname FROM pg_class
  JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE nspname = %(schema)s AND relkind IN ('r', 'p')
 ORDER BY relname COLLATE "C"

-- name: content
-- The sum of whole numbers is kept in 128 bits, so that it costs little and overflows for no table that can be.
SELECT count(*),
       coalesce(sum(('x' || left(encode(sha256(record_send(content)), 'hex'), 16))::bit(64)::bigint), 0)
  FROM {table} AS content

-- name: key
-- The columns of a table's primary key; none where it has no key.
SELECT coalesce(array_agg(attname::text ORDER BY array_position(indkey::int2[], attnum)), '{}')
  FROM pg_index
  JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
 WHERE indisprimary AND indrelid = to_regclass(quote_ident(%(schema)s) || '.' || quote_ident(%(table)s))

-- name: differences
-- Rows that only one of two tables has, told by their key, or by their text where the table has none: in both under one
-- key is changed. The last column is how many there are.
WITH live AS (
    SELECT {told} AS told, content::text AS row FROM {live} AS content
    EXCEPT ALL
    SELECT {told}, content::text FROM {replayed} AS content),
replayed AS (
    SELECT {told} AS told, content::text AS row FROM {replayed} AS content
    EXCEPT ALL
    SELECT {told}, content::text FROM {live} AS content)
SELECT left(told, %(width)s), live.row IS NOT NULL, replayed.row IS NOT NULL, count(*) OVER ()
  FROM live FULL JOIN replayed USING (told)
 ORDER BY told COLLATE "C" LIMIT %(most)s

-- name: told
-- How the row `content` is told.
coalesce((SELECT string_agg(name || ' ' || coalesce(to_jsonb(content) ->> name, 'NULL'), ', ' ORDER BY place)
            FROM unnest(%(key)s::text[]) WITH ORDINALITY AS key (name, place)), content::text)
