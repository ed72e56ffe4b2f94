"""The whole Syria release of UCDP GED, imported as a user does it: every control total comes out exactly, and so
does whatever else is asked, compared with DuckDB's sums straight from the file. Skipped where there is no file."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import grpc
import pytest

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import values_pb2
from ledger.cli import run
from ledger.datasets.table import Table
from ledger.datasets.ucdp_layout import COLUMNS, NOT_KEPT
from tests.acceptance.client import Client
from tests.postgres import Cluster
from tests.released import AVAILABLE, NAME, PATH, needs_release
from tests.served import serving

pytestmark = [needs_release, pytest.mark.newest, pytest.mark.timeout(300)]

SEED = 20_200_212
QUESTIONS = 200
TROOPS, CIVILIANS = values_pb2.VICTIM_CLASS_TROOPS, values_pb2.VICTIM_CLASS_CIVILIANS
UNKNOWN = values_pb2.VICTIM_CLASS_UNKNOWN
IDLIB = {"admin1": ["Idlib Governorate"]}
SINCE = {**IDLIB, "occurred_from": "2018-09-17"}

BOUNDS: tuple[Literal["low", "best", "high"], ...] = ("low", "best", "high")
Bounds = tuple[int | None, int | None, int | None]
Answer = tuple[Bounds, int]
"""Low, best and high; and the number of incidents."""


def bounds_of(figure: pb.Figure) -> Bounds:
    """Low, best and high; None is open or unstated."""
    low, best, high = (getattr(figure, n) if figure.HasField(n) else None for n in BOUNDS)
    return low, best, high


@dataclass
class Release:
    """The release, imported, and the same file in DuckDB."""

    client: Client
    address: str
    rows: duckdb.DuckDBPyConnection
    names: dict[str, str]
    """Of actors, by id."""

    def figures(self, aggregates: bool = True, **asked: Any) -> dict[str, Answer]:
        """Low, best, high, and the number of incidents, by the value of the only grouping."""
        policy = pb.COUNT_POLICY_UCDP_RANGE
        answer = self.client.casualties(count_policy=policy, count_aggregates=aggregates, **asked)
        assert (answer.count_policy, answer.count_aggregates) == ("ucdp-range", aggregates)
        return {each.key[0].value: (bounds_of(each.figure), each.incidents) for each in answer.figures}

    def total(self, aggregates: bool = True, **conditions: Any) -> tuple[Bounds, int]:
        """The one figure of all that meets the conditions."""
        (only,) = self.figures(
            aggregates, group_by=[pb.CASUALTY_GROUPING_OUTCOME], filter=pb.CasualtyFilter(**conditions)
        ).values()
        return only


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    """The release in a ledger of its own, imported by the command."""
    with (
        cluster.database() as database,
        serving(environment={"LEDGER_DATABASE_URL": database.service_url}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        command = [sys.executable, "-m", "ledger", "--address", server.address, "import", "ucdp-ged", str(PATH)]
        subprocess.run([*command, "--release", NAME, "--available", AVAILABLE], check=True, capture_output=True)
        client = Client(channel)
        client.position = client.head()
        registered = [event.claim.actor_registered for event in client.replay() if event.type == "ActorRegistered"]
        yield Release(client, server.address, rows_of_release(), {each.actor_id: each.name for each in registered})


def rows_of_release() -> duckdb.DuckDBPyConnection:
    """The file as two tables: one row an event; and one row for each class with deaths, with its bounds where the
    file gives them: those of the event for its only class, and numbers on which all estimates agree."""
    made = duckdb.connect()
    made.execute("CREATE TABLE events AS SELECT * FROM read_csv(?, all_varchar = true)", [str(PATH)])
    made.execute(
        """
        CREATE TABLE rows AS
        SELECT id, type_of_violence::int AS kind, side_a, side_b, where_prec::int AS where_prec,
               coalesce(adm_1, '') AS admin1, coalesce(adm_2, '') AS admin2, country, event_clarity::int AS clarity,
               latitude::double AS latitude, longitude::double AS longitude, date_prec::int AS date_prec,
               date_start::date AS first, date_end::date AS last, deaths_a::int AS a, deaths_b::int AS b,
               deaths_civilians::int AS c, deaths_unknown::int AS u, low::int AS low, best::int AS best,
               high::int AS high
          FROM events
        """
    )
    made.execute(
        """
        CREATE TABLE parts AS
        SELECT rows.*, class, party, deaths,
               CASE WHEN low = best AND best = high THEN deaths WHEN deaths = best THEN low END AS part_low,
               CASE WHEN low = best AND best = high THEN deaths WHEN deaths = best THEN high END AS part_high
          FROM rows, LATERAL (VALUES ('troops', side_a, a), ('troops', side_b, b), ('civilians', '', c),
                                     ('unknown', '', u)) AS part (class, party, deaths)
         WHERE deaths > 0 OR class = 'unknown' AND best = 0 AND (low <> 0 OR high <> 0)
        """
    )
    return made


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ((104_929, 112_337, 119_020), 16_566)),
        ({"kinds_of_violence": [values_pb2.KIND_OF_VIOLENCE_STATE_BASED]}, (None, 11_507)),
        ({"kinds_of_violence": [values_pb2.KIND_OF_VIOLENCE_NON_STATE]}, (None, 4_577)),
        ({"kinds_of_violence": [values_pb2.KIND_OF_VIOLENCE_ONE_SIDED]}, (None, 482)),
        (IDLIB, ((8_268, 8_465, 9_023), 1_863)),
        (SINCE, ((2_660, 2_792, 2_999), 680)),
        ({"involving": ["government-of-turkey"]}, ((1_585, 1_595, 1_607), 137)),
    ],
    ids=["all", "state-based", "non-state", "one-sided", "Idlib", "Idlib since Sochi", "Turkey"],
)
def test_a_control_total_comes_out_exactly(
    release: Release, conditions: dict[str, Any], expected: tuple[Bounds | None, int]
) -> None:
    bounds, incidents = release.total(**conditions)
    assert incidents == expected[1]
    assert expected[0] in (None, bounds)


@pytest.mark.parametrize(
    ("conditions", "best"),
    [
        ({"victim_classes": [CIVILIANS]}, 26_653),
        ({"victim_classes": [TROOPS]}, 40_982 + 35_269),
        ({"victim_classes": [UNKNOWN]}, 9_433),
        ({**IDLIB, "victim_classes": [CIVILIANS]}, 3_775),
        ({**SINCE, "victim_classes": [CIVILIANS]}, 1_257),
    ],
)
def test_a_class_comes_out_exactly(release: Release, conditions: dict[str, Any], best: int) -> None:
    assert release.total(**conditions)[0][1] == best


def test_troops_come_out_by_side(release: Release) -> None:
    by_party = release.figures(
        group_by=[pb.CASUALTY_GROUPING_PARTY], filter=pb.CasualtyFilter(victim_classes=[TROOPS])
    )
    ours = {release.names[party]: bounds[1] for party, (bounds, _) in by_party.items()}
    theirs = release.rows.execute(
        "SELECT party, sum(deaths) FROM parts WHERE class = 'troops' GROUP BY 1"
    ).fetchall()
    assert ours == {name: int(deaths) for name, deaths in theirs}


@pytest.mark.parametrize(("code", "rows"), [(1, 9_010), (2, 5_786), (3, 334), (4, 620), (5, 562), (6, 254)])
def test_precisions_of_places_come_out_exactly(release: Release, code: int, rows: int) -> None:
    up_to = release.total(max_place_precision=code)[1]
    below = release.total(max_place_precision=code - 1)[1] if code > 1 else 0
    assert up_to - below == rows


@pytest.mark.parametrize(("code", "rows"), [(1, 15_480), (2, 828), (3, 21), (4, 186), (5, 51)])
def test_precisions_of_dates_come_out_exactly(release: Release, code: int, rows: int) -> None:
    up_to = release.total(max_date_precision=code)[1]
    below = release.total(max_date_precision=code - 1)[1] if code > 1 else 0
    assert up_to - below == rows


def test_without_aggregates_their_deaths_stand_beside(release: Release) -> None:
    with_aggregates, without = release.total(), release.total(aggregates=False)
    assert (with_aggregates[1] - without[1], with_aggregates[0][1] - (without[0][1] or 0)) == (622, 38_778)  # type: ignore[operator]
    assert release.total(exclude_aggregates=True) == without


def test_every_row_that_contradicts_itself_is_there_and_flagged(release: Release) -> None:
    (count,) = release.rows.execute(
        "SELECT count(*) FROM rows WHERE NOT (low <= best AND best <= high)"
    ).fetchone() or (0,)
    assert count == 101
    (contradicting,) = release.client.casualties(
        group_by=[pb.CASUALTY_GROUPING_INCIDENT],
        count_policy=pb.COUNT_POLICY_UCDP_RANGE,
        filter=pb.CasualtyFilter(incident_ids=["ucdp-219459"]),
    ).figures
    assert {"LOW_ABOVE_BEST"} <= set(contradicting.flags)


def test_the_release_comes_back_as_it_was(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "back.csv"
    where = ["--address", release.address, "--min-position", str(release.client.position), "--output", str(path)]
    assert run(["export", "incidents", "--format", "ucdp", *where]) == 0
    exported = {row.cells["id"]: row.cells for row in Table(path).rows()}
    rows = [row.cells for row in Table(PATH).rows()]
    assert len(exported) == len(rows) == 16_566
    kept = [name for name in COLUMNS if name not in NOT_KEPT and name != "geom_wkt"]
    for row in rows:
        found = exported[row["id"]]
        assert [found[name] for name in kept] == [row[name] for name in kept]
    # The release has more digits in some of its points than in their coordinates.
    assert sum(exported[row["id"]]["geom_wkt"] == row["geom_wkt"] for row in rows) == 16_360


@dataclass
class Asked:
    """A question, and how DuckDB is asked the same."""

    grouping: str
    conditions: dict[str, Any]
    where: list[str]
    aggregates: bool


KEYS = {
    "OUTCOME": "'killed'",
    "CLASS": "class",
    "PARTY": "party",
    "ADMIN1": "admin1",
    "ADMIN2": "admin2",
    "COUNTRY": "country",
    "DAY": "strftime(first, '%Y-%m-%d')",
    "WEEK": "strftime(date_trunc('week', first), '%Y-%m-%d')",
    "MONTH": "strftime(first, '%Y-%m')",
    "YEAR": "strftime(first, '%Y')",
}
IN_ONE = {"DAY": ("day", 2), "WEEK": ("week", 3), "MONTH": ("month", 4), "YEAR": ("year", 5)}
"""Of a series: its period, and the least precise dates that it takes; a day takes ranges of days by the first."""


def question(chance: random.Random, release: Release) -> Asked:
    """A question by chance."""
    asked = Asked(chance.choice(list(KEYS)), {}, [], chance.random() < 0.5)
    if not asked.aggregates:
        asked.where.append("clarity = 1")
    for condition in chance.sample(CONDITIONS, chance.randint(0, 3)):
        condition(asked, chance, release)
    if asked.grouping in IN_ONE:
        period, precision = IN_ONE[asked.grouping]
        asked.where.append(f"date_prec <= {precision}")
        if period != "day":
            asked.where.append(f"date_trunc('{period}', first) = date_trunc('{period}', last)")
    return asked


def _in_period(asked: Asked, chance: random.Random, release: Release) -> None:
    first = date(2016, 1, 1) + timedelta(days=chance.randint(0, 1_300))
    last = first + timedelta(days=chance.randint(0, 900))
    asked.conditions |= {"occurred_from": first.isoformat(), "occurred_to": last.isoformat()}
    asked.where.append(f"first >= '{first}' AND last <= '{last}'")


def _of_kind(asked: Asked, chance: random.Random, release: Release) -> None:
    kinds = chance.sample([1, 2, 3], chance.randint(1, 2))
    asked.conditions["kinds_of_violence"] = kinds
    asked.where.append(f"kind IN ({', '.join(map(str, kinds))})")


def _in_admin1(asked: Asked, chance: random.Random, release: Release) -> None:
    known = release.rows.execute("SELECT DISTINCT admin1 FROM rows WHERE admin1 <> '' ORDER BY 1").fetchall()
    names = [name for (name,) in chance.sample(known, 3)]
    asked.conditions["admin1"] = names
    asked.where.append("admin1 IN ({})".format(", ".join("'{}'".format(name.replace("'", "''")) for name in names)))


def _of_class(asked: Asked, chance: random.Random, release: Release) -> None:
    word, number = chance.choice([("troops", TROOPS), ("civilians", CIVILIANS), ("unknown", UNKNOWN)])
    asked.conditions["victim_classes"] = [number]
    asked.where.append(f"class = '{word}'")


def _involving(asked: Asked, chance: random.Random, release: Release) -> None:
    actor_id, name = chance.choice(sorted(release.names.items()))
    asked.conditions["involving"] = [actor_id]
    quoted = name.replace("'", "''")
    asked.where.append(f"(side_a = '{quoted}' OR side_b = '{quoted}')")


def _date_precise(asked: Asked, chance: random.Random, release: Release) -> None:
    code = chance.randint(1, 5)
    asked.conditions["max_date_precision"] = code
    asked.where.append(f"date_prec <= {code}")


def _place_precise(asked: Asked, chance: random.Random, release: Release) -> None:
    code = chance.randint(1, 6)
    asked.conditions["max_place_precision"] = code
    asked.where.append(f"where_prec <= {code}")


def _in_box(asked: Asked, chance: random.Random, release: Release) -> None:
    south, west = chance.uniform(32, 36), chance.uniform(35, 41)
    north, east = south + chance.uniform(0.1, 3), west + chance.uniform(0.1, 4)
    asked.conditions["box"] = pb.GeoBox(south=south, west=west, north=north, east=east)
    asked.where.append(f"latitude BETWEEN {south!r} AND {north!r} AND longitude BETWEEN {west!r} AND {east!r}")


CONDITIONS = [_in_period, _of_kind, _in_admin1, _of_class, _involving, _date_precise, _place_precise, _in_box]


def expected(release: Release, asked: Asked) -> dict[str, tuple[Bounds, int]]:
    """DuckDB's answer: by event first, because an event has bounds only where all of its deaths are taken."""
    where = " AND ".join(["true", *asked.where])
    rows = release.rows.execute(
        f"""
        WITH by_event AS (
            SELECT {KEYS[asked.grouping]} AS key, id, sum(deaths) AS deaths,
                   CASE WHEN sum(deaths) = min(best) THEN min(low) ELSE sum(part_low) END AS low_of_event,
                   CASE WHEN sum(deaths) = min(best) THEN min(high)
                        WHEN bool_and(part_high IS NOT NULL) THEN sum(part_high) END AS high_of_event
              FROM parts WHERE {where} GROUP BY 1, 2
        )
        SELECT key, sum(low_of_event), sum(deaths),
               CASE WHEN bool_and(high_of_event IS NOT NULL) THEN sum(high_of_event) END, count(*)
          FROM by_event GROUP BY key
        """
    ).fetchall()
    ids = {name: actor_id for actor_id, name in release.names.items()}
    named = {ids.get(key, key) if asked.grouping == "PARTY" else key: values for key, *values in rows}
    return {key: (_whole(values[:3]), values[3]) for key, values in named.items()}


def _whole(sums: list[Any]) -> Bounds:
    low, best, high = (None if each is None else int(each) for each in sums)
    return low, best, high


def test_whatever_is_asked_comes_out_as_from_the_file(release: Release) -> None:
    chance = random.Random(SEED)
    answered = 0
    for number in range(QUESTIONS):
        asked = question(chance, release)
        theirs = expected(release, asked)
        ours = release.figures(
            asked.aggregates,
            group_by=[pb.CasualtyGrouping.Value(f"CASUALTY_GROUPING_{asked.grouping}")],
            filter=pb.CasualtyFilter(**asked.conditions),
        )
        assert ours == theirs, f"question {number} of seed {SEED}: {asked}"
        answered += bool(theirs)
    # Most questions are about something: an empty answer to all would agree as well.
    assert answered > QUESTIONS * 0.7
