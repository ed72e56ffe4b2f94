"""Frozen generations on a real database: they end at a position, answer beside the live one, and go when they must.
And several builds that read the log together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from ledger.errors import InvalidRequestError, NotFoundError, NotPossibleError
from projections.engine import Engine, ProjectionState
from projections.engine.answers import AsOf
from projections.engine.databases import Databases
from projections.engine.freezing import Freeze
from projections.engine.pacing import Pace
from projections.engine.reading import ReadSide, read_pool
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import DONE, FAILED, INTERRUPTED, REPLAYING
from projections.history import ReadModel
from tests.followed import PATIENCE, Ledger, Tally, event_row, running, until
from tests.histories import event_id, record
from tests.postgres import Database
from tests.rebuilt import SMALL_BATCH, generations, in_small_steps, wait_until

pytestmark = pytest.mark.newest

CASUALTIES = ReadModel("casualties", 1, None, frozenset({"TroopsKilled"}))


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_steps(monkeypatch)


@pytest.fixture
async def read_side(database: Database) -> AsyncIterator[ReadSide]:
    async with read_pool(database.service_url) as pool:
        yield ReadSide(pool, [Tally()])


def reaching(engine: Engine, position: int, name: str = "tally") -> ProjectionState:
    return until(lambda: engine.state("main", name), lambda state: state.position >= position)


async def test_it_answers_beside_the_live_one(database: Database, ledger: Ledger, read_side: ReadSide) -> None:
    ledger.append(*"A" * 30)
    with running(database, Tally()) as engine:
        await asyncio.to_thread(reaching, engine, 30)
        build = await asyncio.to_thread(engine.operations.rebuild, "main", "tally", 25)
        await asyncio.to_thread(build.join)
        assert (build.progress.phase, build.progress.done, build.progress.generation) == (DONE, 25, 2)
        ledger.append("A")
        assert (await asyncio.to_thread(reaching, engine, 31)).generation == 1
        for moment, number, position, total in (
            (None, 1, 31, 496),
            (AsOf(generation=2), 2, 25, 325),
            (AsOf(position=20, generation=2), 2, 20, 325),
            (AsOf(generation=1), 1, 31, 496),
        ):
            async with read_side.answering("main", "tally", moment) as answer:
                assert (answer.generation, answer.position, answer.stale_because) == (number, position, "")
                rows = await answer.connection.execute("SELECT total FROM tally")
                assert await rows.fetchall() == [(total,)]
        began = time.monotonic()
        with pytest.raises(InvalidRequestError, match=r"as_of: is at 26; generation 2 is frozen at 25"):
            async with read_side.answering("main", "tally", AsOf(position=26, generation=2)):
                pass
        with pytest.raises(InvalidRequestError, match=r"min_position: is at 31; generation 2 is frozen"):
            async with read_side.answering("main", "tally", AsOf(generation=2), min_position=31):
                pass
        assert time.monotonic() < began + 2  # it is not waited for
        with pytest.raises(NotFoundError, match="frozen generation of tally 3"):
            async with read_side.answering("main", "tally", AsOf(generation=3)):
                pass
        rebuild = await asyncio.to_thread(engine.operations.rebuild, "main", "tally")
        await asyncio.to_thread(rebuild.join)
        with pytest.raises(NotFoundError, match="frozen generation of tally 1"):  # replaced, and soon dropped
            async with read_side.answering("main", "tally", AsOf(generation=1)):
                pass
        newer = ReadSide(read_side._pool, [Tally(version=2)])
        with pytest.raises(NotPossibleError, match="of version 1"):
            async with newer.answering("main", "tally", AsOf(generation=2)):
                pass


async def test_it_is_not_dropped_under_a_reader(database: Database, ledger: Ledger, read_side: ReadSide) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        await asyncio.to_thread(reaching, engine, 1)
        build = await asyncio.to_thread(engine.operations.rebuild, "main", "tally", 1)
        await asyncio.to_thread(build.join)
        async with read_side.answering("main", "tally", AsOf(generation=2)):
            with pytest.raises(NotPossibleError, match="is being read"):
                await asyncio.to_thread(engine.operations.drop_generation, "main", "tally", 2, 0.3)
        await asyncio.to_thread(engine.operations.drop_generation, "main", "tally", 2, 5.0)
        assert generations(database) == {1: "live"}


def test_it_survives_rebuilds_sweeps_and_a_new_version(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 30)
    with running(database, Tally()) as engine:
        reaching(engine, 30)
        engine.operations.rebuild("main", "tally", 10).join()
        engine.operations.rebuild("main", "tally").join()
        time.sleep(0.5)
        assert generations(database) == {1: "retired", 2: "frozen", 3: "live"}
        (frozen,) = engine.state("main", "tally", with_frozen=True).frozen
        assert (frozen.number, frozen.position, frozen.version) == (2, 10, 1)
    with running(database, Tally(version=2)) as engine:
        until(lambda: engine.state("main", "tally"), lambda state: state.version == 2)
        assert generations(database)[2] == "frozen"


def test_one_that_was_interrupted_is_gone_on_with(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 100)
    with running(database, Tally()) as engine:
        reaching(engine, 100)
    stopping, tally = threading.Event(), Tally()
    tally.after_fold = lambda: stopping.set() if tally.taken >= 40 else None
    freeze = Freeze(Databases.one(database.service_url), "main", tally, stopping, 90)
    freeze.begin()
    assert freeze.run().phase == INTERRUPTED
    with running(database, Tally()) as engine:
        state = until(lambda: engine.state("main", "tally"), lambda state: state.frozen != ())
        assert (state.frozen[0].number, state.frozen[0].position) == (2, 90)


def redacted(database: Database, target: int, act: int) -> None:
    with psycopg.connect(database.owner_url) as connection:
        redaction = record(
            act, "PayloadRedacted", "r1", target_event_id=str(event_id(target)), rule="privacy", reason="a name"
        )
        connection.execute(
            "INSERT INTO ledger_main.commits VALUES (%s, %s, %s, %s)",
            (act - 1, act, bytes(32), redaction.recorded_at),
        )
        values = "(%s, %s, %s, %s, %s, %s, %s, '', %s, '', %s)"
        connection.execute(f"INSERT INTO ledger_main.events VALUES {values}", event_row(redaction))
        connection.execute("SELECT ledger_main.redact(%s, %s)", (target, act))


def test_a_redaction_reaches_into_it_and_it_goes(database: Database, ledger: Ledger) -> None:
    ledger.append("ReportFiled", *["TroopsKilled"] * 4)
    with running(database, CASUALTIES) as engine:
        reaching(engine, 5, "casualties")
        for position in (2, 4):
            engine.operations.rebuild("main", "casualties", position).join()
        assert generations(database, "casualties") == {1: "live", 2: "frozen", 3: "frozen"}
        redacted(database, 3, 6)
        wait_until(lambda: generations(database, "casualties") == {1: "live", 2: "frozen"})
        build = engine.operations.rebuild(
            "main", "casualties", 4
        )  # made again it is without the content, and stays
        build.join()
        time.sleep(0.5)
        assert generations(database, "casualties") == {1: "live", 2: "frozen", 4: "frozen"}


# One pass


def test_all_are_built_together_and_one_that_fails_leaves_the_others_alone(
    database: Database, ledger: Ledger
) -> None:
    ledger.append(*"AB" * 150, "P", *"AB" * 50)
    names = ("a", "b", "c", "d")
    tallies = {name: Tally(name) for name in names}
    with running(database, *tallies.values()) as engine:
        before = {name: reaching(engine, 401, name) for name in names}
        tallies["c"].poison = frozenset("P")
        busy = Rebuild(Databases.one(database.service_url), "main", Tally("d"), threading.Event())
        busy.begin()
        builds = {each.name: each for each in engine.operations.rebuild_all("main")}
        for each in builds.values():
            each.join()
        told = {name: (each.progress.phase, each.progress.error) for name, each in builds.items()}
        assert told == {
            "a": (DONE, ""),
            "b": (DONE, ""),
            "c": (FAILED, "A fold cannot take an event: 301 P: ValueError: what is P?."),
            "d": (FAILED, "Not possible in this state: d is being rebuilt already."),
        }
        for name in ("a", "b"):
            assert builds[name].progress.state_digest == before[name].state_digest
        after = {name: engine.state("main", name).generation for name in names}
        assert after == {"a": 2, "b": 2, "c": 1, "d": 1}
        busy._connection.close()


def test_nobody_is_far_ahead_of_the_slowest(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 400)
    slow, quick = Tally("slow"), Tally("quick")
    with running(database, slow, quick) as engine:
        for name in ("slow", "quick"):
            reaching(engine, 400, name)
        pace, ahead = Pace(2 * SMALL_BATCH), []
        slow.taken = quick.taken = 0
        slow.pause = 0.02
        quick.after_fold = lambda: ahead.append(quick.taken - slow.taken)
        builds = [
            Rebuild(Databases.one(database.service_url), "main", each, threading.Event()) for each in (slow, quick)
        ]
        for build in builds:
            build.begin()
            build.keep(pace)
        threads = [threading.Thread(target=build.run) for build in builds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert [build.progress.phase for build in builds] == [DONE, DONE]
        assert SMALL_BATCH <= max(ahead) <= 3 * SMALL_BATCH


def test_nobody_waits_for_one_that_has_failed(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 30, "P", *"A" * 300)
    with running(database, Tally("failing"), Tally("other")) as engine:
        for name in ("failing", "other"):
            reaching(engine, 331, name)
        pace = Pace(2 * SMALL_BATCH)
        tallies = [Tally("failing", poison=frozenset("P")), Tally("other")]
        builds = [Rebuild(Databases.one(database.service_url), "main", each, threading.Event()) for each in tallies]
        for build in builds:
            build.begin()
            build.keep(pace)
        threads = [threading.Thread(target=build.run, daemon=True) for build in builds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert [build.progress.phase for build in builds] == [FAILED, DONE]


def test_who_lags_behind_is_brought_level_first_and_who_waits_can_be_cancelled(
    database: Database, ledger: Ledger
) -> None:
    ledger.append(*"A" * 200)
    with running(database, Tally("one"), Tally("other")) as engine:
        for name in ("one", "other"):
            reaching(engine, 200, name)
        pace = Pace(2 * SMALL_BATCH)
        pace.join("one that never moves", 0)
        build = Rebuild(Databases.one(database.service_url), "main", Tally("one"), threading.Event())
        build.begin()
        build.keep(pace)
        thread = threading.Thread(target=build.run)
        thread.start()
        time.sleep(0.6)
        assert (build.progress.phase, thread.is_alive()) == (REPLAYING, True)
        assert build._new.position == 2 * SMALL_BATCH
        engine.operations.cancel_rebuild("main", "one", PATIENCE)
        thread.join(PATIENCE)
        assert generations(database, "one") == {1: "live"}
