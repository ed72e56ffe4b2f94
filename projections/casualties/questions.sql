-- The questions about casualties. Every condition of a filter is a parameter that is NULL where nothing is asked, so
-- one text answers all filters. The beginnings of the others are a chain, of which each link has a form or two:
--   held           the claims and tolls that hold at a position, and those that were retracted by then
--   asked          those of them that a question is about
--   candidates     the same, each with its group and the reason for which it is left out
--   itemised       those that can count: claims of single incidents; or these and aggregates
--   dates          the same, in groups of their periods; or, what is not dated precisely enough, of their intervals
--   resolution     the same, with one claim taken for each (incident, party, class, outcome)
--   grouped        the same, each in the group whose sum it belongs to: that of the question; or the tolls it is inside
--   bounds         low and high of what is taken: as stated; or, where all of an incident counts, those of its whole
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

-- name: grouped_as_asked
, grouped AS (
    SELECT resolved.*, group_key AS sum_key FROM resolved
)

-- name: grouped_by_tolls_of_incidents
-- Each toll with what is inside it: a toll of an incident takes the claims of that incident, another one those of its area.
, toll AS (
    SELECT event_id, incident_id, victim_party, victim_class, outcome, perpetrators, occurred_start, occurred_end,
           place_precision, nullif(place_name, '') AS place_name, nullif(country, '') AS country,
           coalesce(nullif(admin1, ''), place_name) AS admin1, coalesce(nullif(admin2, ''), place_name) AS admin2,
           nullif(admin1, '') AS stated_admin1
      FROM claims
     WHERE event_id = ANY (%(tolls)s::uuid[])
       AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)
), grouped AS (
    SELECT part.*, ARRAY[toll.event_id::text] AS sum_key
      FROM toll JOIN resolved AS part ON part.incident_id = toll.incident_id

-- name: grouped_by_tolls_of_areas
    UNION ALL
    SELECT part.*, ARRAY[toll.event_id::text] AS sum_key
      FROM toll JOIN resolved AS part ON toll.incident_id IS NULL

-- name: grouped_by_tolls
)

-- name: of_its_kind
-- Whether a claim is of the persons that a toll is of. A toll whose class is unknown is of persons of any class.
AND part.outcome = toll.outcome
AND toll.victim_class IN ('all', 'unknown', part.victim_class)
AND (toll.victim_party IS NULL OR toll.victim_party = part.victim_party)
AND (cardinality(toll.perpetrators) = 0 OR toll.perpetrators && part.perpetrators)

-- name: in_its_area
-- Whether a claim's whole interval lies in the period of a toll, and its place in the toll's, at the precision of that.
AND part.occurred_start >= toll.occurred_start AND part.occurred_end <= toll.occurred_end
AND CASE
        WHEN toll.place_precision IS NULL THEN true
        WHEN toll.place_precision = 6 THEN part.country = coalesce(toll.country, toll.place_name)
        ELSE (toll.country IS NULL OR coalesce(nullif(part.country, ''), toll.country) = toll.country)
             AND CASE toll.place_precision
                     WHEN 4 THEN part.admin1 = toll.admin1 OR part.place_name = toll.admin1
                     WHEN 3 THEN (part.admin2 = toll.admin2 OR part.place_name = toll.admin2)
                                 AND (toll.stated_admin1 IS NULL
                                      OR coalesce(nullif(part.admin1, ''), toll.stated_admin1) = toll.stated_admin1)
                     ELSE part.place_name = toll.place_name
                          AND (toll.stated_admin1 IS NULL
                               OR coalesce(nullif(part.admin1, ''), toll.stated_admin1) = toll.stated_admin1)
                 END
    END

-- name: bounds_as_stated
, bounded AS (
    SELECT grouped.*, low_by_rule AS low_of_number, high_by_rule AS high_of_number,
           low > best AS low_above_best, best > high AS best_above_high, NULL::uuid AS whole_id
      FROM grouped
)

-- name: bounds_of_wholes
-- A source that gives bounds for an incident as a whole, and best numbers for its parts (UCDP does): where a group holds
-- all parts, so that their best numbers add up to the whole's, its bounds are theirs together. The first part carries
-- them; where a part is missing or says something else by now, each part keeps what is stated of itself.
, whole AS (
    SELECT DISTINCT ON (incident_id, outcome, source)
           event_id AS whole_id, incident_id, outcome, source, low AS whole_low, best AS whole_best, high AS whole_high
      FROM candidate
     WHERE is_toll AND victim_class = 'all' AND victim_party IS NULL AND incident_id IS NOT NULL AND reason IS NULL
     ORDER BY incident_id, outcome, source, position DESC
), part AS (
    SELECT grouped.*, whole.whole_id AS own_whole, whole_low, whole_best, whole_high,
           taken AND whole_best = sum(best) FILTER (WHERE taken) OVER of_whole AS covered,
           row_number() OVER (of_whole ORDER BY taken DESC, position) AS number
      FROM grouped
      -- An aggregate of all classes that counts is no part of a whole, least of all of itself.
      LEFT JOIN whole ON grouped.victim_class <> 'all' AND whole.incident_id = grouped.incident_id
                     AND whole.outcome = grouped.outcome AND whole.source = grouped.source
    WINDOW of_whole AS (PARTITION BY whole.whole_id, sum_key)
), bounded AS (
    SELECT part.*,
           CASE WHEN NOT coalesce(covered, false) THEN low_by_rule WHEN number = 1 THEN whole_low ELSE 0 END
               AS low_of_number,
           CASE WHEN NOT coalesce(covered, false) THEN high_by_rule WHEN number = 1 THEN whole_high ELSE 0 END
               AS high_of_number,
           CASE WHEN covered THEN whole_low > whole_best ELSE low > best END AS low_above_best,
           CASE WHEN covered THEN whole_best > whole_high ELSE best > high END AS best_above_high,
           CASE WHEN covered THEN own_whole END AS whole_id
      FROM part
)

