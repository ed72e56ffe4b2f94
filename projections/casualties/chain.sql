-- The claims that a question about casualties is about, and which of them counts. Every condition of a filter is a
-- parameter that is NULL where nothing is asked, so one text answers all filters. A chain, of which each link has a form
-- or two, and which goes on in questions.sql:
--   held           the claims and tolls that hold at a position, and those that were retracted by then
--   asked          those of them that a question is about
--   candidates     the same, each with its group and the reason for which it is left out
--   itemised       those that can count: claims of single incidents; or these and aggregates
--   dates          the same, in groups of their periods; or, what is not dated precisely enough, of their intervals
--   resolution     the same, with one claim taken for each (incident, party, class, outcome)
-- Run them unprepared: the planner has to see which parameters are NULL.

-- name: held
WITH held AS (
    SELECT c.event_id, c.held_from, c.position, c.form_position, c.incident_id,
           c.victim_party, c.victim_class, c.outcome, c.perpetrators, c.qualifier, c.is_toll,
           c.occurred_start, c.occurred_end, c.date_precision,
           c.place_name, c.country, c.admin1, c.admin2, c.place_precision,
           c.aggregate, c.party_claim, c.preferred, c.kind_of_violence, c.verification, c.actors,
           c.low, c.best, c.high, c.acled_number, r.source, r.reliability, r.reported,
           c.held_to <= %(position)s::bigint AS retracted,
           c.date_precision > 4 OR date_trunc('month', c.occurred_start::timestamp)
                                <> date_trunc('month', c.occurred_end::timestamp) AS of_no_month,
           c.date_precision > 5 OR date_trunc('year', c.occurred_start::timestamp)
                                <> date_trunc('year', c.occurred_end::timestamp) AS of_no_year
      FROM claims AS c
      -- A report never changes what it says: its first row tells, whether it was retracted later or not. `<=` for what
      -- is always at least equal, because the planner takes two equal columns for rare and would join row by row.
      LEFT JOIN reports AS r ON r.report_id = c.report_id AND r.held_from <= r.position
     WHERE c.outcome IS NOT NULL
       AND c.held_from <= %(position)s::bigint
       AND (c.held_to IS NULL OR c.held_to > %(position)s::bigint
            OR c.why_ended IN ('retracted', 'report retracted')
               AND NOT EXISTS (SELECT FROM claims AS later
                                WHERE later.event_id = c.event_id
                                  AND later.held_from >= c.held_to AND later.held_from <= %(position)s::bigint))

-- name: asked
       AND ((%(victim_parties)s::text[] IS NULL OR c.victim_party = ANY (%(victim_parties)s::text[]))
            AND (%(victim_classes)s::text[] IS NULL OR c.victim_class = ANY (%(victim_classes)s::text[]))
            -- A whole gives bounds to parts that fit, whether it fits itself or not.
            OR %(by_wholes)s::boolean AND c.is_toll AND c.victim_class = 'all' AND c.incident_id IS NOT NULL)
       AND (%(outcomes)s::text[] IS NULL OR c.outcome = ANY (%(outcomes)s::text[]))
       AND (%(perpetrators)s::text[] IS NULL OR c.perpetrators && %(perpetrators)s::text[])
       -- Names of places in upper or lower case; both sides are lowered by the database, so that they agree on how.
       AND (%(countries)s::text IS NULL OR lower(c.country) = ANY (lower(%(countries)s::text)::text[]))
       AND (%(admin1)s::text IS NULL OR lower(c.admin1) = ANY (lower(%(admin1)s::text)::text[]))
       AND (%(admin2)s::text IS NULL OR lower(c.admin2) = ANY (lower(%(admin2)s::text)::text[]))
       AND (%(places)s::text IS NULL
            OR lower(c.place_name) = ANY (lower(%(places)s::text)::text[])
            OR lower(c.admin2) = ANY (lower(%(places)s::text)::text[])
            OR lower(c.admin1) = ANY (lower(%(places)s::text)::text[])
            OR lower(c.country) = ANY (lower(%(places)s::text)::text[]))
       AND (%(south)s::float8 IS NULL
            OR c.latitude BETWEEN %(south)s::float8 AND %(north)s::float8
               AND CASE WHEN %(west)s::float8 <= %(east)s::float8
                        THEN c.longitude BETWEEN %(west)s::float8 AND %(east)s::float8
                        ELSE c.longitude >= %(west)s::float8 OR c.longitude <= %(east)s::float8 END)
       -- Great-circle distance (haversine) on the mean radius of the Earth. No point is further away than its latitude
       -- is; that is for the index, and wider by more than such sums are inexact.
       AND (%(radius_km)s::float8 IS NULL
            OR c.latitude BETWEEN %(latitude)s::float8 - degrees(%(radius_km)s::float8 / 6371.0088) - 1e-6
                              AND %(latitude)s::float8 + degrees(%(radius_km)s::float8 / 6371.0088) + 1e-6
               AND 2 * 6371.0088 * asin(least(1.0, sqrt(
                   sin(radians(c.latitude - %(latitude)s::float8) / 2) ^ 2
                   + cos(radians(%(latitude)s::float8)) * cos(radians(c.latitude))
                     * sin(radians(c.longitude - %(longitude)s::float8) / 2) ^ 2))) <= %(radius_km)s::float8)
       -- Few claims are of more than 31 days, and have an index of their own (claims_long); the others of a period begin
       -- at most so long before it.
       AND (%(occurred_from)s::date IS NULL
            OR c.occurred_end >= %(occurred_from)s::date
               AND (c.occurred_start >= %(occurred_from)s::date - 31 OR c.occurred_end - c.occurred_start > 31))
       AND (%(occurred_to)s::date IS NULL OR c.occurred_start <= %(occurred_to)s::date)
       AND (%(incident_ids)s::text[] IS NULL OR c.incident_id = ANY (%(incident_ids)s::text[]))
       AND (%(sources)s::text[] IS NULL OR r.source = ANY (%(sources)s::text[]))
       AND (%(attributed_to)s::text[] IS NULL OR c.attributed && %(attributed_to)s::text[])
       AND (%(kinds_of_violence)s::int[] IS NULL OR c.kind_of_violence = ANY (%(kinds_of_violence)s::int[]))
       AND (%(involving)s::text[] IS NULL
            OR c.parties && %(involving)s::text[]
            -- As an array, found once, so that both sides can be looked up.
            OR c.incident_id = ANY (ARRAY(SELECT incident_id FROM claims
                                           WHERE parties && %(involving)s::text[] AND held_from <= %(position)s::bigint
                                             AND (held_to IS NULL OR held_to > %(position)s::bigint))))
)

