-- The questions about casualties. Each begins with the chain of chain.sql, and with two more links:
--   grouped        the same, each in the group whose sum it belongs to: that of the question; or the tolls it is inside
--   bounds         low and high of what is taken: as stated; or, where all of an incident counts, those of its whole
-- Run them unprepared: the planner has to see which parameters are NULL.

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