-- name: figures
-- One row for each group, and one (whole) for all of them: the groups plus what belongs to none.
SELECT group_key,
       grouping(group_key) = 1 AS whole,
       (sum(low_of_number) FILTER (WHERE taken))::bigint AS low,
       (sum(best) FILTER (WHERE taken))::bigint AS best,
       (CASE WHEN bool_and(high_of_number IS NOT NULL) FILTER (WHERE taken)
             THEN sum(high_of_number) FILTER (WHERE taken) END)::bigint AS high,
       CASE WHEN count(*) FILTER (WHERE counts OR taken) = 1
            THEN min(qualifier) FILTER (WHERE taken) END AS qualifier,
       count(DISTINCT incident_id) FILTER (WHERE counts) AS incidents,
       count(*) FILTER (WHERE counts) AS claims,
       (array_agg(form_position ORDER BY form_position) FILTER (WHERE counts))[1:%(most_positions)s::int]
           AS positions,
       coalesce(bool_and(party_claim) FILTER (WHERE counts), false) AS party_claim,
       count(DISTINCT source) FILTER (WHERE counts) = 1 AS single_source,
       coalesce(bool_or(aggregate) FILTER (WHERE counts), false) AS aggregate,
       coalesce(bool_or(low_above_best) FILTER (WHERE counts), false) AS low_above_best,
       coalesce(bool_or(best_above_high) FILTER (WHERE counts), false) AS best_above_high,
       coalesce(bool_or(unregistered) FILTER (WHERE counts), false) AS unregistered_actor,
       -- Of claims that are in a box or circle by a point that stands for a larger area.
       coalesce(bool_or(place_precision > 2) FILTER (WHERE counts), false)
           AND coalesce(%(south)s::float8, %(radius_km)s::float8) IS NOT NULL AS imprecise_place,
       coalesce(bool_or(whole_id IS NOT NULL) FILTER (WHERE counts), false) AS bounds_of_wholes,
       count(*) FILTER (WHERE left_out = 'RETRACTED') AS retracted,
       count(*) FILTER (WHERE left_out = 'PARTLY_IN_PERIOD') AS partly_in_period,
       count(*) FILTER (WHERE left_out = 'AGGREGATE') AS aggregates,
       count(*) FILTER (WHERE left_out = 'VERIFICATION') AS verification,
       count(*) FILTER (WHERE left_out = 'DATE_PRECISION') AS date_precision,
       count(*) FILTER (WHERE left_out = 'PLACE_PRECISION') AS place_precision,
       count(*) FILTER (WHERE left_out = 'UNRESOLVED_WORDS') AS unresolved_words,
       count(*) FILTER (WHERE counts AND taken AND best IS NULL) AS no_best,
       count(*) FILTER (WHERE left_out = 'SUPERSEDED') AS superseded
  FROM bounded
 GROUP BY GROUPING SETS ((group_key), ())
HAVING grouping(group_key) = 1 OR count(*) FILTER (WHERE taken) > 0
 ORDER BY whole DESC, group_key
 LIMIT %(most_groups)s::int + 2

-- name: no_toll_counts
, counted_toll AS (
    SELECT NULL::uuid AS event_id WHERE false
)

-- name: tolls_that_count
-- Tolls that are part of a figure: aggregates that count, and wholes that give their bounds.
, counted_toll AS (
    SELECT event_id FROM bounded WHERE is_toll
     UNION
    SELECT whole_id FROM bounded WHERE whole_id IS NOT NULL
)

-- name: tolls
-- The other tolls that a question is about, in order of position, and how many they are.
SELECT event_id, held_from, incident_id, victim_class, outcome, qualifier, low, best, high,
       count(*) OVER () AS in_all
  FROM candidate
 WHERE is_toll AND fits AND reason IS NULL AND event_id NOT IN (SELECT event_id FROM counted_toll)
 ORDER BY form_position
 LIMIT %(most_tolls)s::int + 1

-- name: tolls_left_out
SELECT reason, count(*) AS claims FROM candidate WHERE is_toll AND fits AND reason IS NOT NULL GROUP BY reason ORDER BY reason

