-- name: revisions
SELECT event_id, revision FROM {ledger}.events WHERE event_id = ANY (%(event_ids)s::uuid[])
