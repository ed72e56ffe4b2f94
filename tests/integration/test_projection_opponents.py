"""What projections are measured against, on a ledger of the made-up mix: opponents do the work that they are said
to do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest

from benchmarks.clients import filling, plain_sql, rebuild, runner
from benchmarks.clients.plain_sql import BY_PARTY
from benchmarks.rebuilding import NAMES
from ledger.domain.casualties import CLASS_AND_OUTCOME
from ledger.domain.reports import event_from_payload
from tests.postgres import Database

pytestmark = pytest.mark.newest

EVENTS = 1_500
UNTOUCHED = {
    "claims": """WHERE held_to IS NULL AND held_from = position
        AND incident_id IS NOT DISTINCT FROM stated_incident_id
        AND NOT EXISTS (SELECT FROM {live}.claims AS other
                         WHERE other.event_id = one.event_id AND other.held_from <> one.held_from)""",
    "reports": "WHERE held_to IS NULL",
}
"""What no act concerns, which is nearly all there is."""


def filled(database: Database, events: int = EVENTS) -> int:
    """The size of the ledger, once it has the made-up record."""
    orders = filling.Orders(database.service_url, database.admin_url, events)
    return int(filling.fill(orders)["events"])


def rows(database: Database, query: str) -> list[Any]:
    with psycopg.connect(database.service_url) as connection:
        return connection.execute(query).fetchall()


def payloads(database: Database) -> list[tuple[str, Any]]:
    """Types and contents of all events."""
    found = rows(database, "SELECT type, payload FROM ledger_main.events ORDER BY position")
    return [(name, event_from_payload(name, payload)) for name, payload in found]


@pytest.mark.parametrize("name", NAMES)
def test_plain_sql_fills_the_tables_of_a_read_model(database: Database, name: str) -> None:
    size = filled(database)
    rebuild.measure(rebuild.Orders(database.service_url, [name], first=True))
    told = plain_sql.measure(plain_sql.Orders(database.service_url, name, "plain", size, stay=True))
    assert told["events"] == size
    of_the_name = f"FROM ledger_main_projections.generations WHERE name = '{name}' AND status = 'live'"
    [(live, position)] = rows(database, f"SELECT schema, position {of_the_name}")
    assert position == size
    indexes = "SELECT regexp_replace(indexdef, ' ON [a-z0-9_]+\\.', ' ON ') FROM pg_indexes WHERE schemaname = '{}'"
    assert sorted(rows(database, indexes.format("plain"))) == sorted(rows(database, indexes.format(live)))
    for table in ("claims", "reports", "acts", "actors", "other_claims"):
        untouched = f"SELECT * FROM {live}.{table} AS one {UNTOUCHED.get(table, '').format(live=live)}"
        assert rows(database, f"{untouched} EXCEPT SELECT * FROM plain.{table}") == [], table
        there, filled_rows, alike = (
            rows(database, f"SELECT count(*) FROM {source}")[0][0]
            for source in (f"{live}.{table}", f"plain.{table}", f"({untouched}) AS one")
        )
        assert filled_rows >= alike >= 0.9 * there, table


def test_plain_sums_are_those_of_a_count_over_the_payloads(database: Database) -> None:
    size = filled(database)
    rebuild.measure(rebuild.Orders(database.service_url, ["casualties"], first=True))
    plain_sql.measure(plain_sql.Orders(database.service_url, "casualties", "plain", size, stay=True))
    claims = [each for name, each in payloads(database) if name in CLASS_AND_OUTCOME]
    counted = [each for each in claims if each.verification.value != "discounted"]
    numbers, best = Counter(each.victim_party for each in counted), Counter[Any]()
    for each in counted:
        best[each.victim_party] += each.count.bounds().best or 0
    query = "SELECT victim_party, claims, coalesce(best, 0) FROM plain.sums WHERE grouping = 511"
    assert {party: (n, total) for party, n, total in rows(database, query)} == {
        party: (numbers[party], best[party]) for party in numbers
    }
    [whole] = rows(database, "SELECT claims, low, high, acled_number FROM plain.sums WHERE grouping = 1023")
    bounds = [each.count.bounds() for each in counted]
    assert whole[:3] == (
        len(counted),
        sum(each.low or 0 for each in bounds),
        sum(each.high or 0 for each in bounds),
    )
    assert len(rows(database, "SELECT DISTINCT grouping FROM plain.sums")) == 12


def test_one_grouping_counts_what_the_payloads_say(database: Database) -> None:
    size = filled(database)
    plain_sql.measure(plain_sql.Orders(database.service_url, "", "plain", size, stay=True))
    expected: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for name, each in payloads(database):
        if name in BY_PARTY:
            numbers[each.victim_party] += 1
            expected[each.victim_party] += each.count.stated or 0
    found = rows(database, "SELECT victim_party, claims, coalesce(stated, 0) FROM plain.by_party")
    assert {party: (n, total) for party, n, total in found} == {
        party: (numbers[party], expected[party]) for party in numbers
    }


@pytest.mark.parametrize("name", ["", "casualties"])
def test_the_librarys_runner_takes_events_and_leaves_nothing(database: Database, name: str) -> None:
    size = filled(database, 300)
    told = runner.measure(runner.Orders(database.service_url, name, "library", 0.5, size))
    assert runner.LEAST <= told["events"] < size
    assert told["events_per_second"] > 0
    assert rows(database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'library'") == [(0,)]


def test_a_rebuild_that_is_measured_is_compared_with_what_was_live(database: Database) -> None:
    size = filled(database)
    orders = rebuild.Orders(database.service_url, ["casualties", "threats"], first=True)
    assert rebuild.measure(orders)["events"] == size
    told = rebuild.measure(rebuild.Orders(database.service_url, orders.names))
    assert told["events"] == size
    assert 0 < told["filled_seconds"] < told["seconds"]
    digests = (
        "SELECT name, phase, state_digest = replaced_digest FROM ledger_main_projections.rebuilds ORDER BY name"
    )
    assert rows(database, digests) == [("casualties", "done", True), ("threats", "done", True)]
    left = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '_g[0-9]+$'"
    assert rows(database, left) == [(2,)]
