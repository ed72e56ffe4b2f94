-- name: positions
SELECT p.name, g.position
  FROM {catalogue}.projections AS p
  JOIN {catalogue}.generations AS g ON g.name = p.name AND g.number = p.live_generation
