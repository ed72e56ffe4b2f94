-- Keeps totals level with the claims: what a batch concerns is taken away and counted anew, incident by incident. The
-- statements are chains like that of chain.sql, and begin with its link `held`:
--   fresh      the numbers and tolls of these incidents as they stand
--   moved      these and what stood before, with a sign
--   cell       each of them in each of its groups, and inside each toll
--   changed    what that makes of a group; from here on tables are written, also in beside_totals.sql
-- Keys are in the order of KEPT (keeping.py): 1 is the group of everything, 11 the month, 12 the year; 0 is inside a toll.

-- name: settings
-- A batch concerns few rows of large tables, of which the planner may know nothing yet: it shall look them up, and
-- need not plan anew what is always done in the same way.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true), set_config('enable_sort', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true), set_config('work_mem', '64MB', true)

-- name: of_changed
       AND (c.incident_id = ANY (%(incidents)s::text[]) OR c.event_id = ANY (%(claims)s::uuid[]))
)

-- name: fresh
-- Which of an incident's claims state no number, no month or no year is its case: where some do, the groupings that
-- leave these out, or the policy that gives them a number, can take another claim, and have rows of their own.
, judged AS MATERIALIZED (
    SELECT held.*, coalesce(low, best, high) IS NOT NULL AS stated,
           CASE WHEN retracted THEN 'RETRACTED'
                WHEN array_position(%(grades)s::text[], verification) IS NULL THEN 'VERIFICATION' END AS reason
      FROM held
), part AS (
    SELECT judged.*,
           bool_or(of_no_month) FILTER (WHERE reason IS NULL AND NOT is_toll) OVER of_incident IS TRUE AS no_month,
           bool_or(of_no_year) FILTER (WHERE reason IS NULL AND NOT is_toll) OVER of_incident IS TRUE AS no_year,
           bool_or(NOT stated) FILTER (WHERE reason IS NULL AND NOT is_toll) OVER of_incident IS TRUE AS no_number,
           max(ARRAY[position, low, best, high])
               FILTER (WHERE is_toll AND reason IS NULL AND victim_class = 'all' AND victim_party IS NULL
                         AND source IS NOT NULL)
               OVER (PARTITION BY incident_id, outcome, source COLLATE "C") AS whole
      FROM judged
    WINDOW of_incident AS (PARTITION BY incident_id)
), in_case AS (
    SELECT part.*, by_any, by_month, by_year, policies, stated OR policies = 2 AS numbered,
           CASE WHEN reason IS NOT NULL THEN reason
                WHEN NOT by_any AND (by_month AND of_no_month OR by_year AND of_no_year) THEN 'DATE_PRECISION'
           END AS left_out
      FROM part
      JOIN (VALUES (false, false, true, true, true),
                   (true, false, true, false, true), (true, false, false, true, false),
                   (true, true, true, false, false), (true, true, false, true, false), (true, true, false, false, true)
           ) AS dates (no_month, no_year, by_any, by_month, by_year) USING (no_month, no_year)
      JOIN (VALUES (false, 3), (true, 1), (true, 2)) AS counting (no_number, policies) USING (no_number)
     WHERE NOT is_toll
), ranked AS (
    SELECT in_case.*,
           row_number() OVER (same_number ORDER BY numbered DESC, reported DESC NULLS LAST, position DESC) AS rank,
           count(*) OVER same_number AS claims,
           count(*) FILTER (WHERE numbered) OVER same_number AS numbered_claims
      FROM in_case
    WINDOW same_number AS (PARTITION BY incident_id, policies, by_any, by_month, left_out IS NULL,
                                        victim_party, victim_class, outcome)
), fresh AS MATERIALIZED (
    SELECT incident_id, event_id, position, form_position, policies::smallint,
           ARRAY[
               CASE WHEN by_any THEN '' END,
               CASE WHEN by_any THEN coalesce(victim_party, '') END,
               CASE WHEN by_any THEN victim_class END,
               CASE WHEN by_any THEN outcome END,
               CASE WHEN by_any
                    THEN concat_ws(%(separator)s::text, coalesce(victim_party, ''), victim_class, outcome) END,
               CASE WHEN by_any THEN array_to_string(perpetrators, %(joint)s::text) END,
               CASE WHEN by_any THEN coalesce(country, '') END,
               CASE WHEN by_any THEN coalesce(admin1, '') END,
               CASE WHEN by_any THEN coalesce(source, '') END,
               CASE WHEN by_any THEN verification END,
               CASE WHEN by_month THEN to_char(occurred_start, 'YYYY-MM') END,
               CASE WHEN by_year THEN to_char(occurred_start, 'YYYY') END
           ] AS keys,
           left_out, left_out IS NULL AND numbered AS counts,
           CASE WHEN left_out IS NULL THEN greatest(numbered_claims - 1, 0) ELSE 0 END::int AS superseded,
           CASE WHEN left_out IS NULL THEN claims - numbered_claims ELSE 0 END::int AS unresolved,
           CASE WHEN left_out IS NULL AND policies <> 2 THEN low END AS low,
           CASE WHEN left_out IS NULL AND policies <> 2 THEN best END AS best,
           CASE WHEN left_out IS NULL AND policies <> 2 THEN high END AS high,
           CASE WHEN left_out IS NULL AND policies <> 1 THEN acled_number END AS acled_number,
           CASE WHEN left_out IS NULL AND policies <> 2 THEN whole END AS whole,
           CASE WHEN left_out IS NULL THEN qualifier END AS qualifier,
           party_claim, aggregate, perpetrators, occurred_start, occurred_end, place_name, admin2, source, actors
      FROM ranked
     WHERE left_out IS NOT NULL OR rank = 1
)

