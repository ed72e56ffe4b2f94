"""The engine on a real database: following, halting, rebuilding, reading."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from campaigns.proxy import proxied
from ledger.errors import (
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    NotPossibleError,
    PositionNotReachedError,
    UnavailableError,
)
from ledger.persistence.install import create_ledger
from projections.engine import Engine, ProjectionState, following
from projections.engine import engine as engine_module
from projections.engine.answers import AsOf
from projections.engine.catalogue import Catalogue
from projections.engine.databases import Databases
from projections.engine.reading import ReadSide, read_pool
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import CATCHING_UP, COMPARING, DONE, FAILED, REPLAYING
from projections.history import ReadModel
from tests.followed import PATIENCE, Ledger, Tally, event_row, running, until
from tests.histories import EPOCH, event_id, record
from tests.postgres import Cluster, Database

CASUALTIES = ReadModel("casualties", 1, None, frozenset({"TroopsKilled"}))


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def reaching(engine: Engine, position: int, name: str = "tally", ledger: str = "main") -> ProjectionState:
    return until(lambda: engine.state(ledger, name), lambda state: state.position >= position)


def totals(database: Database, state: ProjectionState, ledger: str = "main") -> dict[str, int]:
    with psycopg.connect(database.service_url) as connection:
        rows = connection.execute(f"SELECT type, total FROM ledger_{ledger}_tally_g{state.generation}.tally")
        return dict(rows.fetchall())


def schemas(database: Database, pattern: str = "ledger_main_tally_g%") -> list[str]:
    with psycopg.connect(database.service_url) as connection:
        query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s ORDER BY 1"
        return [name for (name,) in connection.execute(query, (pattern,))]


# Following


def test_takes_what_is_there_and_what_comes(database: Database, ledger: Ledger) -> None:
    ledger.append("A", "A", "B")
    with running(database, Tally()) as engine:
        state = reaching(engine, 3)
        assert (state.state, state.generation, state.head, state.lag_seconds) == ("following", 1, 3, 0.0)
        ledger.append("B")
        assert totals(database, reaching(engine, 4)) == {"A": 3, "B": 7}


def test_goes_on_where_it_stopped(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAB")
    tally = Tally()
    with running(database, tally) as engine:
        reaching(engine, 3)
    ledger.append("B")
    with running(database, tally) as engine:
        assert totals(database, reaching(engine, 4)) == {"A": 3, "B": 7}
    assert tally.taken == 4


def test_two_processes_take_every_event_once(database: Database, ledger: Ledger) -> None:
    one, other = Tally(pause=0.001), Tally(pause=0.001)
    with running(database, one) as engine, running(database, other):
        for _ in range(30):
            ledger.append(*"AB")
        state = reaching(engine, 60)
        assert sum(totals(database, state).values()) == 60 * 61 // 2


def test_finds_ledgers_that_are_created_later(database: Database) -> None:
    with running(database, Tally()) as engine:
        create_ledger(database.service_url, "late")
        Ledger(database, "late").append("A")
        state = until(lambda: engine.state("late", "tally"), lambda now: now.position == 1)
        assert state.state == "following"
        assert sorted(engine._followers) == ["late", "main"]  # the projections' own schemas are no ledgers


def test_a_gap_in_the_record_halts(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    ledger.size = 2  # a commit that leaves position 2 out
    ledger.append("A")
    with running(database, Tally()) as engine:
        state = until(lambda: engine.state("main", "tally"), lambda now: now.state == "halted")
    assert state.position == 1
    assert state.halted_because == "2: Position 2 is missing from the record: 3 follows instead."


def test_an_event_that_cannot_be_taken_halts_its_projection_alone(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAAAAPAA")
    with running(database, Tally(poison=frozenset("P")), Tally("other")) as engine:
        state = until(lambda: engine.state("main", "tally"), lambda now: now.state == "halted")
        assert (state.position, state.halted_because) == (5, "6 P: ValueError: what is P?")
        assert totals(database, state) == {"A": 15}
        assert state.lag_seconds > 0
        ledger.append("A")
        assert reaching(engine, 9, "other").state == "following"
        assert engine.state("main", "tally").position == 5
    with running(database, Tally()) as engine:  # mended, and started again
        state = reaching(engine, 9)
        assert (state.state, state.halted_because) == ("following", "")


def test_a_payload_that_does_not_fit_halts_without_telling_it(database: Database, ledger: Ledger) -> None:
    ledger.append("ReportFiled", "ThreatIssued")  # the payload is that of another type
    everything = ReadModel("everything", 1, None, frozenset({"ThreatIssued"}))
    with running(database, everything) as engine:
        state = until(lambda: engine.state("main", "everything"), lambda now: now.state == "halted")
    assert state.halted_because.startswith("2 ThreatIssued: ValidationError: type: ")
    assert "idlib" not in state.halted_because


def test_recovers_when_the_database_was_away(cluster: Cluster, database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    tally = Tally()
    with running(database, tally) as engine:
        reaching(engine, 1)
        cluster.admin.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        cluster.admin.execute(cut, (database.name,))
        end = time.monotonic() + PATIENCE
        while "main/tally" not in engine.troubles:
            assert time.monotonic() < end
            time.sleep(0.02)
        with pytest.raises(UnavailableError):
            engine.states("main")
        cluster.admin.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
        ledger.append("A")
        reaching(engine, 2)
        assert engine.troubles == {}
    assert tally.taken == 2


def test_stops_while_nothing_comes_through(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    with proxied(database.service_url) as proxy:
        engine = Engine(Databases.one(proxy.url), [Tally()])
        engine.start()
        reaching(engine, 1)
        proxy.stalled.set()
        ledger.append("A")
        time.sleep(0.5)  # the thread is in a statement that nobody answers
        begun = time.monotonic()
        engine.stop()
        assert time.monotonic() - begun < 10


def test_a_follower_that_waits_in_vain_connects_again(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "STUCK_SECONDS", 1.0)
    monkeypatch.setattr(engine_module, "STATE_SECONDS", 1.0)
    ledger.append("A")
    with proxied(database.service_url) as proxy:
        engine, watching = (
            Engine(Databases.one(proxy.url), [Tally()]),
            Engine(Databases.one(database.service_url), [Tally()]),
        )
        engine.start()
        try:
            reaching(watching, 1)
            proxy.request.arm(b"commits")  # a connection that is cut in the middle is noticed at once
            ledger.append("A")
            reaching(watching, 2)
            proxy.stalled.set()
            end = time.monotonic() + PATIENCE
            while not engine.troubles:  # and one that is not is given up
                assert time.monotonic() < end
                time.sleep(0.05)
            proxy.stalled.clear()
            ledger.append("A")
            reaching(watching, 3)
        finally:
            engine.stop()


def test_stops_at_once_while_it_has_much_to_do(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 5_000)
    with running(database, Tally()) as engine:
        until(lambda: engine.state("main", "tally"), lambda now: now.generation == 1)
        begun = time.monotonic()
        engine.stop()
        assert time.monotonic() - begun < 8
    assert [each.name for each in threading.enumerate() if each.name.startswith(("follow-", "ledgers"))] == []


# Rebuilding


def test_a_rebuild_equals_what_it_replaces(database: Database, ledger: Ledger) -> None:
    ledger.append("ReportFiled", *["TroopsKilled"] * 50)
    with running(database, CASUALTIES) as engine:
        before = reaching(engine, 51, "casualties")
        rebuild = engine.operations.rebuild("main", "casualties")
        rebuild.join()
        done = rebuild.progress
        assert (done.phase, done.generation, done.done, done.total) == (DONE, 2, 51, 51)
        assert done.state_digest == done.replaced_digest == before.state_digest
        after = engine.state("main", "casualties")
        assert (after.generation, after.state_digest, after.rebuild) == (2, before.state_digest, None)
        ledger.append("TroopsKilled")
        assert reaching(engine, 52, "casualties").generation == 2


def test_a_rebuild_mends_and_tells_a_difference(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as engine:
        state = reaching(engine, 2)
        with psycopg.connect(database.service_url) as connection:
            connection.execute("UPDATE ledger_main_tally_g1.tally SET total = 7 WHERE type = 'A'")
        rebuild = engine.operations.rebuild("main", "tally")
        rebuild.join()
        assert rebuild.progress.phase == DONE
        assert rebuild.progress.state_digest == state.state_digest != rebuild.progress.replaced_digest
        assert totals(database, engine.state("main", "tally")) == {"A": 1, "B": 2}


def test_events_that_come_during_a_rebuild_are_in_it(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 10)
    tally = Tally(digest_pause=0.1)
    with running(database, tally) as engine:
        reaching(engine, 10)
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                ledger.append("B")

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            rebuild = engine.operations.rebuild("main", "tally")
            rebuild.join()
            assert rebuild.progress.phase == DONE, rebuild.progress
            assert rebuild.progress.state_digest == rebuild.progress.replaced_digest != ""
        stop.set()
        writer.join()
        state = reaching(engine, ledger.size)
        assert sum(totals(database, state).values()) == ledger.size * (ledger.size + 1) // 2
        assert state.generation == 4


def test_replaced_generations_are_dropped_after_a_while(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SWEEP_SECONDS", 0.1)
    ledger.append("A")
    with running(database, Tally()) as engine:
        reaching(engine, 1)
        for _ in range(3):
            engine.operations.rebuild("main", "tally").join()
        time.sleep(0.5)
        assert len(schemas(database)) == 4  # readers may have just looked them up
        with psycopg.connect(database.service_url) as connection:
            connection.execute(
                "UPDATE ledger_main_projections.generations SET retired_at = now() - interval '2 min'"
            )
        end = time.monotonic() + PATIENCE
        while schemas(database) != ["ledger_main_tally_g4"]:
            assert time.monotonic() < end, schemas(database)
            time.sleep(0.05)


def test_only_one_rebuild_of_a_projection_runs(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as engine:
        reaching(engine, 2)
        elsewhere = Rebuild(Databases.one(database.service_url), "main", Tally(), threading.Event())
        elsewhere.begin()
        assert engine.state("main", "tally").state == "rebuilding"
        with pytest.raises(NotPossibleError, match="being rebuilt already"):
            engine.operations.rebuild("main", "tally")
        assert elsewhere.run().phase == DONE
        rebuild = engine.operations.rebuild("main", "tally")
        rebuild.join()
        assert rebuild.progress.phase == DONE


def test_a_rebuild_that_fails_leaves_the_live_one_alone(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AP")
    tally = Tally()
    with running(database, tally) as engine:
        reaching(engine, 2)
        tally.poison = frozenset("P")
        rebuild = engine.operations.rebuild("main", "tally")
        rebuild.join()
        assert (rebuild.progress.phase, rebuild.progress.error) == (
            FAILED,
            "A fold cannot take an event: 2 P: ValueError: what is P?.",
        )
        assert schemas(database) == ["ledger_main_tally_g1"]
        tally.poison = frozenset()
        ledger.append("A")
        assert reaching(engine, 3).generation == 1


def test_a_rebuild_ends_a_halt(database: Database, ledger: Ledger) -> None:
    ledger.append(*"APA")
    tally = Tally(poison=frozenset("P"))
    with running(database, tally) as engine:
        until(lambda: engine.state("main", "tally"), lambda now: now.state == "halted")
        tally.poison = frozenset()
        rebuild = engine.operations.rebuild("main", "tally")
        rebuild.join()
        assert (rebuild.progress.phase, rebuild.progress.replaced_digest) == (DONE, "")
        assert engine.state("main", "tally").position == 3
        ledger.append("A")
        assert reaching(engine, 4).state == "following"


def test_a_new_version_is_built_at_start(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as engine:
        reaching(engine, 2)
    with running(database, Tally(version=2)) as engine:
        state = until(lambda: engine.state("main", "tally"), lambda now: now.version == 2)
        assert (state.generation, state.position) == (2, 2)


def test_progress_goes_through_the_phases(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as engine:
        reaching(engine, 2)
    rebuild = Rebuild(Databases.one(database.service_url), "main", Tally(), threading.Event())
    rebuild.begin()
    phases = []
    rebuild.run(lambda progress: phases.append(progress.phase))
    assert phases[-2:] == [COMPARING, DONE]
    assert set(phases) <= {REPLAYING, CATCHING_UP, COMPARING, DONE}
    with psycopg.connect(database.service_url) as connection:
        assert connection.execute("SELECT phase FROM ledger_main_projections.rebuilds").fetchall() == [(DONE,)]


def test_a_redaction_does_not_look_like_a_difference(database: Database, ledger: Ledger) -> None:
    ledger.append("ReportFiled", "TroopsKilled")
    with running(database, CASUALTIES) as engine:
        reaching(engine, 2, "casualties")
    with psycopg.connect(database.owner_url) as connection:
        redaction = record(
            3, "PayloadRedacted", "r1", target_event_id=str(event_id(2)), rule="privacy", reason="a name"
        )
        connection.execute(
            "INSERT INTO ledger_main.commits VALUES (2, 3, %s, %s)", (bytes(32), redaction.recorded_at)
        )
        values = "(%s, %s, %s, %s, %s, %s, %s, '', %s, '', %s)"
        connection.execute(f"INSERT INTO ledger_main.events VALUES {values}", event_row(redaction))
        connection.execute("SELECT ledger_main.redact(2, 3)")
    rebuild = Rebuild(Databases.one(database.service_url), "main", CASUALTIES, threading.Event())
    rebuild.begin()
    thread = threading.Thread(target=rebuild.run)
    thread.start()
    time.sleep(0.5)  # the live generation has the claim still, the new one has not
    assert rebuild.progress.phase != DONE
    with running(database, CASUALTIES) as engine:
        thread.join(PATIENCE)
        assert rebuild.progress.phase == DONE
        assert rebuild.progress.state_digest == rebuild.progress.replaced_digest
        assert engine.state("main", "casualties").position == 3


def test_unknown_names_are_told(database: Database) -> None:
    with running(database, Tally()) as engine:
        for call in (engine.state, engine.operations.rebuild):
            with pytest.raises(NotFoundError, match="projection 'nothing'"):
                call("main", "nothing")
            with pytest.raises(NotFoundError, match="ledger 'nowhere'"):
                call("nowhere", "tally")


# Reading


@pytest.fixture
async def read_side(database: Database) -> AsyncIterator[ReadSide]:
    async with read_pool(database.service_url) as pool:
        yield ReadSide(pool, [Tally()])


async def reach(engine: Engine, position: int) -> ProjectionState:
    return await asyncio.to_thread(reaching, engine, position)


async def test_an_answer_is_one_snapshot(database: Database, ledger: Ledger, read_side: ReadSide) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        await reach(engine, 1)
        async with read_side.answering("main", "tally") as answer:
            assert (answer.position, answer.taken, answer.generation, answer.stale_because) == (1, 1, 1, "")
            assert answer.recorded_at == EPOCH + timedelta(seconds=1)
            ledger.append("A")
            await reach(engine, 2)
            rows = await answer.connection.execute("SELECT total FROM tally")
            assert await rows.fetchall() == [(1,)]
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                async with answer.connection.transaction():
                    await answer.connection.execute("DELETE FROM tally")


async def test_an_answer_waits_for_its_position(database: Database, ledger: Ledger, read_side: ReadSide) -> None:
    with running(database, Tally()):
        for number in range(1, 6):
            position = await asyncio.to_thread(ledger.append, "A")
            async with read_side.answering("main", "tally", min_position=position, timeout=5) as answer:
                assert answer.position == number


@pytest.mark.parametrize("asked", [{"min_position": 9}, {"as_of": AsOf(position=9)}], ids=str)
async def test_a_position_that_is_not_reached_is_told(
    database: Database, ledger: Ledger, read_side: ReadSide, asked: dict[str, Any]
) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        await reach(engine, 1)
        begun = time.monotonic()
        with pytest.raises(PositionNotReachedError) as told:
            async with read_side.answering("main", "tally", timeout=2, **asked):
                pass
        assert told.value.values == {"reached": 1, "min_position": 9}
        assert 2 <= time.monotonic() - begun < 15


async def test_as_of_a_time_is_as_of_its_last_commit(
    database: Database, ledger: Ledger, read_side: ReadSide
) -> None:
    ledger.append(*"AA")
    ledger.append("A")
    with running(database, Tally()) as engine:
        await reach(engine, 3)
        for seconds, position in ((0, 0), (1, 0), (2, 2), (2.5, 2), (3, 3), (9, 3)):
            moment = AsOf(recorded_at=EPOCH + timedelta(seconds=seconds))
            async with read_side.answering("main", "tally", moment) as answer:
                assert answer.position == position
                assert answer.taken == 3
        async with read_side.answering("main", "tally", AsOf(position=2)) as answer:
            assert answer.basis().position == 2


async def test_questions_that_cannot_be_answered(database: Database, read_side: ReadSide) -> None:
    with pytest.raises(NotFoundError):
        async with read_side.answering("nowhere", "tally"):
            pass
    with pytest.raises(InvalidRequestError, match=r"as_of\.position"):
        async with read_side.answering("main", "tally", AsOf(position=-1)):
            pass
    with pytest.raises(UnavailableError, match="not built yet"):
        async with read_side.answering("main", "tally", timeout=2):
            pass


async def test_a_slow_answer_ends_with_its_deadline(
    database: Database, ledger: Ledger, read_side: ReadSide
) -> None:
    with running(database, Tally()) as engine:
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.generation == 1)
        begun = time.monotonic()
        with pytest.raises(DeadlineError):
            async with read_side.answering("main", "tally", timeout=0.5) as answer:
                await answer.connection.execute("SELECT pg_sleep(10)")
        assert time.monotonic() - begun < 3


async def test_answers_go_on_when_connections_were_cut(
    cluster: Cluster, database: Database, ledger: Ledger, read_side: ReadSide
) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        await reach(engine, 1)
        for _ in range(3):
            async with read_side.answering("main", "tally") as answer:
                assert answer.position == 1
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            cluster.admin.execute(cut, (database.name,))


async def test_a_question_ends_in_time_while_nothing_comes_through(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine, proxied(database.service_url) as proxy:
        await reach(engine, 1)
        async with read_pool(proxy.url) as pool:
            read_side = ReadSide(pool)
            async with read_side.answering("main", "tally"):
                pass
            proxy.stalled.set()
            begun = time.monotonic()
            with pytest.raises((DeadlineError, UnavailableError)):
                async with read_side.answering("main", "tally", timeout=0.5):
                    pass
            assert time.monotonic() - begun < 4
            proxy.stalled.clear()
            async with read_side.answering("main", "tally", timeout=15) as answer:
                assert answer.position == 1


async def test_a_new_version_answers_from_tables_that_it_says_it_can_read(
    database: Database, ledger: Ledger
) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as engine:
        await asyncio.to_thread(reaching, engine, 2)
    async with read_pool(database.service_url) as pool:
        newer = ReadSide(pool, [Tally(version=2, reads=frozenset({1}))])
        async with newer.answering("main", "tally", timeout=5) as answer:
            assert (answer.generation, answer.position) == (1, 2)


async def test_a_new_version_is_not_answered_from_old_tables(database: Database, ledger: Ledger) -> None:
    with running(database, Tally()) as engine:
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.generation == 1)
    async with read_pool(database.service_url) as pool:
        with pytest.raises(UnavailableError, match="new version"):
            async with ReadSide(pool, [Tally(version=2)]).answering("main", "tally", timeout=2):
                pass


async def test_readers_never_notice_a_swap(database: Database, ledger: Ledger, read_side: ReadSide) -> None:
    ledger.append(*"AB")
    catalogue = Catalogue("main")
    with running(database, Tally()) as engine:
        await reach(engine, 2)
        stop, answers = asyncio.Event(), 0

        async def read() -> None:
            nonlocal answers
            while not stop.is_set():
                async with read_side.answering("main", "tally") as answer:
                    await asyncio.sleep(0.002)
                    rows = await answer.connection.execute("SELECT sum(total) FROM tally")
                    assert await rows.fetchall() == [(3,)]
                    answers += 1

        readers = [asyncio.create_task(read()) for _ in range(4)]
        with psycopg.connect(database.service_url, autocommit=True) as connection:
            for _ in range(5):
                rebuild = await asyncio.to_thread(engine.operations.rebuild, "main", "tally")
                await asyncio.to_thread(rebuild.join)
                # At once, where an hour's grace would hide what happens without one.
                await asyncio.to_thread(catalogue.drop_retired, connection, "tally", 0)
        stop.set()
        await asyncio.gather(*readers)
        assert answers > 20


async def test_a_generation_is_not_dropped_under_a_reader(
    database: Database, ledger: Ledger, read_side: ReadSide
) -> None:
    ledger.append("A")
    catalogue = Catalogue("main")
    with running(database, Tally()) as engine, psycopg.connect(database.service_url, autocommit=True) as connection:
        await reach(engine, 1)
        async with read_side.answering("main", "tally") as answer:
            rebuild = await asyncio.to_thread(engine.operations.rebuild, "main", "tally")
            await asyncio.to_thread(rebuild.join)
            assert not catalogue.drop_retired(connection, "tally", 0)
            rows = await answer.connection.execute("SELECT total FROM tally")
            assert await rows.fetchall() == [(1,)]
        assert catalogue.drop_retired(connection, "tally", 0)
        assert schemas(database) == ["ledger_main_tally_g2"]
