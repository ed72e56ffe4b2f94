-- What is kept beside the totals: the first positions of each group, actors that the register does not know, and tolls;
-- what a batch leaves to be done after. The first links go on with the chain of totals.sql.

-- name: first_positions
-- The first positions that a group counts. Those before the last one that is kept are all known; whether what comes
-- after it is among the first is known only where the group has no more than are kept.
, shifted AS MATERIALIZED (
    SELECT grouping, key, policies, abs(move) AS place, sum(CASE WHEN move > 0 THEN 1 ELSE -1 END) AS sign
      FROM changed CROSS JOIN unnest(moves) AS move
     GROUP BY 1, 2, 3, 4
    HAVING sum(CASE WHEN move > 0 THEN 1 ELSE -1 END) <> 0
), stretched AS (
    INSERT INTO totals_stretches AS t
    SELECT grouping, key, policies, place / %(stretch)s::bigint, sum(sign)
      FROM shifted
     GROUP BY 1, 2, 3, 4
    HAVING sum(sign) <> 0
        ON CONFLICT (grouping, key, policies, stretch) DO UPDATE SET claims = t.claims + excluded.claims
    RETURNING *
), moving AS MATERIALIZED (
    SELECT grouping, key, policies, places, signs, kept.positions,
           coalesce(cardinality(kept.positions), 0) = coalesce(t.claims, 0) AS complete
      FROM (
          SELECT grouping, key, policies, array_agg(place) AS places, array_agg(sign) AS signs, min(place) AS first
            FROM shifted
           GROUP BY 1, 2, 3
      ) AS of_group
      LEFT JOIN totals_positions AS kept USING (grouping, key, policies)
      LEFT JOIN totals AS t USING (grouping, key, policies)
     WHERE kept.positions IS NULL OR cardinality(kept.positions) < %(most_positions)s::int
        OR first <= kept.positions[%(most_positions)s::int]
), placed AS (
    INSERT INTO totals_positions AS t
    SELECT grouping, key, policies,
           ARRAY(SELECT place
                   FROM (SELECT unnest(positions) AS place, 1 AS sign
                          UNION ALL
                         SELECT place, sign FROM unnest(places, signs) AS shifted (place, sign)
                          WHERE complete OR place <= positions[%(most_positions)s::int]) AS moved
                  GROUP BY place HAVING sum(sign) > 0
                  ORDER BY place LIMIT %(most_positions)s::int)
      FROM moving
        ON CONFLICT (grouping, key, policies) DO UPDATE SET positions = excluded.positions
    RETURNING grouping, key, policies, positions
)

-- name: unregistered
-- What claims name that the register does not know; `actors` are those whose registration has just changed.
, unregistered AS (
    INSERT INTO totals_unregistered AS t
    SELECT grouping, key, policies, actor_id, sum(sign)
      FROM (SELECT sign, policies, keys, actor_id FROM known CROSS JOIN unnest(known.actors) AS actor_id
             WHERE counts AND actor_id <> ALL (%(actors)s::text[])
               AND NOT EXISTS (SELECT FROM actors WHERE actors.actor_id = actor_id.actor_id AND actors.held_to IS NULL)
            OFFSET 0) AS naming
      CROSS JOIN unnest(keys) WITH ORDINALITY AS grouped (key, grouping)
     WHERE key IS NOT NULL
     GROUP BY grouping, key, policies, actor_id
    HAVING sum(sign) <> 0
        ON CONFLICT (grouping, key, policies, actor_id) DO UPDATE SET claims = t.claims + excluded.claims
    RETURNING claims = 0 AS is_empty
)