-- name: candidates
, candidate AS (
    SELECT held.event_id, held.held_from, held.position, held.form_position, held.incident_id,
           held.victim_party, held.victim_class, held.outcome, held.perpetrators, held.qualifier, held.is_toll,
           held.occurred_start, held.occurred_end, held.date_precision, held.place_precision, held.place_name, held.country, held.admin1, held.admin2,
           held.aggregate, held.party_claim, held.preferred, held.source, held.reliability, held.reported,
           NOT held.actors <@ (SELECT coalesce(array_agg(actor_id), '{}') FROM actors
                                WHERE held_from <= %(position)s::bigint
                                  AND (held_to IS NULL OR held_to > %(position)s::bigint)) AS unregistered,
           (%(victim_parties)s::text[] IS NULL OR held.victim_party = ANY (%(victim_parties)s::text[]))
           AND (%(victim_classes)s::text[] IS NULL OR held.victim_class = ANY (%(victim_classes)s::text[])) AS fits,
           counted.low, counted.best, counted.high,
           coalesce(counted.low, counted.best, counted.high) IS NOT NULL AS numbered,
           ARRAY[
               CASE WHEN 'party' = ANY (%(groupings)s::text[]) THEN coalesce(held.victim_party, '') END,
               CASE WHEN 'class' = ANY (%(groupings)s::text[]) THEN held.victim_class END,
               CASE WHEN 'outcome' = ANY (%(groupings)s::text[]) THEN held.outcome END,
               CASE WHEN 'perpetrator' = ANY (%(groupings)s::text[])
                    THEN array_to_string(held.perpetrators, %(joint)s::text) END,
               CASE WHEN 'admin1' = ANY (%(groupings)s::text[]) THEN coalesce(held.admin1, '') END,
               CASE WHEN 'admin2' = ANY (%(groupings)s::text[]) THEN coalesce(held.admin2, '') END,
               CASE WHEN 'country' = ANY (%(groupings)s::text[]) THEN coalesce(held.country, '') END,
               CASE WHEN 'day' = ANY (%(groupings)s::text[]) THEN to_char(held.occurred_start, 'YYYY-MM-DD') END,
               CASE WHEN 'week' = ANY (%(groupings)s::text[])
                    THEN to_char(date_trunc('week', held.occurred_start::timestamp), 'YYYY-MM-DD') END,
               CASE WHEN 'month' = ANY (%(groupings)s::text[]) THEN to_char(held.occurred_start, 'YYYY-MM') END,
               CASE WHEN 'year' = ANY (%(groupings)s::text[]) THEN to_char(held.occurred_start, 'YYYY') END,
               CASE WHEN 'incident' = ANY (%(groupings)s::text[]) THEN coalesce(held.incident_id, '') END,
               CASE WHEN 'source' = ANY (%(groupings)s::text[]) THEN coalesce(held.source, '') END,
               CASE WHEN 'verification' = ANY (%(groupings)s::text[]) THEN held.verification END
           ] AS own_key,
           CASE
               WHEN held.retracted THEN 'RETRACTED'
               WHEN held.occurred_start < %(occurred_from)s::date OR held.occurred_end > %(occurred_to)s::date
                   THEN 'PARTLY_IN_PERIOD'
               WHEN %(exclude_aggregates)s::boolean AND held.aggregate THEN 'AGGREGATE'
               WHEN array_position(%(grades)s::text[], held.verification) IS NULL THEN 'VERIFICATION'
               WHEN held.date_precision > %(max_date_precision)s::int THEN 'DATE_PRECISION'
               WHEN %(max_place_precision)s::int IS NOT NULL
                    AND (held.place_precision IS NULL OR held.place_precision > %(max_place_precision)s::int)
                   THEN 'PLACE_PRECISION'
               WHEN held.is_toll
                    AND NOT (%(count_aggregates)s::boolean AND held.aggregate AND held.incident_id IS NOT NULL)
                   THEN NULL
               WHEN 'day' = ANY (%(groupings)s::text[]) AND held.date_precision > 2
                 OR 'week' = ANY (%(groupings)s::text[])
                    AND (held.date_precision > 3 OR date_trunc('week', held.occurred_start::timestamp)
                                                 <> date_trunc('week', held.occurred_end::timestamp))
                 OR 'month' = ANY (%(groupings)s::text[]) AND held.of_no_month
                 OR 'year' = ANY (%(groupings)s::text[]) AND held.of_no_year
                   THEN 'DATE_PRECISION'
           END AS reason
      FROM held
      CROSS JOIN LATERAL (
          SELECT CASE WHEN %(by_acled)s::boolean THEN held.acled_number ELSE held.low END AS low,
                 CASE WHEN %(by_acled)s::boolean THEN held.acled_number ELSE held.best END AS best,
                 CASE WHEN %(by_acled)s::boolean THEN held.acled_number ELSE held.high END AS high
      ) AS counted
)