-- name: redacted
-- Claims whose payloads were removed. What they were about is gone too, so no condition of a filter is asked of them.
-- And acts that stood at the position and whose payloads were removed later.
SELECT (SELECT count(*) FROM redacted_claims
         WHERE position <= %(position)s::bigint AND type = ANY (%(types)s::text[])) AS claims,
       (SELECT count(*) FROM redacted_acts AS gone
         WHERE position <= %(position)s::bigint
           AND EXISTS (SELECT FROM acts WHERE acts.target_event_id = gone.event_id AND type = 'PayloadRedacted'
                                          AND acts.position > %(position)s::bigint)
           AND NOT EXISTS (SELECT FROM acts WHERE acts.target_event_id = gone.event_id AND type = 'ClaimRetracted'
                                              AND held_from <= %(position)s::bigint
                                              AND (held_to IS NULL OR held_to > %(position)s::bigint))) AS acts

-- name: sums_of_tolls
SELECT sum_key[1]::uuid AS toll,
       (sum(low_of_number) FILTER (WHERE taken))::bigint AS low,
       (sum(best) FILTER (WHERE taken))::bigint AS best,
       (CASE WHEN bool_and(high_of_number IS NOT NULL) FILTER (WHERE taken)
             THEN sum(high_of_number) FILTER (WHERE taken) END)::bigint AS high,
       CASE WHEN count(*) FILTER (WHERE counts OR taken) = 1
            THEN min(qualifier) FILTER (WHERE taken) END AS qualifier,
       count(*) FILTER (WHERE counts) AS claims
  FROM bounded
 GROUP BY sum_key
HAVING count(*) FILTER (WHERE taken) > 0

-- name: page
-- A page of the claims that a question is about, tolls too; or of one group of claims that are in it by what they say of
-- persons and incident, in which those about the same number agree.
SELECT event_id, held_from, incident_id, reason
  FROM candidate
 WHERE fits AND (%(with_left_out)s::boolean OR reason IS NULL) AND form_position > %(after)s::bigint
   AND (%(group_key)s::text[] IS NULL OR own_key = %(group_key)s::text[] AND NOT is_toll)
 ORDER BY form_position
 LIMIT %(limit)s::int

-- name: page_of_group
-- A page of the claims of any group: those about its numbers, wherever they are said to have happened and whoever says so.
SELECT event_id, held_from, incident_id, reason
  FROM candidate
 WHERE form_position > %(after)s::bigint
   AND event_id IN (SELECT event_id FROM bounded
                     WHERE group_key = %(group_key)s::text[] AND (%(with_left_out)s::boolean OR reason IS NULL)
                     UNION
                    SELECT whole_id FROM bounded WHERE group_key = %(group_key)s::text[])
 ORDER BY form_position
 LIMIT %(limit)s::int

-- name: parts
-- What some claims are in their figures: what is taken adds to one, nothing else does.
SELECT event_id, left_out, taken, qualifier, low_of_number AS low, best, high_of_number AS high
  FROM bounded WHERE event_id = ANY (%(events)s::uuid[])
 UNION ALL
SELECT DISTINCT whole_id, 'WHOLE', false, NULL, NULL::bigint, NULL::bigint, NULL::bigint
  FROM bounded WHERE whole_id = ANY (%(events)s::uuid[])

-- name: surviving_incidents
-- The incidents that these turned out to be.
SELECT DISTINCT coalesce(merges.incident_id, asked.incident_id)
  FROM unnest(%(incident_ids)s::text[]) AS asked (incident_id)
  LEFT JOIN merges ON merges.merged_incident_id = asked.incident_id COLLATE "C"
   AND held_from <= %(position)s::bigint AND (held_to IS NULL OR held_to > %(position)s::bigint)

-- name: forms
-- Forms of claims in the order asked, with the source of their reports and, of a correction, where it was filed. What
-- ended a form after the position asked for was not known then.
SELECT c.*,
       CASE WHEN c.held_to <= %(position)s::bigint THEN c.held_to END AS held_to,
       r.source, r.reliability, r.reported_at, r.source_ids, r.source_count,
       correction.report_id AS form_report_id, correction.recorded_at AS form_recorded_at,
       NOT c.actors <@ (SELECT coalesce(array_agg(actor_id), '{}') FROM actors
                         WHERE held_from <= %(position)s::bigint
                           AND (held_to IS NULL OR held_to > %(position)s::bigint)) AS unregistered
  FROM unnest(%(event_ids)s::uuid[], %(held_froms)s::bigint[]) WITH ORDINALITY AS asked (event_id, held_from, number)
  JOIN claims AS c ON c.event_id = asked.event_id AND c.held_from = asked.held_from
  LEFT JOIN reports AS r ON r.report_id = c.report_id AND r.held_from <= r.position
  LEFT JOIN acts AS correction
    ON correction.event_id = c.form_event_id AND correction.held_from <= correction.position
 ORDER BY asked.number