-- name: tolls
-- The tolls that hold, and in which groupings they stand beside the figures by ucdp-range: where a whole gives its bounds
-- to a group, it does not.
, stale_toll AS (
    DELETE FROM current_tolls
     WHERE incident_id = ANY (%(incidents)s::text[]) OR event_id = ANY (%(claims)s::uuid[])
    RETURNING *
), fresh_toll AS MATERIALIZED (
    SELECT event_id, held_from, form_position, incident_id, reason AS left_out, position FROM judged WHERE is_toll
), stored_toll AS (
    INSERT INTO current_tolls
    SELECT event_id, held_from, form_position, incident_id, left_out FROM fresh_toll
), stale_beside AS (
    DELETE FROM tolls_beside AS t
     USING (SELECT number::smallint AS grouping, form_position
              FROM stale_toll CROSS JOIN generate_series(1, %(kept)s::int) AS number) AS stale
     WHERE t.grouping = stale.grouping AND t.form_position = stale.form_position
    RETURNING t.*
), fresh_beside AS (
    INSERT INTO tolls_beside
    SELECT grouping, form_position, event_id, held_from
      FROM fresh_toll CROSS JOIN generate_series(1, %(kept)s::int) AS grouping
     WHERE left_out IS NULL
       AND (grouping, position) NOT IN (SELECT grouping, whole[1] FROM part_of_whole WHERE covered AND sign = 1)
    RETURNING *
), counted_tolls AS (
    INSERT INTO totals_of_tolls AS t
    SELECT grouping, left_out, sum(sign)
      FROM (
          SELECT 0 AS grouping, coalesce(left_out, '') AS left_out, -1 AS sign FROM stale_toll
           UNION ALL
          SELECT 0, coalesce(left_out, ''), 1 FROM fresh_toll
           UNION ALL
          SELECT grouping, '', -1 FROM stale_beside
           UNION ALL
          SELECT grouping, '', 1 FROM fresh_beside
      ) AS moved
     GROUP BY grouping, left_out
    HAVING sum(sign) <> 0
        ON CONFLICT (grouping, left_out) DO UPDATE SET tolls = t.tolls + excluded.tolls
    RETURNING tolls = 0 AS is_empty
)

-- name: what_is_left
-- What has to be done after: which groups have lost one of as many first positions as are kept, so that others may not be
-- known; whether there are rows that say nothing any more; and which stretches hold none.
SELECT ARRAY(SELECT to_jsonb(placed) - 'positions'
               FROM moving JOIN placed USING (grouping, key, policies)
              WHERE cardinality(moving.positions) = %(most_positions)s::int
                AND cardinality(placed.positions) < %(most_positions)s::int) AS short,
       EXISTS (SELECT is_empty FROM summed WHERE is_empty UNION ALL SELECT is_empty FROM summed_by_wholes WHERE is_empty
               UNION ALL SELECT true FROM placed WHERE positions = '{}'
               UNION ALL SELECT is_empty FROM unregistered WHERE is_empty
               UNION ALL SELECT is_empty FROM counted_tolls WHERE is_empty) AS emptied,
       ARRAY(SELECT to_jsonb(stretched) FROM stretched WHERE claims = 0) AS stretches

-- name: fill_positions
-- Where positions are missing, the next ones: in each of the next stretches that hold some, as many as are missing.
UPDATE totals_positions AS t
   SET positions = t.positions || found.places
  FROM (
      SELECT short.grouping, short.key, short.policies, array_agg(place ORDER BY place) AS places
        FROM (
            SELECT kept.grouping, kept.key, kept.policies, coalesce(kept.positions[cardinality(kept.positions)], 0) AS last,
                   least(%(most_positions)s::int, claims) - cardinality(kept.positions) AS missing
              FROM jsonb_populate_recordset(NULL::totals_positions, %(short)s) AS lost
              JOIN totals_positions AS kept USING (grouping, key, policies)
              JOIN totals USING (grouping, key, policies)
             WHERE cardinality(kept.positions) < least(%(most_positions)s::int, claims)
        ) AS short
        CROSS JOIN LATERAL (
            SELECT place
              FROM (SELECT stretch FROM totals_stretches AS s
                     WHERE s.grouping = short.grouping AND s.key = short.key AND s.policies = short.policies
                       AND s.stretch >= short.last / %(stretch)s::bigint AND s.claims > 0
                     ORDER BY stretch LIMIT short.missing + 1) AS next
              CROSS JOIN LATERAL (
                  SELECT c.form_position AS place
                    FROM claims AS c JOIN current_numbers AS n USING (incident_id, event_id)
                   WHERE c.held_to IS NULL AND n.counts AND n.policies = short.policies
                     AND n.keys[short.grouping] = short.key
                     AND c.form_position > short.last
                     AND c.form_position >= next.stretch * %(stretch)s::bigint
                     AND c.form_position < (next.stretch + 1) * %(stretch)s::bigint
                   ORDER BY c.form_position LIMIT short.missing
              ) AS of_stretch
             ORDER BY place LIMIT short.missing
        ) AS place
       GROUP BY short.grouping, short.key, short.policies
  ) AS found
 WHERE (t.grouping, t.key, t.policies) = (found.grouping, found.key, found.policies)