-- name: itemised
, itemised AS (
    SELECT * FROM candidate WHERE NOT is_toll
)

-- name: itemised_and_aggregates
-- An aggregate is a toll of one incident. It counts only where nothing else of the incident could be a part of it; the one
-- of all classes only where none of a single class holds.
, itemised AS (
    SELECT * FROM candidate WHERE NOT is_toll
     UNION ALL
    SELECT * FROM candidate AS toll
     WHERE is_toll AND fits AND aggregate AND incident_id IS NOT NULL AND reason IS NULL
       AND NOT EXISTS (SELECT FROM claims AS part
                        WHERE part.incident_id = toll.incident_id AND part.outcome = toll.outcome
                          AND (NOT part.is_toll OR toll.victim_class = 'all' AND part.aggregate
                                                   AND part.victim_class <> 'all')
                          AND part.held_from <= %(position)s::bigint
                          AND (part.held_to IS NULL OR part.held_to > %(position)s::bigint))
)

-- name: dates_as_stated
, dated AS (
    SELECT itemised.*, own_key AS dated_key FROM itemised
)

-- name: dates_spread
-- Of a claim that is not dated precisely enough for a period, the group is the interval of the periods that it may belong
-- to. The precise ones are in the groups in which they always are.
, dated AS (
    SELECT itemised.*,
           own_key[1:7] || ARRAY[
               CASE WHEN 'day' = ANY (%(periods)s::text[])
                    THEN to_char(occurred_start, 'YYYY-MM-DD')
                         || CASE WHEN date_precision > 2 THEN to_char(occurred_end, '/YYYY-MM-DD') ELSE '' END END,
               CASE WHEN 'week' = ANY (%(periods)s::text[])
                    THEN first_week || CASE WHEN date_precision > 3 OR first_week <> last_week
                                            THEN '/' || last_week ELSE '' END END,
               CASE WHEN 'month' = ANY (%(periods)s::text[])
                    THEN first_month || CASE WHEN date_precision > 4 OR first_month <> last_month
                                             THEN '/' || last_month ELSE '' END END,
               CASE WHEN 'year' = ANY (%(periods)s::text[])
                    THEN first_year || CASE WHEN date_precision > 5 OR first_year <> last_year
                                            THEN '/' || last_year ELSE '' END END
           ] || own_key[12:14] AS dated_key
      FROM itemised
      CROSS JOIN LATERAL (
          SELECT to_char(date_trunc('week', occurred_start::timestamp), 'YYYY-MM-DD') AS first_week,
                 to_char(date_trunc('week', occurred_end::timestamp), 'YYYY-MM-DD') AS last_week,
                 to_char(occurred_start, 'YYYY-MM') AS first_month, to_char(occurred_end, 'YYYY-MM') AS last_month,
                 to_char(occurred_start, 'YYYY') AS first_year, to_char(occurred_end, 'YYYY') AS last_year
      ) AS periods
)

