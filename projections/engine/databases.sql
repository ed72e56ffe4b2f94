-- What is asked of a server.

-- name: is_standby
SELECT pg_is_in_recovery()
