"""The life of a rebuild on a real database: compared without holding up, cancelled, killed, gone on with."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from campaigns.proxy import proxied
from ledger.errors import DeadlineError, NotPossibleError
from projections.engine import Connection, Engine, ProjectionState, building, cancelling
from projections.engine.databases import Databases
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import (
    CANCELLED,
    CATCHING_UP,
    COMPARING,
    DONE,
    FAILED,
    INTERRUPTED,
    REPLAYING,
    RebuildProgress,
)
from tests.followed import PATIENCE, Ledger, Tally, running, until
from tests.postgres import Database
from tests.rebuilt import SMALL_BATCH, Slow, generations, in_small_steps, wait_until

pytestmark = pytest.mark.newest


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_steps(monkeypatch)
    monkeypatch.setattr(building, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(cancelling, "END_STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr(cancelling, "END_SESSION_SECONDS", 1.5)


def reaching(engine: Engine, position: int) -> ProjectionState:
    return until(lambda: engine.state("main", "tally"), lambda state: state.position >= position)


def begun(database: Database, projection: Tally) -> Rebuild:
    """A rebuild of which nothing runs yet."""
    rebuild = Rebuild(Databases.one(database.service_url), "main", projection, threading.Event())
    rebuild.begin()
    return rebuild


def stopped_at(database: Database, batches: int) -> RebuildProgress:
    """A rebuild whose process ends after so many batches, and what it had done by then."""
    stopping = threading.Event()
    tally = Tally()
    rebuild = Rebuild(Databases.one(database.service_url), "main", tally, stopping)
    rebuild.begin()
    tally.after_fold = lambda: stopping.set() if tally.taken >= batches * SMALL_BATCH else None
    return rebuild.run()


# Comparing


def test_the_live_generation_follows_while_it_is_compared(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB" * 20)
    tally = Slow()
    with running(database, tally) as engine:
        before = reaching(engine, 40)
        tally.seconds = {"digest": 1.5}
        rebuild = engine.operations.rebuild("main", "tally")
        wait_until(lambda: rebuild.progress.phase == COMPARING)
        time.sleep(0.3)
        ledger.append("C")
        asked = time.monotonic()
        while (seen := engine.states("main")[0]).position < 41:
            assert time.monotonic() < asked + 1.0  # both digests take three seconds
        assert (seen.generation, rebuild.progress.phase) == (1, COMPARING)
        rebuild.join()
        done = rebuild.progress
        assert (done.phase, done.compared_position, done.done) == (DONE, 40, 41)
        assert done.state_digest == done.replaced_digest == before.state_digest
        assert engine.state("main", "tally").generation == 2


def test_digests_are_equal_although_events_arrive_all_the_time(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 100)
    with running(database, Slow(seconds={"digest": 0.05})) as engine:
        reaching(engine, 100)
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                ledger.append("B")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(5):
                rebuild = engine.operations.rebuild("main", "tally")
                rebuild.join()
                done = rebuild.progress
                assert (done.phase, done.state_digest) == (DONE, done.replaced_digest)
                assert 100 <= done.compared_position <= done.done
        finally:
            stop.set()
            writer.join()


# Cancelling

SLOW: dict[str, tuple[str, Callable[[Slow], None]]] = {
    "replaying": (REPLAYING, lambda tally: setattr(tally, "pause", 0.2)),
    "indexing": (REPLAYING, lambda tally: tally.seconds.update(complete=60)),
    "comparing": (COMPARING, lambda tally: tally.seconds.update(digest=60)),
}


@pytest.mark.parametrize("step", SLOW)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["by the same process", "by another process"])
def test_a_rebuild_is_cancelled(
    database: Database, ledger: Ledger, step: str, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelling, "END_SESSION_SECONDS", PATIENCE)  # it ends by itself
    if step == "replaying":
        monkeypatch.setattr(cancelling, "END_STATEMENT_SECONDS", PATIENCE)  # between two batches
    ledger.append(*"A" * 200)
    phase, slow_down = SLOW[step]
    tally = Slow()
    with running(database, tally) as engine, running(database, Tally()) as other:
        reaching(engine, 200)
        slow_down(tally)
        rebuild = engine.operations.rebuild("main", "tally")
        wait_until(lambda: rebuild.progress.phase == phase)
        time.sleep(0.3)
        asked = time.monotonic()
        (other if elsewhere else engine).operations.cancel_rebuild("main", "tally", PATIENCE)
        assert time.monotonic() < asked + 3
        assert generations(database) == {1: "live"}
        rebuild.join()
        assert (rebuild.progress.phase, rebuild.progress.error) == (CANCELLED, "somebody asked for it")
        tally.pause, tally.seconds = 0.0, {}
        state = engine.state("main", "tally")
        assert (state.state, state.rebuild) == ("following", None)
        ledger.append("A")
        assert reaching(engine, 201).generation == 1
        time.sleep(0.5)
        assert generations(database) == {1: "live"}  # nobody goes on with it
        again = engine.operations.rebuild("main", "tally")
        again.join()
        assert again.progress.phase == DONE


def test_what_does_not_run_cannot_be_cancelled(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        for name in ("tally", "tally"):
            with pytest.raises(NotPossibleError, match="no rebuild of tally runs"):
                engine.operations.cancel_rebuild("main", name, 1)
            engine.operations.rebuild("main", "tally").join()


def test_a_rebuild_whose_process_does_not_answer_is_cancelled(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 30)
    with running(database, Tally()) as engine:
        reaching(engine, 30)
        silent = begun(database, Tally())
        with pytest.raises(DeadlineError, match="was asked to end"):
            engine.operations.cancel_rebuild("main", "tally", 0.3)
        assert generations(database) == {1: "live", 2: "building"}
        engine.operations.cancel_rebuild("main", "tally", PATIENCE)
        assert generations(database) == {1: "live"}
        assert silent.run().phase == INTERRUPTED  # it wakes, and can do nothing any more
        assert generations(database) == {1: "live"}
        assert engine.state("main", "tally").state == "following"


def test_a_rebuild_that_was_interrupted_is_cancelled(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 100)
    with running(database, Tally()) as engine:
        reaching(engine, 100)
    assert stopped_at(database, 2).phase == INTERRUPTED
    with running(database, Tally(version=0)) as older:  # which cannot go on with it
        state = older.state("main", "tally")
        assert state.rebuild is not None
        assert (state.state, state.rebuild.phase, state.rebuild.done) == ("following", INTERRUPTED, 40)
        time.sleep(0.5)
        assert generations(database) == {1: "live", 2: "building"}
        older.operations.cancel_rebuild("main", "tally", PATIENCE)
        assert generations(database) == {1: "live"}


def test_a_cancelled_rebuild_is_cleared_when_its_process_and_who_asked_are_gone(
    database: Database, ledger: Ledger
) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        reaching(engine, 1)
    silent = begun(database, Tally())
    with psycopg.connect(database.service_url) as connection:
        connection.execute("UPDATE ledger_main_projections.rebuilds SET cancel_asked = true")
    silent._connection.close()
    with running(database, Tally()) as engine:
        wait_until(lambda: generations(database) == {1: "live"})
        assert engine.state("main", "tally").rebuild is None


# Going on


def test_an_interrupted_rebuild_goes_on_where_it_was(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB" * 100)
    with running(database, Tally()) as engine:
        before = reaching(engine, 200)
    assert stopped_at(database, 3).phase == INTERRUPTED
    assert generations(database) == {1: "live", 2: "building"}
    tally = Tally()
    resumed = begun(database, tally)
    assert (resumed.progress.resumed_from, resumed.progress.generation) == (60, 2)
    done = resumed.run()
    assert (done.phase, done.state_digest, done.replaced_digest) == (DONE, before.state_digest, before.state_digest)
    assert tally.taken == 140


def test_one_that_is_complete_is_not_completed_again(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB" * 20)
    with running(database, Tally()) as engine:
        before = reaching(engine, 40)
    stopping = threading.Event()
    tally = Slow()
    tally.before_digest = stopping.set
    rebuild = Rebuild(Databases.one(database.service_url), "main", tally, stopping)
    rebuild.begin()
    assert rebuild.run().phase == INTERRUPTED
    resumed = begun(database, Tally())
    assert (resumed.progress.resumed_from, resumed.progress.phase) == (40, CATCHING_UP)
    assert resumed.run().state_digest == before.state_digest  # the index that is there would have been in the way


def test_a_process_that_follows_goes_on_with_what_died(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB" * 100)
    with running(database, Tally()) as engine:
        before = reaching(engine, 200)
    dead = stopped_at(database, 4)
    with running(database, Tally()) as engine:
        after = until(lambda: engine.state("main", "tally"), lambda state: state.generation == 2)
        assert after.state_digest == before.state_digest
        with psycopg.connect(database.service_url) as connection:
            row = connection.execute(
                "SELECT resumed_from, started_at FROM ledger_main_projections.rebuilds"
            ).fetchone()
        assert row == (80, dead.started_at)


def test_a_service_that_stops_leaves_its_rebuild_for_later(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 200)
    tally = Tally()
    with running(database, tally) as engine:
        reaching(engine, 200)
        tally.pause = 0.1
        rebuild = engine.operations.rebuild("main", "tally")
        wait_until(lambda: rebuild.progress.done >= 40)
    assert (rebuild.progress.phase, rebuild.progress.error) == (INTERRUPTED, "the service was stopping")
    assert generations(database) == {1: "live", 2: "building"}
    tally.pause = 0.0
    with running(database, tally) as engine:
        until(lambda: engine.state("main", "tally"), lambda state: state.generation == 2)


def test_a_rebuild_outlives_the_connection_of_its_process(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 200)
    tally = Tally(pause=0.05)
    with running(database, tally) as engine:
        reaching(engine, 200)
        rebuild = engine.operations.rebuild("main", "tally")
        wait_until(lambda: rebuild.progress.done >= 40)
        with psycopg.connect(database.service_url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'incident-ledger rebuild tally'"
            )
        rebuild.join()  # who watches is told of what became of it
        assert rebuild.progress.phase == DONE
        assert rebuild.progress.resumed_from >= 40
        assert rebuild.progress.state_digest == rebuild.progress.replaced_digest != ""
        assert engine.state("main", "tally").generation == 2


def test_what_failed_is_not_gone_on_with(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 45, "P", *"A" * 10)
    with running(database, Tally()) as engine:
        reaching(engine, 56)
        failing = begun(database, Tally(poison=frozenset("P")))
        last = failing.run()
        assert (last.phase, last.done) == (FAILED, 45)
        assert last.error == "A fold cannot take an event: 46 P: ValueError: what is P?."
        time.sleep(0.5)
        assert generations(database) == {1: "live"}


def test_another_version_does_not_go_on_with_it(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 100)
    with running(database, Tally()) as engine:
        reaching(engine, 100)
    stopped_at(database, 2)
    newer = begun(database, Tally(version=2))
    assert (newer.progress.resumed_from, newer.progress.generation) == (0, 3)
    assert newer.run().phase == DONE
    assert generations(database) == {1: "retired", 3: "live"}


def test_a_rebuild_waits_for_nothing_when_nothing_comes_through(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 200)
    with running(database, Tally()) as watching, proxied(database.service_url) as proxy:
        reaching(watching, 200)
        engine = Engine(Databases.one(proxy.url), [Tally(pause=0.05)])
        rebuild = engine.operations.rebuild("main", "tally")
        wait_until(lambda: rebuild.progress.done >= 40)
        proxy.stalled.set()
        begun_to_stop = time.monotonic()
        engine.stop()
        assert time.monotonic() < begun_to_stop + 10
        watching.operations.cancel_rebuild("main", "tally", PATIENCE)
        assert generations(database) == {1: "live"}


def test_one_that_is_ahead_of_the_live_generation_waits_to_be_compared(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 40)
    with running(database, Tally()) as engine:
        reaching(engine, 40)
    ledger.append(*"B" * 20)
    halt = "UPDATE ledger_main_projections.generations SET halted_because = %s WHERE number = 1"
    with psycopg.connect(database.service_url) as connection:
        connection.execute(halt, ("something",))
    stopping, tally = threading.Event(), Tally()
    tally.before_digest = stopping.set
    rebuild = Rebuild(Databases.one(database.service_url), "main", tally, stopping)
    rebuild.begin()
    assert rebuild.run().phase == INTERRUPTED
    with psycopg.connect(database.service_url) as connection:
        connection.execute(halt, ("",))  # the live one is to be compared again, and has taken less
    resumed = begun(database, Tally())
    thread = threading.Thread(target=resumed.run)
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive()
    with running(database, Tally()) as engine:
        thread.join(PATIENCE)
        done = resumed.progress
        assert (done.phase, done.compared_position, done.state_digest) == (DONE, 60, done.replaced_digest)
        assert reaching(engine, 60).generation == 2


def test_what_was_swapped_is_done_although_nobody_could_say_so(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        reaching(engine, 1)
    swap = Rebuild._swap

    def swap_and_die(self: Rebuild, connection: Connection) -> bool:
        swapped = swap(self, connection)
        connection.close()
        return swapped

    monkeypatch.setattr(Rebuild, "_swap", swap_and_die)
    assert begun(database, Tally()).run().phase == INTERRUPTED
    with running(database, Tally()) as engine:
        state = engine.state("main", "tally")
        assert (state.generation, state.rebuild) == (2, None)
        with pytest.raises(NotPossibleError, match="no rebuild of tally runs"):
            engine.operations.cancel_rebuild("main", "tally", 1)


# Killing


def test_killed_again_and_again_it_ends_as_if_it_had_never_been(database: Database, ledger: Ledger) -> None:
    ledger.append(*"ABC" * 200)
    with running(database, Tally()) as engine:
        before = reaching(engine, 600)
    dice = random.Random(20200212)
    watching, kills = Engine(Databases.one(database.service_url), [Tally()]), 0
    while (state := watching.state("main", "tally")).generation == 1:
        assert (state.position, state.state_digest) == (600, before.state_digest)  # it serves, whatever happens
        rebuilding = subprocess.Popen(
            [sys.executable, "-m", "tests.rebuilt", database.service_url],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent.parent,
        )
        assert rebuilding.stdout is not None
        assert rebuilding.stdout.readline() == b"begun\n"
        with suppress(subprocess.TimeoutExpired):
            rebuilding.wait(dice.uniform(0.0, 0.2 + kills / 10))
        rebuilding.kill()
        rebuilding.communicate()
        kills += 1
        ledger.append("D")
        wait_until(lambda: not held(database))
    assert kills >= 3
    assert generations(database) == {1: "retired", 2: "live"}
    with running(database, Tally()) as engine:
        after = reaching(engine, ledger.size)
        again = engine.operations.rebuild("main", "tally")
        again.join()
        assert again.progress.state_digest == again.progress.replaced_digest == after.state_digest


def held(database: Database) -> bool:
    """Whether the server still has a session that rebuilds: it notices the death of a client a little later."""
    with psycopg.connect(database.service_url) as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'incident-ledger rebuild tally')"
        ).fetchone()
        return bool(row and row[0])


def test_an_error_after_the_swap_leaves_alone_what_serves(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as engine:
        reaching(engine, 2)
        told = Rebuild._tell

        def tell(build: Rebuild, connection: Any, quickly: bool = False, **changed: Any) -> None:
            if changed.get("phase") == DONE:
                raise psycopg.errors.DiskFull
            told(build, connection, quickly, **changed)

        monkeypatch.setattr(Rebuild, "_tell", tell)
        build = engine.operations.rebuild("main", "tally")
        build.join()
        assert build.progress.phase == DONE
        assert generations(database)[2] == "live"
        ledger.append("A")
        assert reaching(engine, 3).generation == 2
