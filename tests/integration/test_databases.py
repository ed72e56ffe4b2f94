"""Read models in another database than their ledgers, and processes that only read a hot standby."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from campaigns.proxy import proxied
from ledger.composition import LOOK_SECONDS
from ledger.errors import NotFoundError
from ledger.persistence import connecting
from ledger.persistence.install import create_ledger
from ledger.persistence.log import PAGE_BYTES
from projections.engine import Engine, ProjectionState, resuming
from projections.engine.answers import AsOf
from projections.engine.building import Build
from projections.engine.databases import Databases, source_of
from projections.engine.following import POLL_SECONDS
from projections.engine.freezing import Freeze
from projections.engine.projection import Parking
from projections.engine.reading import ReadSide, read_pool
from projections.engine.rebuilds import DONE
from tests.followed import Ledger, Tally, event_at, until
from tests.postgres import Cluster, Database
from tests.rebuilt import wait_until
from tests.served import serving

pytestmark = pytest.mark.newest


@pytest.fixture
def other(cluster: Cluster) -> Iterator[Database]:
    """A second database, with an empty ledger of the same name that nobody is to read."""
    with cluster.database() as made:
        yield made


@pytest.fixture
def databases(database: Database, other: Database) -> Databases:
    return Databases(database.service_url, other.service_url)


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    running = Engine(databases, [Tally(), Tally("second")])
    running.start()
    yield running
    running.stop()


def reaching(engine: Engine, position: int, ledger: str = "main") -> ProjectionState:
    return until(lambda: engine.state(ledger, "tally"), lambda state: state.position >= position)


def schemas(database: Database) -> list[str]:
    with psycopg.connect(database.service_url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ledger_main_%' ORDER BY 1")
        return [name for (name,) in found]


# Two databases


def test_follows_rebuilds_and_verifies_across_databases(
    database: Database, other: Database, engine: Engine
) -> None:
    ledger = Ledger(database)
    ledger.append(*"AAB" * 100)
    state = reaching(engine, 300)
    assert (state.state, state.head, state.lag_seconds) == ("following", 300, 0.0)
    assert schemas(database) == []
    assert "ledger_main_tally_g1" in schemas(other)
    rebuild = engine.operations.rebuild("main", "tally")
    rebuild.join()
    assert rebuild.progress.phase == DONE
    assert rebuild.progress.state_digest == rebuild.progress.replaced_digest == state.state_digest
    verification = engine.operations.verify("main", "tally")
    verification.join()
    assert verification.progress.phase == DONE
    ledger.append("B")
    assert reaching(engine, 301).generation == 2


def test_the_digest_is_that_of_one_database(database: Database, engine: Engine) -> None:
    Ledger(database).append(*"ABC" * 50)
    apart = reaching(engine, 150)
    together = Engine(Databases.one(database.service_url), [Tally()])
    together.start()
    try:
        assert reaching(together, 150).state_digest == apart.state_digest
    finally:
        together.stop()


def test_a_ledger_that_is_not_there_is_told(engine: Engine, other: Database) -> None:
    create_ledger(other.service_url, "elsewhere")
    with pytest.raises(NotFoundError):
        engine.states("elsewhere")
    with pytest.raises(NotFoundError):
        engine.operations.rebuild("elsewhere", "tally")


def test_large_events_are_fetched_in_pages(database: Database, databases: Databases) -> None:
    large = b" " * (PAGE_BYTES + 1)
    Ledger(database).write([replace(event_at(position, "A"), state=large) for position in range(1, 5)])
    tally, pages = Tally(), []
    tally.after_fold = lambda: pages.append(tally.taken)
    build = Freeze(databases, "main", tally, threading.Event(), 4)
    build.begin()
    assert build.run().phase == DONE
    assert pages == [1, 2, 3, 4]


def test_what_was_put_aside_is_taken_again_from_the_other_database(
    database: Database, databases: Databases
) -> None:
    tally = Tally(poison=frozenset("P"))
    engine = Engine(databases, [Parking(tally)])
    engine.start()
    try:
        Ledger(database).append(*"APA")
        assert reaching(engine, 3).parked == 1
        tally.poison = frozenset()
        assert engine.retry("main", "tally").taken == 1
        assert engine.state("main", "tally").parked == 0
    finally:
        engine.stop()


async def test_answers_tell_moments_of_the_other_database(
    database: Database, other: Database, engine: Engine
) -> None:
    ledger = Ledger(database)
    ledger.append(*"AB")
    reaching(engine, 2)
    async with read_pool(other.service_url) as pool, read_pool(database.service_url) as ledgers:
        side = ReadSide(pool, [Tally()], ledgers)
        async with side.answering("main", "tally", min_position=2) as answer:
            assert (answer.position, answer.stale_because) == (2, "")
            moment = answer.recorded_at
            assert moment is not None
        async with side.answering("main", "tally", AsOf(recorded_at=moment)) as answer:
            assert answer.position == 2
        with pytest.raises(NotFoundError):
            async with side.answering("nowhere", "tally"):
                pass


def test_no_connection_is_left_beside_a_broken_one(databases: Databases, other: Database) -> None:
    with databases.connect("broken") as connection, psycopg.connect(other.admin_url, autocommit=True) as admin:
        source = source_of(connection)
        assert source is not connection
        admin.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        assert connection.closed
    assert source.closed


def test_follows_again_when_the_ledgers_were_away(database: Database, other: Database) -> None:
    ledger = Ledger(database)
    ledger.append("A")
    with proxied(database.service_url) as proxy:
        engine = Engine(Databases(proxy.url, other.service_url), [Tally()])
        engine.start()
        try:
            reaching(engine, 1)
            proxy.cut()
            ledger.append("B")
            reaching(engine, 2)
        finally:
            engine.stop()


def test_a_rebuild_outlasts_the_ledgers_being_away(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Build, "batch", 10)
    monkeypatch.setattr(resuming, "LOOK_SECONDS", 0.1)
    Ledger(database).append(*"AB" * 50)
    with proxied(database.service_url) as proxy:
        tally, times = Tally(), iter(range(2))

        def cut_once() -> None:
            if next(times, 1) == 0:
                proxy.cut()

        engine = Engine(Databases(proxy.url, other.service_url), [tally])
        engine.start()
        try:
            reaching(engine, 100)
            tally.after_fold = cut_once
            rebuild = engine.operations.rebuild("main", "tally")
            rebuild.join()
            state = until(lambda: engine.state("main", "tally"), lambda now: now.generation == 2)
            assert (state.position, rebuild.progress.phase) == (100, DONE)
        finally:
            engine.stop()


async def test_a_long_answer_keeps_both_connections(
    database: Database, other: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(database).append(*"AB")
    await asyncio.to_thread(reaching, engine, 2)
    monkeypatch.setattr(connecting, "STATEMENT_SECONDS", 1)
    async with read_pool(other.service_url) as pool, read_pool(database.service_url) as ledgers:
        side = ReadSide(pool, [Tally()], ledgers)
        async with side.answering("main", "tally", timeout=20) as answer:
            await answer.connection.execute("SELECT pg_sleep(2.5)")
            found = await answer.ledger.execute("SELECT count(*) FROM ledger_main.events")
            assert await found.fetchone() == (2,)


@pytest.mark.newest
@pytest.mark.parametrize("role", ["all", "read", "write"])
def test_health_tells_that_the_read_models_are_away(database: Database, other: Database, role: str) -> None:
    with proxied(other.service_url) as proxy:
        environment = {
            "LEDGER_DATABASE_URL": database.service_url,
            "LEDGER_PROJECTIONS_DATABASE_URL": proxy.url,
        }
        with serving("--role", role, environment=environment) as service, service.channel() as channel:
            stub: Any = HealthStub(channel)

            def is_serving() -> bool:
                status = stub.Check(HealthCheckRequest(), timeout=5).status
                return bool(status == HealthCheckResponse.SERVING)

            assert is_serving()
            proxy.refusing.set()
            proxy.cut()
            if role == "write":  # which has no use for them
                time.sleep(3 * LOOK_SECONDS)
                assert is_serving()
                return
            wait_until(lambda: not is_serving())
            proxy.refusing.clear()
            wait_until(is_serving)


@pytest.mark.newest
def test_a_service_answers_alike_from_one_database_and_from_two(database: Database, other: Database) -> None:
    told = {}
    environments = {
        "apart": {
            "LEDGER_DATABASE_URL": database.service_url,
            "LEDGER_PROJECTIONS_DATABASE_URL": other.service_url,
        },
        "together": {"LEDGER_DATABASE_URL": database.service_url},
    }
    for name, environment in environments.items():
        with serving("--seed", environment=environment) as service:
            told[name] = [asked(service.address, *words) for words in QUESTIONS]
    assert told["apart"] == told["together"]
    assert schemas(other)[0].startswith("ledger_main_casualties")


QUESTIONS = (
    ("casualties", "--group-by", "party", "--outcome", "killed", "--min-position", "20"),
    ("claims", "--incident", "idlib-2020-02-10"),
    ("ceasefires", "sochi-memorandum"),
    ("threats", "--at", "2020-03-01"),
    ("casualties", "--as-of", "10"),
)


def asked(address: str, *words: str) -> Any:
    """What the command answers, without what differs between two generations."""
    command = [sys.executable, "-m", "ledger", "--address", address, "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    answer.get("basis", {}).pop("generation", None)
    return answer


def test_read_models_that_know_more_than_a_ledger_that_was_set_back_halt(
    database: Database, engine: Engine
) -> None:
    ledger = Ledger(database)
    ledger.append(*"AA")
    ledger.append(*"AA")
    reaching(engine, 4)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("SET search_path TO ledger_main")
        for table in ("events", "commits"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM events WHERE position > 2; DELETE FROM commits WHERE size_after > 2")
    state = until(lambda: engine.state("main", "tally"), lambda found: bool(found.halted_because))
    assert state.halted_because == "the ledger was set back to 2 events, and this read model holds 4; rebuild it"
    ledger.size = 2
    ledger.append(*"BBBB")  # which are other events than those that it has taken at their positions
    time.sleep(3 * POLL_SECONDS)
    assert engine.state("main", "tally").position == 4
    engine.operations.rebuild("main", "tally").join()
    assert reaching(engine, 6).halted_because == ""
