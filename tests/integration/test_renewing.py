"""A newer program whose generation cannot be built: it tries once, and leaves alone what the older one serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from ledger.errors import NotPossibleError
from projections.engine import Engine, ProjectionState, resuming
from projections.engine.databases import Databases
from projections.engine.leases import LEASE_SECONDS
from tests.followed import PATIENCE, Ledger, Tally, running, until
from tests.postgres import Database
from tests.rebuilt import generations, in_small_steps, wait_until

pytestmark = pytest.mark.newest

BUILDS_AT_ONCE_SECONDS = 1.5
"""By then a program that builds again has begun several times."""


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_steps(monkeypatch)


@pytest.fixture
def older(database: Database, ledger: Ledger) -> Iterator[Engine]:
    """The program that serves, of version 1."""
    ledger.append(*"AP")
    with running(database, Tally()) as engine:
        once(engine, lambda state: state.position == 2 and state.leader is not None)
        yield engine


def newer(poison: str = "P") -> Tally:
    return Tally(version=2, poison=frozenset(poison))


def once(engine: Engine, holds: Callable[[ProjectionState], bool]) -> ProjectionState:
    return until(lambda: engine.state("main", "tally"), holds)


def built(database: Database) -> int:
    """How many generations were begun, whatever became of them."""
    with psycopg.connect(database.service_url) as connection:
        row = connection.execute("SELECT max(number) FROM ledger_main_projections.generations").fetchone()
        assert row is not None
        return int(row[0])


def ended(database: Database, number: int, phase: str = "failed") -> None:
    """Wait until a build has ended."""
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        query = "SELECT generation, phase FROM ledger_main_projections.rebuilds"
        wait_until(lambda: connection.execute(query).fetchall() == [(number, phase)])


def settled(database: Database) -> int:
    """How many generations were begun, once nobody begins another one."""
    before = built(database)
    time.sleep(BUILDS_AT_ONCE_SECONDS)
    assert built(database) == before
    assert generations(database) == {1: "live"}
    return before


def halted(engine: Engine) -> ProjectionState:
    return once(engine, lambda state: state.state == "halted")


def test_a_failed_build_does_not_halt_what_the_older_program_serves(
    database: Database, ledger: Ledger, older: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with running(database, newer()) as engine:
        ended(database, 2)
        time.sleep(LEASE_SECONDS + 1.0)
        assert once(older, lambda state: True).halted_because == ""
        assert engine.halts == {"main/tally": ""}
        ledger.append("A")
        assert once(older, lambda state: state.position == 3).state == "following"
        assert settled(database) == 2
    assert "tally of main is not built as version 2" in caplog.text


def test_a_failed_build_is_not_begun_again_although_events_arrive(
    database: Database, ledger: Ledger, older: Engine
) -> None:
    tally = newer()
    tally.pause = 0.5
    with running(database, tally):
        wait_until(lambda: built(database) == 2)
        ledger.append("A")  # while it builds
        once(older, lambda state: state.position == 3)
        ended(database, 2)
        for _ in range(10):
            ledger.append("A")
            time.sleep(0.1)
        assert settled(database) == 2
        assert once(older, lambda state: state.position == 13).halted_because == ""


def test_nobody_else_begins_it_either_and_a_restart_tries_once(database: Database, older: Engine) -> None:
    slow = newer()
    slow.pause = 3.0  # the other one has begun by then
    with running(database, slow), running(database, slow):
        ended(database, 2)
        slow.pause = 0.0
        assert settled(database) == 2
        with running(database, newer()):
            ended(database, 3)
            assert settled(database) == 3


@pytest.mark.parametrize("by_whom", ["itself", "another process"])
def test_a_retry_lets_it_be_built_again(database: Database, older: Engine, by_whom: str) -> None:
    tally = newer()
    with running(database, tally) as engine:
        ended(database, 2)
        settled(database)
        with pytest.raises(NotPossibleError, match="version 1, and this program 0"):
            Engine(Databases.one(database.service_url), [Tally(version=0)]).retry("main", "tally")
        other = Engine(Databases.one(database.service_url), [newer()])
        asked = engine if by_whom == "itself" else other
        asked.retry("main", "tally")
        ended(database, 3)  # nothing was mended
        assert settled(database) == 3
        tally.poison = frozenset()
        asked.retry("main", "tally")
        assert once(engine, lambda state: state.version == 2).halted_because == ""


def test_a_verification_between_does_not_let_it_be_built_again(database: Database, older: Engine) -> None:
    tally = newer()
    with running(database, tally) as engine:
        ended(database, 2)
        older.operations.verify("main", "tally").join()
        assert settled(database) == 3
        tally.poison = frozenset()
        engine.retry("main", "tally")
        once(engine, lambda state: state.version == 2)


def test_another_live_generation_lets_it_be_built_again(database: Database, older: Engine) -> None:
    tally = newer()
    with running(database, tally) as engine:
        ended(database, 2)
        settled(database)
        tally.poison = frozenset()
        older.operations.rebuild("main", "tally").join()
        once(engine, lambda state: state.version == 2)


def test_it_is_halted_once_nobody_follows_and_lifted_by_whoever_follows_again(
    database: Database, ledger: Ledger
) -> None:
    ledger.append(*"AP")
    with running(database, Tally()) as engine:
        once(engine, lambda state: state.position == 2)
    with running(database, newer()) as engine:
        told = halted(engine)
        assert told.halted_because == "version 2: A fold cannot take an event: 2 P: ValueError: what is P?."
        assert told.leader is None
        assert settled(database) == 2
        with running(database, Tally()) as again:
            state = once(again, lambda state: state.state == "following")
            assert (state.halted_because, state.leader) == ("", again.holder)
            time.sleep(1.0)
            assert once(again, lambda state: True).halted_because == ""


@pytest.mark.parametrize("followed", [True, False], ids=["beside the older program", "alone"])
def test_a_build_that_is_cancelled_stays_so_until_it_is_asked_for(
    database: Database, ledger: Ledger, followed: bool
) -> None:
    ledger.append(*"A" * 200)
    with running(database, Tally()) as engine:
        once(engine, lambda state: state.position == 200)
    tally = newer()
    tally.pause = 0.1
    with running(database, *([Tally()] if followed else [])), running(database, tally) as engine:
        wait_until(lambda: built(database) == 2)
        engine.operations.cancel_rebuild("main", "tally", PATIENCE)
        ended(database, 2, "cancelled")
        assert settled(database) == 2
        if not followed:
            assert halted(engine).halted_because == "version 2: cancelled"
        tally.pause = 0.0
        engine.operations.rebuild("main", "tally").join()
        assert once(engine, lambda state: state.version == 2).generation == 3


def test_one_that_is_to_end_is_not_begun_again_before_it_has_ended(
    database: Database, older: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "LOOK_SECONDS", PATIENCE)  # nobody clears what is left
    tally = newer("")
    tally.pause = 0.5
    with running(database, tally), psycopg.connect(database.service_url, autocommit=True) as connection:
        wait_until(lambda: built(database) == 2)
        connection.execute("UPDATE ledger_main_projections.rebuilds SET cancel_asked = true")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'incident-ledger rebuild tally'"
        )
        time.sleep(BUILDS_AT_ONCE_SECONDS)
        assert generations(database) == {1: "live", 2: "building"}
