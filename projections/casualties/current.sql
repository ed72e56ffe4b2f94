-- The questions that are answered from current totals. They give the columns of `figures`, `tolls`, `tolls_left_out` and
-- `sums_of_tolls` (questions.sql), so that their rows are read alike.

-- name: counted
-- Rows of totals as the policy has them: acled-2019 gives every claim one number, ucdp-range the bounds of wholes. A claim
-- that all policies take alike is in other rows than one that they do not.
WITH counted AS (
    SELECT t.key, t.policies, taken, t.claims, incidents, qualifiers, party_claim, aggregate,
           sources, source_sum, source_squares,
           retracted, verification, date_precision, unresolved_words, superseded,
           chosen.*
      FROM totals AS t
      LEFT JOIN totals_by_wholes AS w
        ON w.grouping = t.grouping AND w.key = t.key AND w.policies = t.policies AND %(policy)s::text = 'ucdp-range'
      CROSS JOIN LATERAL (
          SELECT t.low + coalesce(w.low, 0) AS low, t.lows + coalesce(w.lows, 0) AS lows, best, bests,
                 t.high + coalesce(w.high, 0) AS high, t.highs + coalesce(w.highs, 0) AS highs,
                 t.low_above_best + coalesce(w.low_above_best, 0) AS low_above_best,
                 t.best_above_high + coalesce(w.best_above_high, 0) AS best_above_high,
                 coalesce(w.claims, 0) AS covered
           WHERE %(policy)s::text <> 'acled-2019'
           UNION ALL
          SELECT acled_number, taken, acled_number, taken, acled_number, taken, 0, 0, 0
           WHERE %(policy)s::text = 'acled-2019'
      ) AS chosen
     WHERE t.grouping = %(grouping)s::smallint
       AND t.policies = ANY (%(policies)s::smallint[])
)

-- name: figures
SELECT key,
       grouping(key) = 1 AS whole,
       CASE WHEN sum(lows) > 0 THEN sum(low) END::bigint AS low,
       CASE WHEN sum(bests) > 0 THEN sum(best) END::bigint AS best,
       CASE WHEN sum(highs) = sum(taken) THEN sum(high) END::bigint AS high,
       CASE WHEN sum(taken) = 1 THEN (%(qualifiers)s::text[])[sum(qualifiers)] END AS qualifier,
       sum(incidents)::bigint AS incidents,
       sum(claims)::bigint AS claims,
       sum(claims) > 0 AND sum(party_claim) = sum(claims) AS party_claim,
       sum(sources) > 0 AND sum(sources) * sum(source_squares) = sum(source_sum) * sum(source_sum) AS single_source,
       sum(aggregate) > 0 AS aggregate,
       sum(low_above_best) > 0 AS low_above_best,
       sum(best_above_high) > 0 AS best_above_high,
       sum(covered) > 0 AS bounds_of_wholes,
       sum(retracted)::bigint AS retracted,
       0 AS partly_in_period,
       0 AS aggregates,
       sum(verification)::bigint AS verification,
       sum(date_precision)::bigint AS date_precision,
       0 AS place_precision,
       sum(unresolved_words)::bigint AS unresolved_words,
       (sum(claims) - sum(bests))::bigint AS no_best,
       sum(superseded)::bigint AS superseded,
       EXISTS (SELECT FROM totals_unregistered AS u
                WHERE u.grouping = %(grouping)s::smallint AND u.key = counted.key
                  AND u.policies = ANY (%(policies)s::smallint[])) AS unregistered_actor,
       ARRAY(SELECT place FROM totals_positions AS p CROSS JOIN unnest(p.positions) AS place
              WHERE p.grouping = %(grouping)s::smallint AND p.key = counted.key
                AND p.policies = ANY (%(policies)s::smallint[])
              ORDER BY place LIMIT %(most_positions)s::int) AS positions
  FROM counted
 GROUP BY GROUPING SETS ((key), ())
HAVING grouping(key) = 1 OR sum(taken) > 0
 ORDER BY whole DESC, key
 LIMIT %(most_groups)s::int + 2

-- name: tolls
-- Those that stand beside the figures of a grouping, in order of position, and how many they are.
SELECT toll.event_id, toll.held_from, toll.form_position, c.incident_id, c.victim_class, c.outcome, c.qualifier,
       CASE WHEN %(policy)s::text = 'acled-2019' THEN c.acled_number ELSE c.low END AS low,
       CASE WHEN %(policy)s::text = 'acled-2019' THEN c.acled_number ELSE c.best END AS best,
       CASE WHEN %(policy)s::text = 'acled-2019' THEN c.acled_number ELSE c.high END AS high,
       (SELECT tolls FROM totals_of_tolls AS t WHERE t.left_out = ''
           AND t.grouping = CASE WHEN %(policy)s::text = 'ucdp-range' THEN %(grouping)s::smallint ELSE 0 END) AS in_all
  FROM (
      (SELECT event_id, held_from, form_position FROM current_tolls
        WHERE left_out IS NULL AND %(policy)s::text <> 'ucdp-range'
        ORDER BY form_position LIMIT %(most_tolls)s::int + 1)
      UNION ALL
      (SELECT event_id, held_from, form_position FROM tolls_beside
        WHERE grouping = %(grouping)s::smallint AND %(policy)s::text = 'ucdp-range'
        ORDER BY form_position LIMIT %(most_tolls)s::int + 1)
  ) AS toll
  JOIN claims AS c USING (event_id, held_from)
 ORDER BY form_position

-- name: tolls_left_out
SELECT left_out AS reason, tolls AS claims FROM totals_of_tolls WHERE grouping = 0 AND left_out <> '' ORDER BY left_out

-- name: sums_of_tolls
-- The sums inside tolls of areas.
SELECT key::bigint AS form_position,
       CASE WHEN sum(lows) > 0 THEN sum(low) END::bigint AS low,
       CASE WHEN sum(bests) > 0 THEN sum(best) END::bigint AS best,
       CASE WHEN sum(highs) = sum(taken) THEN sum(high) END::bigint AS high,
       CASE WHEN sum(taken) = 1 THEN (%(qualifiers)s::text[])[sum(qualifiers)] END AS qualifier,
       sum(claims)::bigint AS claims
  FROM counted
 GROUP BY key
HAVING sum(taken) > 0
