-- The casualties read model in plain SQL: claims as recorded, and sums by each grouping that the read model keeps. It
-- takes every claim, where the read model takes one for each number; corrections, retractions and merges change nothing.

-- name: claims
INSERT INTO {schema}.claims ({common_columns}, actors, victim_party, victim_class, outcome, perpetrators, low, best, high,
                             acled_number, qualifier, is_toll, parties)
SELECT {common_values},
       ARRAY(SELECT DISTINCT actor COLLATE "C"
               FROM jsonb_array_elements_text(parties || jsonb_path_query_array(body, '$.attributions[*].actor_id')) AS actor
              ORDER BY 1),
       body ->> 'victim_party',
       CASE WHEN type IN ('TroopsKilled', 'TroopsInjured') THEN 'troops'
            WHEN type IN ('CiviliansKilled', 'CiviliansInjured') THEN 'civilians'
            WHEN type = 'TollClaimed' THEN coalesce(body ->> 'victim_class', 'all')
            ELSE body ->> 'victim_class' END,
       CASE WHEN type LIKE '%Killed' THEN 'killed'
            WHEN type LIKE '%Injured' THEN 'injured'
            WHEN type = 'PersonsMissing' THEN 'missing'
            WHEN type = 'PersonsCaptured' THEN 'captured'
            ELSE body ->> 'outcome' END,
       ARRAY(SELECT DISTINCT actor COLLATE "C" FROM jsonb_array_elements_text(body -> 'perpetrators') AS actor ORDER BY 1),
       low, best, high,
       CASE WHEN number IS NULL THEN NULL
            WHEN low IS NOT NULL THEN low
            WHEN best IS NOT NULL THEN best
            WHEN number ->> 'qualifier' <> 'vague' THEN 0
            WHEN number ->> 'words' ~* '\mhundreds\M' THEN 100
            WHEN number ->> 'words' ~* '\mdozens\M' THEN 12
            WHEN number ->> 'words' ~* '\m(several|many|numerous|a number of|some|a few)\M' THEN 10
            ELSE 0 END,
       number ->> 'qualifier', type = 'TollClaimed',
       ARRAY(SELECT DISTINCT actor COLLATE "C" FROM jsonb_array_elements_text(parties) AS actor ORDER BY 1)
  FROM ({decoded}) AS event
 CROSS JOIN LATERAL (
       SELECT coalesce(body -> 'perpetrators', '[]') || coalesce(body -> 'attackers', '[]')
              || coalesce(body -> 'targets', '[]') || coalesce(body -> 'backers', '[]') || coalesce(body -> 'taken_by', '[]')
              || coalesce(body -> 'taken_from', '[]') || coalesce(body -> 'victim_party', '[]') AS parties,
              body -> 'count' AS number, (body -> 'count' ->> 'stated')::bigint AS stated,
              body -> 'count' ->> 'qualifier' AS qualifier
       OFFSET 0) AS said
 CROSS JOIN LATERAL (
       SELECT coalesce((number ->> 'low')::bigint,
                       CASE WHEN qualifier IN ('exact', 'at_least') THEN stated
                            WHEN qualifier = 'more_than' THEN stated + 1
                            WHEN qualifier IN ('at_most', 'less_than') THEN 0 END) AS low,
              coalesce((number ->> 'best')::bigint,
                       CASE WHEN qualifier = 'more_than' THEN stated + 1
                            WHEN qualifier NOT IN ('at_most', 'less_than') THEN stated END) AS best,
              coalesce((number ->> 'high')::bigint,
                       CASE WHEN qualifier IN ('exact', 'at_most') THEN stated
                            WHEN qualifier = 'less_than' THEN stated - 1 END) AS high
       OFFSET 0) AS bounds

-- name: create_sums
CREATE TABLE {schema}.sums (
    grouping     integer NOT NULL,
    victim_party text, victim_class text, outcome text, perpetrators text, country text, admin1 text, source text,
    verification text, month date, year date,
    claims bigint NOT NULL, low bigint, lows bigint, best bigint, bests bigint, high bigint, highs bigint, acled_number bigint
)

-- name: sums
INSERT INTO {schema}.sums
SELECT grouping(victim_party, victim_class, outcome, perpetrators, country, admin1, source, verification, month, year),
       victim_party, victim_class, outcome, perpetrators, country, admin1, source, verification, month, year,
       count(*), sum(low), count(low), sum(best), count(best), sum(high), count(high), sum(acled_number)
  FROM (SELECT victim_party, victim_class, outcome, array_to_string(perpetrators, ' + ') AS perpetrators,
               lower(country) AS country, lower(admin1) AS admin1, source, verification,
               date_trunc('month', occurred_start)::date AS month, date_trunc('year', occurred_start)::date AS year,
               low, best, high, acled_number
          FROM {schema}.claims
          JOIN {schema}.reports USING (report_id)
         WHERE outcome IS NOT NULL AND NOT is_toll AND verification <> 'discounted') AS claim
 GROUP BY GROUPING SETS ((), (victim_party), (victim_class), (outcome), (victim_party, victim_class, outcome), (perpetrators),
                         (country), (admin1), (source), (verification), (month), (year))

-- name: by_party
-- One grouping alone, straight from the events and into a table of few rows.
INSERT INTO {schema}.by_party
SELECT body ->> 'victim_party', count(*), sum((body -> 'count' ->> 'stated')::bigint)
  FROM ({decoded}) AS event
 GROUP BY 1

-- name: create_by_party
CREATE TABLE {schema}.by_party (victim_party text, claims bigint, stated bigint)
