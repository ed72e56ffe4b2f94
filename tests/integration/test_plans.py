"""What the database looks at: selective questions about casualties find their claims through indexes, as EXPLAIN
tells, and read the table through only where they ask for much of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from ledger.domain.codes import Outcome, VictimClass
from projections.casualties import CASUALTIES, current, keeping, summing
from projections.casualties.question import Box, Circle, ClaimFilter, CountPolicy, Grouping, Question
from tests.folded import RecordedReports, folded
from tests.postgres import Database

CLAIMS = 20_000
POSITION = 10 * CLAIMS

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner_url) as own:
        yield own


MADE_CLAIMS = """
    INSERT INTO claims
    SELECT made.*
      FROM claims AS c
      CROSS JOIN generate_series(1, %(claims)s) AS n
      CROSS JOIN LATERAL jsonb_populate_record(c, jsonb_build_object(
          'event_id', gen_random_uuid(), 'position', 10 * n, 'form_position', 10 * n, 'held_from', 10 * n,
          'report_id', 'r-' || n / 2, 'incident_id', 'incident-' || n / 3,
          'occurred_start', date '2000-01-01' + n / 3,
          'occurred_end', date '2000-01-01' + n / 3 + CASE WHEN mod(n, 500) = 0 THEN 300 ELSE 0 END,
          'country', 'Country ' || mod(n, 300), 'admin1', 'Region ' || mod(n, 3000),
          'admin2', 'District ' || mod(n, 5000), 'place_name', 'Place ' || mod(n, 7000),
          'latitude', mod(n, 1000) / 20.0, 'longitude', mod(n, 1700) / 10.0,
          'victim_party', 'party-' || mod(n, 400), 'perpetrators', ARRAY['party-' || mod(n, 300)],
          'parties', ARRAY['party-' || mod(n, 400), 'party-' || mod(n, 300)],
          'attributed', CASE WHEN mod(n, 9) = 0 THEN ARRAY['voice-' || mod(n, 200)] ELSE '{}' END)) AS made
     WHERE c.event_id = %(event_id)s"""
MADE_REPORTS = """
    INSERT INTO reports
    SELECT made.*
      FROM reports AS r
      CROSS JOIN generate_series(1, %(reports)s) AS n
      CROSS JOIN LATERAL jsonb_populate_record(r, jsonb_build_object(
          'report_id', 'r-' || n, 'event_id', gen_random_uuid(), 'position', 20 * n, 'held_from', 20 * n,
          'source', 'Outlet ' || mod(n, 500))) AS made
     WHERE r.report_id = 'r'"""


def fill(connection: Connection) -> None:
    """A table of claims of many incidents, days, places, parties and sources, each of few claims."""
    reports = RecordedReports()
    place = {"name": "x", "precision": "exact", "country": "x", "admin1": "x", "admin2": "x"}
    content = {
        "type": "TroopsKilled",
        "victim_party": "x",
        "count": 5,
        "occurred": "2020-02-10",
        "incident_id": "x",
    }
    (event_id,) = reports.file("r", {**content, "place": {**place, "latitude": 1.0, "longitude": 1.0}})
    schema = folded(connection, CASUALTIES, reports.records)
    connection.execute("SELECT set_config('search_path', %s, false)", [schema])
    connection.execute(MADE_CLAIMS, {"claims": CLAIMS, "event_id": event_id})
    connection.execute(MADE_REPORTS, {"reports": CLAIMS // 2})
    connection.execute("ANALYZE claims, reports")


SELECTIVE = [
    ClaimFilter(incident_ids=["incident-7", "incident-700"]),
    ClaimFilter(places=["Place 7", "district 9"]),
    ClaimFilter(countries=["Country 7"]),
    ClaimFilter(admin1=["region 7"]),
    ClaimFilter(admin2=["District 7"]),
    ClaimFilter(victim_parties=["party-7"]),
    ClaimFilter(victim_parties=["party-7"], victim_classes=[VictimClass.TROOPS], outcomes=[Outcome.KILLED]),
    ClaimFilter(perpetrators=["party-7"]),
    ClaimFilter(involving=["party-7"]),
    ClaimFilter(sources=["Outlet 7"]),
    ClaimFilter(attributed_to=["voice-7"]),
    ClaimFilter(occurred_from=date(2009, 3, 1), occurred_to=date(2009, 3, 7)),
    ClaimFilter(occurred_from=date(2018, 3, 1)),
    ClaimFilter(occurred_to=date(2000, 2, 1)),
    ClaimFilter(box=Box(30, 36, 30.2, 40)),
    ClaimFilter(circle=Circle(30, 36, 20)),
]
OF_MOST_CLAIMS = {
    *("victim_classes", "outcomes", "min_verification", "kinds_of_violence"),
    *("max_date_precision", "max_place_precision", "exclude_aggregates"),
}
"""Conditions of which each value holds of a great part of the claims; an index would not help."""


def scanned(connection: Connection, query: str, values: dict[str, Any]) -> set[str]:
    """The tables that a query reads through."""
    row = connection.execute("EXPLAIN (FORMAT JSON) " + query, values, prepare=False).fetchone()
    assert row is not None
    found, plans = set(), [row[0][0]["Plan"]]
    while plans:
        plan = plans.pop()
        plans += plan.get("Plans", ())
        if plan["Node Type"] == "Seq Scan":
            found.add(plan["Relation Name"])
    return found


def scanned_by(connection: Connection, question: Question, position: int = POSITION) -> set[str]:
    """The tables that the queries for figures, tolls and pages read through."""
    values = {**question.parameters(position), "most_positions": 100, "most_groups": 5_000, "most_tolls": 1_000}
    page = {"after": 0, "limit": 100, "group_key": None, "with_left_out": False}
    queries = (
        summing.figures_query(question),
        summing.tolls_query(question),
        summing.CANDIDATES + summing.QUERIES.tolls_left_out,
        summing.CANDIDATES + summing.QUERIES.page,
    )
    return {table for query in queries for table in scanned(connection, query, {**values, **page})}


def test_selective_questions_look_claims_up(connection: Connection) -> None:
    fill(connection)
    for asked in SELECTIVE:
        for policy in CountPolicy:
            question = Question(asked, [Grouping.CLASS], policy)
            assert "claims" not in scanned_by(connection, question), asked
    early = Question(group_by=[Grouping.CLASS])
    assert "claims" not in scanned_by(connection, early, position=POSITION // 100)
    assert "claims" in scanned_by(connection, early)  # everything, as of now: no index would be quicker


def test_the_table_of_selective_questions_forgets_no_condition() -> None:
    nothing = vars(ClaimFilter())
    asked = {name for each in SELECTIVE for name, value in vars(each).items() if value != nothing[name]}
    assert asked | OF_MOST_CLAIMS == set(nothing)


def test_kept_totals_are_looked_up(connection: Connection) -> None:
    fill(connection)
    number = current.number_of(Question())
    values = {
        **keeping.BOUNDS,
        "grouping": number,
        "policy": "verbatim-1",
        "policies": [1, 3],
        "most_groups": 5_000,
    }
    for query in (current.QUERIES.counted + current.QUERIES.figures, current.QUERIES.tolls):
        assert "claims" not in scanned(connection, query, values)
