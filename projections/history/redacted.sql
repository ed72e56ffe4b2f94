-- What was redacted, which every read model keeps.

-- name: redacted
-- Claims whose payloads were removed, of these streams, or of all whose names begin so, and of these types: their streams
-- still name what they were about. And acts on such streams that stood at the position and whose payloads were removed later.
-- By stream where streams are asked for, together otherwise.
SELECT CASE WHEN %(streams)s::text[] IS NULL THEN '' ELSE stream END AS of_stream,
       count(*) FILTER (WHERE NOT is_act) AS claims, count(*) FILTER (WHERE is_act) AS acts
  FROM (
      SELECT stream, position, false AS is_act FROM redacted_claims
       WHERE %(types)s::text[] IS NULL OR type = ANY (%(types)s::text[])
       UNION ALL
      SELECT stream, position, true FROM redacted_acts AS gone
       WHERE EXISTS (SELECT FROM acts WHERE acts.target_event_id = gone.event_id AND type = 'PayloadRedacted'
                                        AND acts.position > %(position)s::bigint)
         AND NOT EXISTS (SELECT FROM acts WHERE acts.target_event_id = gone.event_id AND type = 'ClaimRetracted'
                                            AND held_from <= %(position)s::bigint
                                            AND (held_to IS NULL OR held_to > %(position)s::bigint))
  ) AS gone
 WHERE position <= %(position)s::bigint
   AND starts_with(stream, %(prefix)s::text)
   AND (%(streams)s::text[] IS NULL OR stream = ANY (%(streams)s::text[]))
 GROUP BY of_stream
