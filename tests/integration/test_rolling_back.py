"""Two versions of a projection on one database: the newer one takes over, an operator goes back, nobody fights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from ledger.errors import NotPossibleError
from projections.engine import Engine, ProjectionState, folding
from projections.engine.catalogue import Catalogue
from projections.engine.databases import Databases
from projections.engine.frozen import drop_generation
from projections.engine.rebuilds import DONE, FAILED, INTERRUPTED
from projections.engine.rolling_back import RollBack
from tests.followed import Ledger, Tally, running, until
from tests.postgres import Database
from tests.rebuilt import generations, in_small_steps, wait_until

pytestmark = pytest.mark.newest

OLD, NEW = Tally(version=1), Tally(version=2)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_steps(monkeypatch)


def once(engine: Engine, holds: Callable[[ProjectionState], bool]) -> ProjectionState:
    return until(lambda: engine.state("main", "tally"), holds)


def upgraded(database: Database, ledger: Ledger) -> None:
    """A ledger of which version 1 and then version 2 was served, and three more events since."""
    ledger.append(*"AB" * 50)
    with running(database, OLD) as engine:
        once(engine, lambda state: state.position == 100)
    with running(database, NEW) as engine:
        once(engine, lambda state: state.version == 2)
        ledger.append(*"ABC")
        once(engine, lambda state: state.position == 103)


def aged(database: Database, interval: str) -> None:
    """Generations that were replaced so long ago."""
    with psycopg.connect(database.service_url) as connection:
        connection.execute(
            "UPDATE ledger_main_projections.generations SET retired_at = now() - %s::interval", (interval,)
        )


def test_an_older_program_goes_back_on_request_while_the_newer_one_runs(database: Database, ledger: Ledger) -> None:
    upgraded(database, ledger)
    with running(database, Tally(version=2)) as newer, running(database, Tally(version=1)) as older:
        time.sleep(0.5)
        assert once(older, lambda state: True).version == 2  # not by itself
        build = older.operations.roll_back("main", "tally")
        build.join()
        assert (build.progress.phase, build.progress.generation) == (DONE, 1)
        ledger.append("A")
        state = once(older, lambda state: state.position == 104)
        assert (state.version, state.generation) == (1, 1)
        time.sleep(1.0)
        assert once(newer, lambda state: True).generation == 1  # nor does the newer one swap again
        assert generations(database) == {1: "live", 2: "retired"}
        again = older.operations.rebuild("main", "tally")
        again.join()
        assert again.progress.state_digest == again.progress.replaced_digest != ""  # what it had missed is in it
        # Until an operator asks the newer one.
        newer.operations.rebuild("main", "tally").join()
        once(newer, lambda state: state.version == 2 and state.position == 104)
    with running(database, Tally(version=3)) as newest:
        once(newest, lambda state: state.version == 3)


def test_the_generation_is_kept_for_a_day_and_others_are_not(database: Database, ledger: Ledger) -> None:
    upgraded(database, ledger)
    with running(database, NEW) as engine:
        engine.operations.rebuild("main", "tally").join()
        assert generations(database) == {1: "retired", 2: "retired", 3: "live"}
        aged(database, "23 hours")
        wait_until(lambda: generations(database) == {1: "retired", 3: "live"})
        time.sleep(0.5)
        assert generations(database) == {1: "retired", 3: "live"}
        aged(database, "25 hours")
        wait_until(lambda: generations(database) == {3: "live"})
    older = Engine(Databases.one(database.service_url), [OLD])
    with pytest.raises(NotPossibleError, match="no generation of tally of version 1 is kept"):
        older.operations.roll_back("main", "tally")
    older.operations.rebuild("main", "tally").join()  # a rebuild goes back too
    with running(database, NEW) as engine:
        time.sleep(0.5)
        assert engine.state("main", "tally").version == 1


def test_under_steady_load_generations_are_dropped_too(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append("A")
    with running(database, OLD) as engine:
        once(engine, lambda state: state.position == 1)
        engine.operations.rebuild("main", "tally").join()
    ledger.append(*"A" * 400)
    monkeypatch.setattr(folding, "BATCH", 1)
    with running(database, OLD) as engine:
        once(engine, lambda state: state.position > 2)
        aged(database, "1 hour")
        wait_until(lambda: generations(database) == {2: "live"})
        assert engine.states("main")[0].position < ledger.size  # there was something to take at every turn


def test_a_redaction_ends_the_keeping(database: Database, ledger: Ledger) -> None:
    upgraded(database, ledger)
    aged(database, "5 minutes")
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        catalogue = Catalogue("main")
        assert not catalogue.drop_retired(connection, "tally")
        connection.execute("ALTER TABLE ledger_main.redactions DISABLE TRIGGER USER")
        connection.execute("INSERT INTO ledger_main.redactions (target_position, act_position) VALUES (5, 103)")
        assert catalogue.drop_retired(connection, "tally")
    assert generations(database) == {2: "live"}


def test_only_an_older_program_goes_back(database: Database, ledger: Ledger) -> None:
    upgraded(database, ledger)
    for version in (2, 3):
        engine = Engine(Databases.one(database.service_url), [Tally(version=version)])
        with pytest.raises(NotPossibleError, match="only an older program goes back"):
            engine.operations.roll_back("main", "tally")
    assert generations(database) == {1: "retired", 2: "live"}


def interrupted_roll_back(database: Database, ledger: Ledger) -> None:
    """Going back has begun, and its process is gone."""
    upgraded(database, ledger)
    ledger.append(*"A" * 100)
    stopping, tally = threading.Event(), Tally(version=1)
    tally.after_fold = stopping.set
    going = RollBack(Databases.one(database.service_url), "main", tally, stopping)
    going.begin()
    assert going.run().phase == INTERRUPTED


def test_going_back_is_gone_on_with_when_its_process_dies(database: Database, ledger: Ledger) -> None:
    interrupted_roll_back(database, ledger)
    assert generations(database) == {1: "building", 2: "live"}
    with running(database, Tally(version=1)) as older:
        state = once(older, lambda state: state.version == 1 and state.position == 203)
        assert state.generation == 1
        build = older.operations.verify("main", "tally")
        build.join()
        assert build.progress.state_digest == build.progress.replaced_digest != ""


def test_what_one_goes_back_to_is_kept_when_that_is_cancelled(database: Database, ledger: Ledger) -> None:
    interrupted_roll_back(database, ledger)
    older = Engine(Databases.one(database.service_url), [Tally(version=1)])
    older.operations.cancel_rebuild("main", "tally", 20)
    assert generations(database) == {1: "retired", 2: "live"}
    with running(database, OLD) as engine:
        build = engine.operations.roll_back("main", "tally")
        build.join()
        assert (build.progress.phase, build.progress.error) == (DONE, "")
        assert once(engine, lambda state: state.position == 203).generation == 1


def test_what_one_goes_back_to_is_kept_when_that_fails(database: Database, ledger: Ledger) -> None:
    upgraded(database, ledger)
    ledger.append("P")
    older = Engine(Databases.one(database.service_url), [Tally(version=1, poison=frozenset("P"))])
    build = older.operations.roll_back("main", "tally")
    build.join()
    assert build.progress.phase == FAILED
    assert generations(database) == {1: "retired", 2: "live"}


def test_another_build_does_not_take_the_place_of_one_that_waits(database: Database, ledger: Ledger) -> None:
    interrupted_roll_back(database, ledger)
    newer = Engine(Databases.one(database.service_url), [NEW])
    for ask in (newer.operations.verify, lambda ledger, name: newer.operations.rebuild(ledger, name, 50)):
        with pytest.raises(NotPossibleError, match=r"generation 1, roll back\) waits to be gone on with"):
            ask("main", "tally")
    newer.operations.rebuild("main", "tally").join()
    assert generations(database) == {1: "retired", 2: "retired", 3: "live"}


def test_what_is_gone_back_to_is_not_dropped_meanwhile(database: Database, ledger: Ledger) -> None:
    upgraded(database, ledger)
    databases = Databases.one(database.service_url)
    with databases.connect("reader") as reader, databases.connect("drop") as dropping, reader.transaction():
        retired = Catalogue("main").generation(reader, "tally", 1)
        assert retired is not None
        Catalogue("main").hold(reader, retired)
        found: list[str] = []

        def drop() -> None:
            with pytest.raises(NotPossibleError) as told:
                drop_generation(dropping, Catalogue("main"), "tally", 1, 20)
            found.append(str(told.value))

        waiting = threading.Thread(target=drop)
        waiting.start()
        build = Engine(databases, [OLD]).operations.roll_back("main", "tally")
        build.join()
        assert build.progress.phase == DONE
        waiting.join()
    assert "generation 1 of tally is" in found[0]
    assert generations(database) == {1: "live", 2: "retired"}


def test_many_programs_of_two_versions_never_swap_to_and_fro(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB" * 50)
    with running(database, Tally(version=1)) as older:
        once(older, lambda state: state.position == 100)
        with running(database, Tally(version=2)) as newer, running(database, Tally(version=1)):
            once(newer, lambda state: state.version == 2)
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                ledger.append("A")
                assert newer.state("main", "tally").version == 2
            once(newer, lambda state: state.position == ledger.size)
    assert generations(database) == {1: "retired", 2: "live"}