-- name: moved
, stale AS (
    DELETE FROM current_numbers WHERE incident_id = ANY (%(incidents)s::text[]) RETURNING *
), stored AS (
    INSERT INTO current_numbers SELECT * FROM fresh
), moved AS (
    SELECT -1 AS sign, stale.* FROM stale
     UNION ALL
    SELECT 1, fresh.* FROM fresh
), known AS MATERIALIZED (
    SELECT moved.*, sign * array_position(%(qualifiers)s::text[], qualifier) AS qualifier_number,
           CASE WHEN counts THEN sign * source_number END AS source_number,
           CASE WHEN counts THEN sign * source_number * source_number END AS source_square,
           array_agg(keys) FILTER (WHERE counts)
               OVER (PARTITION BY sign, incident_id, policies, keys[1] IS NULL, keys[11] IS NULL ORDER BY form_position
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS keys_before,
           ARRAY(SELECT toll.form_position::text FROM kept_tolls AS toll WHERE keys[1] IS NOT NULL AND left_out IS NULL

-- name: inside_which_tolls
-- After the conditions of questions.sql, which are about `part` and `toll`.
           ) AS inside
      FROM moved
      -- 120 bits of a hash: as good as a name, and a number.
      CROSS JOIN LATERAL encode(sha256(convert_to(source, 'UTF8')), 'hex') AS hash
      CROSS JOIN LATERAL (
          SELECT ('x' || substr(hash, 1, 15))::bit(60)::bigint * 1152921504606846976::numeric
                 + ('x' || substr(hash, 16, 15))::bit(60)::bigint AS source_number
           OFFSET 0
      ) AS source

-- name: part_of_toll
      CROSS JOIN LATERAL (
          SELECT keys[2] AS victim_party, keys[3] AS victim_class, keys[4] AS outcome, keys[7] AS country,
                 keys[8] AS admin1, admin2, place_name, perpetrators, occurred_start, occurred_end
      ) AS part

-- name: cells
), cell AS NOT MATERIALIZED (
    SELECT sign, incident_id, position, form_position, policies, left_out, counts, superseded, unresolved,
           low, best, high, acled_number, whole, party_claim, aggregate, qualifier_number, source_number, source_square,
           CASE WHEN number <= %(kept)s::int THEN number ELSE 0 END AS grouping, grouped.key,
           counts AND (grouped.key = ANY (keys_before[:][number:number])) IS NOT TRUE AS is_first
      FROM known CROSS JOIN unnest(keys || inside) WITH ORDINALITY AS grouped (key, number)
     WHERE grouped.key IS NOT NULL
)

-- name: changed
, changed AS MATERIALIZED (
    SELECT grouping::smallint, key, policies,
           sum(sign) FILTER (WHERE left_out IS NULL) AS taken,
           sum(sign) FILTER (WHERE counts) AS claims,
           sum(sign) FILTER (WHERE is_first) AS incidents,
           sum(sign * low) AS low, sum(sign) FILTER (WHERE low IS NOT NULL) AS lows,
           sum(sign * best) AS best, sum(sign) FILTER (WHERE best IS NOT NULL) AS bests,
           sum(sign * high) AS high, sum(sign) FILTER (WHERE high IS NOT NULL) AS highs,
           sum(sign * acled_number) AS acled_number,
           sum(qualifier_number) AS qualifiers,
           sum(sign) FILTER (WHERE counts AND party_claim) AS party_claim,
           sum(sign) FILTER (WHERE counts AND aggregate) AS aggregate,
           sum(sign) FILTER (WHERE counts AND low > best) AS low_above_best,
           sum(sign) FILTER (WHERE counts AND best > high) AS best_above_high,
           -- Nobody asks who is behind what is inside a toll, and new tolls are not told.
           sum(sign) FILTER (WHERE source_number IS NOT NULL AND grouping > 0) AS sources,
           sum(source_number) FILTER (WHERE grouping > 0) AS source_sum,
           sum(source_square) FILTER (WHERE grouping > 0) AS source_squares,
           sum(sign) FILTER (WHERE left_out = 'RETRACTED') AS retracted,
           sum(sign) FILTER (WHERE left_out = 'VERIFICATION') AS verification,
           sum(sign) FILTER (WHERE left_out = 'DATE_PRECISION') AS date_precision,
           sum(sign * unresolved) AS unresolved_words,
           sum(sign * superseded) AS superseded,
           array_agg(sign * form_position) FILTER (WHERE counts AND grouping > 0) AS moves
      FROM cell
     GROUP BY 1, 2, 3
)

-- name: sums
, summed AS (
    INSERT INTO totals AS t
    SELECT grouping, key, policies,
           coalesce(taken, 0), coalesce(claims, 0), coalesce(incidents, 0),
           coalesce(low, 0), coalesce(lows, 0), coalesce(best, 0), coalesce(bests, 0),
           coalesce(high, 0), coalesce(highs, 0), coalesce(acled_number, 0),
           coalesce(qualifiers, 0), coalesce(party_claim, 0), coalesce(aggregate, 0),
           coalesce(low_above_best, 0), coalesce(best_above_high, 0),
           coalesce(sources, 0), coalesce(source_sum, 0), coalesce(source_squares, 0),
           coalesce(retracted, 0), coalesce(verification, 0), coalesce(date_precision, 0),
           coalesce(unresolved_words, 0), coalesce(superseded, 0)
      FROM changed
        ON CONFLICT (grouping, key, policies) DO UPDATE
       SET taken = t.taken + excluded.taken, claims = t.claims + excluded.claims,
           incidents = t.incidents + excluded.incidents,
           low = t.low + excluded.low, lows = t.lows + excluded.lows,
           best = t.best + excluded.best, bests = t.bests + excluded.bests,
           high = t.high + excluded.high, highs = t.highs + excluded.highs,
           acled_number = t.acled_number + excluded.acled_number, qualifiers = t.qualifiers + excluded.qualifiers,
           party_claim = t.party_claim + excluded.party_claim, aggregate = t.aggregate + excluded.aggregate,
           low_above_best = t.low_above_best + excluded.low_above_best,
           best_above_high = t.best_above_high + excluded.best_above_high,
           sources = t.sources + excluded.sources, source_sum = t.source_sum + excluded.source_sum,
           source_squares = t.source_squares + excluded.source_squares,
           retracted = t.retracted + excluded.retracted, verification = t.verification + excluded.verification,
           date_precision = t.date_precision + excluded.date_precision,
           unresolved_words = t.unresolved_words + excluded.unresolved_words,
           superseded = t.superseded + excluded.superseded
    RETURNING taken = 0 AND retracted = 0 AND verification = 0 AND date_precision = 0 AS is_empty
)

-- name: sums_by_wholes
-- What the bounds of wholes change, as in `bounds_of_wholes`: the first part has those of the whole, the others none.
, part_of_whole AS (
    SELECT cell.*,
           sum(best) OVER same_whole = whole[3] AS covered,
           CASE row_number() OVER (same_whole ORDER BY position) WHEN 1 THEN whole[2] ELSE 0 END AS range_low,
           CASE row_number() OVER (same_whole ORDER BY position) WHEN 1 THEN whole[4] ELSE 0 END AS range_high
      FROM cell
     WHERE whole IS NOT NULL
    WINDOW same_whole AS (PARTITION BY sign, policies, incident_id, whole[1], grouping, key)
), summed_by_wholes AS (
    INSERT INTO totals_by_wholes AS t
    SELECT grouping, key, policies, sum(sign), coalesce(sum(sign) FILTER (WHERE counts), 0),
           sum(sign * (coalesce(range_low, 0) - coalesce(low, 0))),
           sum(sign * ((range_low IS NOT NULL)::int - (low IS NOT NULL)::int)),
           sum(sign * (coalesce(range_high, 0) - coalesce(high, 0))),
           sum(sign * ((range_high IS NOT NULL)::int - (high IS NOT NULL)::int)),
           coalesce(sum(sign * ((whole[2] > whole[3] IS TRUE)::int - (low > best IS TRUE)::int)) FILTER (WHERE counts), 0),
           coalesce(sum(sign * ((whole[3] > whole[4] IS TRUE)::int - (best > high IS TRUE)::int)) FILTER (WHERE counts), 0)
      FROM part_of_whole
     WHERE covered
     GROUP BY grouping, key, policies
        ON CONFLICT (grouping, key, policies) DO UPDATE
       SET parts = t.parts + excluded.parts, claims = t.claims + excluded.claims,
           low = t.low + excluded.low, lows = t.lows + excluded.lows,
           high = t.high + excluded.high, highs = t.highs + excluded.highs,
           low_above_best = t.low_above_best + excluded.low_above_best,
           best_above_high = t.best_above_high + excluded.best_above_high
    RETURNING parts = 0 AS is_empty
)