-- name: drop_stretches
DELETE FROM totals_stretches AS t
 USING jsonb_populate_recordset(NULL::totals_stretches, %(stretches)s) AS empty
 WHERE (t.grouping, t.key, t.policies, t.stretch) = (empty.grouping, empty.key, empty.policies, empty.stretch)

-- name: drop_totals
DELETE FROM totals WHERE taken = 0 AND retracted = 0 AND verification = 0 AND date_precision = 0

-- name: drop_totals_by_wholes
DELETE FROM totals_by_wholes WHERE parts = 0

-- name: drop_positions
DELETE FROM totals_positions WHERE positions = '{}'

-- name: drop_unregistered
DELETE FROM totals_unregistered WHERE claims = 0

-- name: drop_tolls
DELETE FROM totals_of_tolls WHERE tolls = 0

-- name: forget_actors
DELETE FROM totals_unregistered WHERE actor_id = ANY (%(actors)s::text[])

-- name: take_actors
-- Actors whose registration was undone: what names them is known from all numbers that stand. Most changes undo none, and
-- then nothing is read.
WITH undone AS MATERIALIZED (
    SELECT actor_id FROM unnest(%(actors)s::text[]) AS actor_id
     WHERE NOT EXISTS (SELECT FROM actors WHERE actors.actor_id = actor_id.actor_id AND actors.held_to IS NULL)
)
INSERT INTO totals_unregistered
SELECT grouping, key, policies, actor_id, count(*)
  FROM undone
  JOIN current_numbers AS n ON undone.actor_id = ANY (n.actors)
  CROSS JOIN unnest(n.keys) WITH ORDINALITY AS grouped (key, grouping)
 WHERE counts AND key IS NOT NULL
 GROUP BY grouping, key, policies, actor_id

-- name: keep_tolls
-- The first tolls of areas are kept with their sums; answers which of them are new.
WITH first AS (
    SELECT form_position, event_id, held_from FROM current_tolls
     WHERE left_out IS NULL AND incident_id IS NULL
     ORDER BY form_position LIMIT %(most_tolls)s::int
), gone AS (
    DELETE FROM kept_tolls WHERE form_position NOT IN (SELECT form_position FROM first) RETURNING form_position
), sums_gone AS (
    DELETE FROM totals WHERE grouping = 0 AND key IN (SELECT form_position::text FROM gone)
), sums_by_wholes_gone AS (
    DELETE FROM totals_by_wholes WHERE grouping = 0 AND key IN (SELECT form_position::text FROM gone)
)
INSERT INTO kept_tolls
SELECT first.form_position, victim_party, victim_class, outcome, perpetrators, occurred_start, occurred_end,
       place_precision, nullif(place_name, ''), nullif(country, ''),
       coalesce(nullif(admin1, ''), place_name), coalesce(nullif(admin2, ''), place_name), nullif(admin1, '')
  FROM first JOIN claims USING (event_id, held_from)
 WHERE first.form_position NOT IN (SELECT form_position FROM kept_tolls)
RETURNING form_position

-- name: cells_of_new_tolls
-- All numbers that stand, inside the tolls that are new.
WITH cell AS NOT MATERIALIZED (
    SELECT 1 AS sign, n.*, array_position(%(qualifiers)s::text[], qualifier) AS qualifier_number,
           NULL::numeric AS source_number, NULL::numeric AS source_square, counts AS is_first,
           0::bigint AS grouping, toll.form_position::text AS key
      FROM current_numbers AS n

-- name: that_are_new
      JOIN kept_tolls AS toll ON toll.form_position = ANY (%(tolls)s::bigint[]) AND keys[1] IS NOT NULL AND left_out IS NULL

-- name: done
SELECT 1

-- name: next_incidents
SELECT incident_id FROM claims
 WHERE incident_id > coalesce(%(after)s::text, '')
 GROUP BY incident_id ORDER BY incident_id LIMIT %(limit)s::int

-- name: next_claims
-- Those that are of no incident as they last read: what was of none before counts with its incident. Few: they are
-- found first, whatever settings the totals have.
WITH whole AS MATERIALIZED (
    SELECT event_id FROM claims AS c
     WHERE incident_id IS NULL AND (%(after)s::uuid IS NULL OR event_id > %(after)s::uuid)
       AND NOT EXISTS (SELECT FROM claims AS later WHERE later.event_id = c.event_id AND later.held_from > c.held_from)
)
SELECT event_id FROM whole ORDER BY event_id LIMIT %(limit)s::int
