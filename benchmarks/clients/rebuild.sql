-- name: backends
-- Of the rebuilds that run now, with the processes that help them.
SELECT pid
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND (starts_with(application_name, 'incident-ledger rebuild')
        OR leader_pid IN (SELECT pid FROM pg_stat_activity
                           WHERE starts_with(application_name, 'incident-ledger rebuild')))

-- name: outdate
UPDATE {catalogue}.generations SET version = 0 WHERE name = %(name)s AND status = 'live' AND position = 0
