-- What was redacted, which every read model keeps.

-- name: redacted
-- Claims whose payloads were removed, of these streams, or of all whose names begin so, and of these types: their streams
-- still name what they were about. And acts on such streams that stood at the position and whose payloads were removed later.
SELECT (SELECT count(*) FROM redacted_claims
         WHERE position <= %(position)s::bigint
           AND starts_with(stream, %(prefix)s::text)
           AND (%(streams)s::text[] IS NULL OR stream = ANY (%(streams)s::text[]))
           AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))) AS claims,
       (SELECT count(*) FROM redacted_acts AS gone
         WHERE position <= %(position)s::bigint
           AND starts_with(stream, %(prefix)s::text)
           AND (%(streams)s::text[] IS NULL OR stream = ANY (%(streams)s::text[]))
           AND EXISTS (SELECT FROM acts WHERE acts.target_event_id = gone.event_id AND type = 'PayloadRedacted'
                                          AND acts.position > %(position)s::bigint)
           AND NOT EXISTS (SELECT FROM acts WHERE acts.target_event_id = gone.event_id AND type = 'ClaimRetracted'
                                              AND held_from <= %(position)s::bigint
                                              AND (held_to IS NULL OR held_to > %(position)s::bigint))) AS acts