-- name: resolution
-- Of the claims about one number, the rule's own order comes first, then those that state a number at all, then the
-- latest. All count to the group of the one that is taken, so that no group counts a number twice.
, ranked AS (
    SELECT dated.*,
           row_number() OVER by_rule AS rank,
           first_value(dated_key) OVER by_rule AS first_key,
           min(low) OVER same_number AS lowest,
           CASE WHEN bool_and(high IS NOT NULL) FILTER (WHERE numbered) OVER same_number
                THEN max(high) OVER same_number END AS highest
      FROM dated
    WINDOW same_number AS (PARTITION BY reason IS NULL, incident_id, victim_party, victim_class, outcome),
           by_rule AS (same_number
                       ORDER BY CASE WHEN %(rule)s::text = 'analyst' AND preferred THEN 0 ELSE 1 END,
                                numbered DESC,
                                CASE WHEN %(rule)s::text = 'most_reliable' THEN coalesce(reliability, 'f') END,
                                reported DESC NULLS LAST,
                                position DESC)
), resolved AS (
    SELECT ranked.*,
           CASE WHEN reason IS NULL THEN first_key ELSE dated_key END AS group_key,
           reason IS NULL AND rank = 1 AS taken,
           reason IS NULL AND numbered AND (rank = 1 OR %(rule)s::text = 'envelope') AS counts,
           CASE WHEN %(rule)s::text = 'envelope' THEN lowest ELSE low END AS low_by_rule,
           CASE WHEN NOT numbered THEN NULL
                WHEN %(rule)s::text = 'envelope' THEN highest ELSE high END AS high_by_rule,
           CASE WHEN reason IS NOT NULL THEN reason
                WHEN NOT numbered THEN 'UNRESOLVED_WORDS'
                WHEN rank > 1 AND %(rule)s::text <> 'envelope' THEN 'SUPERSEDED' END AS left_out
      FROM ranked
)
