-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: bound
-- Where ledgers are in another database, the connection to one of the two waits while the other one works.
SELECT set_config('statement_timeout', %(milliseconds)s::text, true),
       set_config('idle_in_transaction_session_timeout', (%(milliseconds)s + 30000)::text, true),
       set_config('timezone', 'UTC', true)

-- name: there
SELECT to_regclass(quote_ident(%(schema)s) || '.commits') IS NOT NULL

-- name: made
SELECT to_regclass(quote_ident(%(schema)s) || '.leaders') IS NOT NULL

-- name: use_schema
SELECT set_config('search_path', %(schema)s, true)

-- name: position_at
SELECT size_after FROM {ledger}.commits WHERE committed_at <= %(moment)s ORDER BY size_before DESC LIMIT 1

-- name: moments
-- When a position was recorded, and how long ago that was of the first one that is not taken, seconds.
SELECT (SELECT recorded_at FROM {ledger}.events WHERE position = %(position)s),
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::float8
          FROM {ledger}.events WHERE position = %(taken)s + 1)

-- name: followed
SELECT EXISTS (SELECT FROM {catalogue}.leaders WHERE name = %(name)s AND expires_at > clock_timestamp())
