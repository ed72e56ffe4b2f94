-- name: terminate
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE usename = %(service)s AND (NOT %(lanes)s OR application_name = 'incident-ledger lane')

-- name: snapshot
SELECT count(*) FROM {schema}.commits

-- name: vacuum
VACUUM (ANALYZE) {schema}.events, {schema}.commits, {schema}.tiles

-- name: freeze
VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) {schema}.commits

-- name: analyze
ANALYZE {schema}.events

-- name: checkpoint
CHECKPOINT

-- name: drop_index
DROP INDEX CONCURRENTLY IF EXISTS {schema}.campaign_index

-- name: create_index
CREATE INDEX CONCURRENTLY campaign_index ON {schema}.events (report_id)

-- name: reindex
REINDEX TABLE CONCURRENTLY {schema}.commits
