"""One leader for each projection among many processes: taken over when it dies, and never two at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest

from campaigns.proxy import proxied
from ledger.persistence.install import create_ledger
from projections.engine import Engine, ProjectionState, leading, leases
from projections.engine import engine as engine_module
from projections.engine.databases import Databases
from projections.engine.leases import Leases, session_of
from projections.engine.reading import ReadSide, read_pool
from tests.followed import PATIENCE, Ledger, Tally, running, until
from tests.following_process import following
from tests.postgres import Database

pytestmark = pytest.mark.newest

TAKEN_OVER_SECONDS = leases.LEASE_SECONDS + 4.0
"""A lease, a look, the end of the former session, and a busy machine."""


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def reaching(engine: Engine, position: int) -> ProjectionState:
    return until(lambda: engine.state("main", "tally"), lambda state: state.position >= position)


def once(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def total(database: Database) -> int:
    with psycopg.connect(database.service_url) as connection:
        row = connection.execute("SELECT sum(total)::bigint FROM ledger_main_tally_g1.tally").fetchone()
        assert row is not None
        return int(row[0])


def epoch(database: Database) -> tuple[UUID, int]:
    with psycopg.connect(database.service_url) as connection:
        row = connection.execute("SELECT holder, epoch FROM ledger_main_projections.leaders").fetchone()
        assert row is not None
        return row[0], row[1]


def triangle(size: int) -> int:
    return size * (size + 1) // 2


def test_one_process_leads_and_says_so(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        assert reaching(engine, 1).leader == engine.holder
        with running(database, Tally()) as other:
            assert other.state("main", "tally").leader == engine.holder != other.holder
    with running(database, Tally()) as later:
        assert (
            until(lambda: later.state("main", "tally"), lambda now: now.leader is not None).leader == later.holder
        )


def test_a_leader_that_is_stopped_in_the_middle_of_a_batch_is_taken_over(
    database: Database, ledger: Ledger
) -> None:
    ledger.append(*"AAA")
    with following(database.service_url, linger_at=5, linger_seconds=6.0) as stopped:
        stopped.wait_for(3)
        ledger.append(*"AA")
        stopped.wait_for(5)
        stopped.process.send_signal(signal.SIGSTOP)  # its transaction is open, and the projection locked
        begun = time.monotonic()
        with running(database, Tally()) as engine:
            state = reaching(engine, 5)
            assert time.monotonic() - begun < TAKEN_OVER_SECONDS
            assert state.leader == engine.holder
            ledger.append("A")
            reaching(engine, 6)
            stopped.process.send_signal(signal.SIGCONT)
            time.sleep(2.5)  # its batch ends, and it would commit
            ledger.append("A")
            reaching(engine, 7)
            assert total(database) == triangle(7)
            assert epoch(database) == (engine.holder, 2)
        ledger.append("A")
        stopped.wait_for(8)  # and it leads again when the other one has left
        assert epoch(database)[1] == 3


def test_a_leader_that_is_killed_is_taken_over(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAA")
    with following(database.service_url, linger_at=3, linger_seconds=60.0) as killed:
        killed.wait_for(3)
        with running(database, Tally()) as engine:
            time.sleep(0.5)
            killed.process.send_signal(signal.SIGKILL)
            begun = time.monotonic()
            reaching(engine, 3)
            assert time.monotonic() - begun < TAKEN_OVER_SECONDS
            assert total(database) == triangle(3)


def test_a_leader_that_nothing_comes_through_to_is_taken_over(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    with proxied(database.service_url) as proxy:
        cut_off, engine = (
            Engine(Databases.one(proxy.url), [Tally(pause=1.0)]),
            Engine(Databases.one(database.service_url), [Tally()]),
        )
        cut_off.start()
        try:
            reaching(cut_off, 1)
            engine.start()
            ledger.append("A")
            time.sleep(0.5)  # it is in the middle of the batch
            proxy.stalled.set()
            begun = time.monotonic()
            reaching(engine, 2)
            assert time.monotonic() - begun < TAKEN_OVER_SECONDS
            proxy.stalled.clear()
            for _ in range(5):
                ledger.append("A")
                time.sleep(0.1)
            assert reaching(engine, 7).leader == engine.holder
            assert total(database) == triangle(7)
            assert epoch(database) == (engine.holder, 2)
        finally:
            proxy.stalled.clear()
            engine.stop()
            cut_off.stop()


def test_a_leader_alone_recovers_from_connections_that_are_forgotten(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading, "QUIET_SECONDS", 1.0)
    ledger.append("A")
    with proxied(database.service_url) as proxy:
        engine, watching = (
            Engine(Databases.one(proxy.url), [Tally()]),
            Engine(Databases.one(database.service_url), [Tally()]),
        )
        engine.start()
        try:
            reaching(watching, 1)
            proxy.deafen()  # what was connected hears nothing any more; new connections work
            ledger.append("A")
            begun = time.monotonic()
            reaching(watching, 2)
            assert time.monotonic() - begun < 10
        finally:
            proxy.cut(deaf=True)
            engine.stop()


def test_a_leader_that_can_only_renew_its_leases_gives_them_back(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    with proxied(database.service_url) as proxy:
        hampered, engine = (
            Engine(Databases.one(proxy.url), [Tally()]),
            Engine(Databases.one(database.service_url), [Tally()]),
        )
        hampered.start()
        try:
            reaching(hampered, 1)
            engine.start()
            proxy.refusing.set()
            proxy.request.arm(
                b"FOR UPDATE SKIP LOCKED"
            )  # where it locks the projection; its other connections stay
            ledger.append("A")
            begun = time.monotonic()
            reaching(engine, 2)
            assert time.monotonic() - begun < leases.LEASE_SECONDS - leading.RENEW_SECONDS
            proxy.refusing.clear()
            ledger.append("A")
            assert reaching(engine, 3).leader == engine.holder
            once(lambda: not hampered.troubles)
            assert total(database) == triangle(3)
        finally:
            proxy.refusing.clear()
            engine.stop()
            hampered.stop()


def test_leadership_stays_where_it_is(database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 2.0)
    with running(database, Tally()) as engine:
        ledger.append("A")
        reaching(engine, 1)
        with running(database, Tally()), running(database, Tally()):
            end = time.monotonic() + 4 * leases.LEASE_SECONDS
            while time.monotonic() < end:
                ledger.append("A")
                time.sleep(0.05)
                assert epoch(database) == (engine.holder, 1)
            reaching(engine, ledger.size)


def test_a_leader_that_stops_in_order_gives_its_lease_back(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    first = Engine(Databases.one(database.service_url), [Tally()])
    first.start()
    reaching(first, 1)
    with running(database, Tally()) as engine:
        time.sleep(0.5)
        first.stop()
        ledger.append("A")
        begun = time.monotonic()
        reaching(engine, 2)
        assert time.monotonic() - begun < leases.LEASE_SECONDS - leading.RENEW_SECONDS


def test_leadership_outlasts_followers_that_are_slow_to_stop(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_ledger(database.service_url, "brief")
    slow, stopped = threading.Event(), engine_module.Follower.stop

    def stop(follower: engine_module.Follower) -> None:
        slow.set()
        time.sleep(leases.LEASE_SECONDS + 1.0)
        stopped(follower)

    with running(database, Tally()) as engine:
        ledger.append("A")
        reaching(engine, 1)
        until(lambda: engine.state("brief", "tally"), lambda state: state.leader is not None)
        with running(database, Tally()), monkeypatch.context() as patched:
            patched.setattr(engine_module.Follower, "stop", stop)
            with psycopg.connect(database.owner_url) as connection:
                connection.execute("DROP SCHEMA ledger_brief CASCADE")
            assert slow.wait(PATIENCE)
            time.sleep(leases.LEASE_SECONDS + 2.0)
            assert epoch(database)[1] == 1
        assert epoch(database) == (engine.holder, 1)


def test_a_new_version_takes_over_from_the_old_program(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AB")
    with running(database, Tally()) as old:
        assert reaching(old, 2).leader == old.holder
        with running(database, Tally(version=2)) as new:
            state = until(
                lambda: new.state("main", "tally"), lambda now: now.version == 2 and now.leader == new.holder
            )
            ledger.append("A")
            assert reaching(new, 3).generation == state.generation == 2


async def test_every_process_answers_as_soon_as_the_leader_has_committed(
    database: Database, ledger: Ledger
) -> None:
    with running(database, Tally()) as leader:
        ledger.append("A")
        reaching(leader, 1)
        with running(database, Tally()) as other:
            async with read_pool(database.service_url) as pool:
                for position in range(2, 12):
                    ledger.append("A")
                    begun = time.monotonic()
                    async with ReadSide(pool, [Tally()]).answering(
                        "main", "tally", min_position=position
                    ) as answer:
                        assert answer.position >= position
                    assert time.monotonic() - begun < 1.0
            assert other.state("main", "tally").leader == leader.holder


def test_the_fence_knows_holder_epoch_and_session(database: Database, ledger: Ledger) -> None:
    with running(database, Tally()) as engine:
        until(lambda: engine.state("main", "tally"), lambda state: state.leader is not None)
    one, other = Leases("main", uuid4()), Leases("main", uuid4())
    with (
        psycopg.connect(database.service_url, autocommit=True) as mine,
        psycopg.connect(database.service_url, autocommit=True) as theirs,
    ):
        sessions = {"tally": session_of(mine)}
        (taken,) = one.take(theirs, sessions)
        assert one.leads(mine, "tally", taken.epoch)
        assert not one.leads(mine, "tally", taken.epoch - 1)
        assert not one.leads(theirs, "tally", taken.epoch)  # nobody could end this session
        assert not other.leads(mine, "tally", taken.epoch)
        assert other.take(theirs, {"tally": session_of(theirs)}) == []
        mine.execute("UPDATE ledger_main_projections.leaders SET expires_at = now()")
        assert one.leads(mine, "tally", taken.epoch)  # late, but nobody has taken it
        (over,) = other.take(theirs, {"tally": session_of(theirs)})
        assert (over.epoch, over.former) == (taken.epoch + 1, sessions["tally"])
        assert not one.leads(mine, "tally", taken.epoch)
        assert one.renew(mine, sessions) == {}


def test_what_leads_no_longer_writes_nothing_even_where_it_does_not_know_yet(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading, "RENEW_SECONDS", 60.0)
    ledger.append("A")
    tally = Tally()
    with running(database, tally) as engine, psycopg.connect(database.service_url, autocommit=True) as connection:
        reaching(engine, 1)
        connection.execute(
            """UPDATE ledger_main_projections.leaders
                  SET holder = gen_random_uuid(), epoch = epoch + 1, expires_at = now() + interval '1 min'"""
        )
        ledger.append("A")
        time.sleep(1.0)
        assert (engine.state("main", "tally").position, tally.taken) == (1, 1)


def test_a_session_that_only_has_the_same_number_is_left_alone(database: Database) -> None:
    with (
        psycopg.connect(database.service_url, autocommit=True) as mine,
        psycopg.connect(database.service_url, autocommit=True) as theirs,
    ):
        session = session_of(theirs)
        leases.end_session(mine, leases.Session(session.backend, session_of(mine).began))
        assert session_of(theirs) == session
        leases.end_session(mine, session)
        with pytest.raises(psycopg.OperationalError):
            theirs.execute("SELECT")
