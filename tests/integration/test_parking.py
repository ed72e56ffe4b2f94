"""Events that a fold cannot take: they halt their projection or are put aside, and are taken again after a fix."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import psycopg
import pytest

from ledger.errors import DeadlineError, NotPossibleError
from projections.engine import Connection, Engine, Parking, ProjectionState, following
from projections.engine.batches import Batch
from projections.engine.databases import Databases
from projections.engine.folding import Folding
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import DONE
from tests.followed import Ledger, Tally, running, until
from tests.postgres import Cluster, Database

pytestmark = pytest.mark.newest


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@dataclass
class Watched(Tally):
    """Remembers what it took late, and can fail in other ways than by an event."""

    late: list[int] = field(default_factory=list)
    failure: Exception | None = None
    too_long: str = ""

    def create(self, connection: Connection, schema: str) -> None:
        super().create(connection, schema)
        connection.execute(f"CREATE TABLE {schema}.notes (note text PRIMARY KEY)")

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        if self.failure is not None:
            raise self.failure
        super().fold(connection, schema, batch, complete=complete)
        if batch.late:
            self.late += [each.position for each in batch.records(connection)]
        for each in batch.records(connection):
            if each.topic == self.too_long:
                long = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 2000) AS n"
                connection.execute(f"INSERT INTO {schema}.notes {long}")


def reaching(engine: Engine, position: int) -> ProjectionState:
    return until(lambda: engine.state("main", "tally"), lambda state: state.position >= position)


def halted(engine: Engine) -> ProjectionState:
    return until(lambda: engine.state("main", "tally"), lambda state: state.state == "halted")


def totals(database: Database, generation: int = 1) -> dict[str, int]:
    with psycopg.connect(database.service_url) as connection:
        return dict(connection.execute(f"SELECT type, total FROM ledger_main_tally_g{generation}.tally").fetchall())


def test_what_cannot_be_taken_is_put_aside_alone(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAAAAPAAPBAAA")
    with running(database, Parking(Tally(poison=frozenset("P")))) as engine:
        state = reaching(engine, 13)
        assert (state.state, state.parked, state.halted_because) == ("following", 2, "")
        assert totals(database) == {"A": sum((1, 2, 3, 4, 5, 7, 8, 11, 12, 13)), "B": 10}
        found = engine.parked("main", "tally", 0, 10)
        assert [(each.position, each.type, each.reason) for each in found] == [
            (6, "P", "ValueError: what is P?"),
            (9, "P", "ValueError: what is P?"),
        ]
        assert found[0].traceback_digest == found[1].traceback_digest != ""
        assert engine.parked("main", "tally", 6, 10) == found[1:]
        assert engine.parked("main", "tally", 0, 1) == found[:1]
        ledger.append(*"PA")
        assert reaching(engine, 15).parked == 3


def test_what_was_put_aside_is_taken_again_late_and_in_order(database: Database, ledger: Ledger) -> None:
    tally = Watched(poison=frozenset("PQ"))
    ledger.append(*"PAQAP")
    with running(database, Parking(tally)) as engine:
        assert reaching(engine, 5).parked == 3
        assert tally.late == []
        tally.poison = frozenset("Q")
        done = engine.retry("main", "tally")
        assert (done.taken, done.parked, done.halted_because) == (2, 1, "")
        assert tally.late == [1, 5]
        assert totals(database) == {"A": 6, "P": 6}
        tally.poison = frozenset()
        ledger.append("A")
        reaching(engine, 6)
        assert engine.retry("main", "tally").taken == 1
        assert engine.retry("main", "tally").taken == 0
        assert (tally.late, totals(database)) == ([1, 5, 3], {"A": 12, "P": 6, "Q": 3})
        assert engine.state("main", "tally").parked == 0


def test_what_still_cannot_be_taken_has_the_new_reason(database: Database, ledger: Ledger) -> None:
    tally = Watched(poison=frozenset("P"))
    ledger.append(*"AP")
    with running(database, Parking(tally)) as engine:
        reaching(engine, 2)
        (before,) = engine.parked("main", "tally", 0, 10)
        tally.failure = KeyError("idlib")
        assert engine.retry("main", "tally").parked == 1
        (after,) = engine.parked("main", "tally", 0, 10)
        assert (after.position, after.reason) == (2, "KeyError: …")
        assert after.traceback_digest != before.traceback_digest


def test_a_retry_works_beside_a_leader_in_another_process(database: Database, ledger: Ledger) -> None:
    ledger.append(*"P" * 5)
    leader, other = Watched(poison=frozenset("P")), Watched()
    with running(database, Parking(leader)) as engine:
        assert reaching(engine, 5).parked == 5
        with running(database, Parking(other)) as asked:
            stop = threading.Event()

            def write() -> None:
                while not stop.is_set():
                    ledger.append("A")

            writer = threading.Thread(target=write)
            writer.start()
            done = asked.retry("main", "tally")
            stop.set()
            writer.join()
            assert (done.taken, done.parked, other.late) == (5, 0, [1, 2, 3, 4, 5])
            assert reaching(engine, ledger.size).leader == engine.holder
            assert sum(totals(database).values()) == ledger.size * (ledger.size + 1) // 2


def test_a_retry_that_is_cut_short_goes_on_when_asked_again(database: Database, ledger: Ledger) -> None:
    tally = Watched(poison=frozenset("P"))
    ledger.append(*"P" * 6)
    with running(database, Parking(tally)) as engine:
        assert reaching(engine, 6).parked == 6
        tally.poison, tally.pause = frozenset(), 0.4
        with pytest.raises(DeadlineError, match="taken; ask again"):
            engine.retry("main", "tally", 1.0)
        tally.pause = 0.0
        left = engine.state("main", "tally").parked
        assert 0 < left < 6
        assert engine.retry("main", "tally").taken == left
        assert tally.late == [1, 2, 3, 4, 5, 6]


def test_a_halt_is_lifted_after_a_fix(database: Database, ledger: Ledger) -> None:
    tally = Tally(poison=frozenset("P"))
    ledger.append(*"APAPA")
    with running(database, tally) as engine:
        assert halted(engine).halted_because == "2 P: ValueError: what is P?"
        done = engine.retry("main", "tally")
        assert (done.taken, done.halted_because) == (0, "2 P: ValueError: what is P?")
        assert halted(engine).position == 1
        tally.poison = frozenset()
        assert engine.retry("main", "tally").halted_because == ""
        assert reaching(engine, 5).state == "following"
        assert totals(database) == {"A": 9, "P": 6}


def test_notices_are_heard_again_after_a_halt(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally(poison=frozenset("P"))
    ledger.append("P")
    with running(database, tally) as engine, psycopg.connect(database.service_url, autocommit=True) as connection:
        halted(engine)
        tally.poison = frozenset()
        assert engine.retry("main", "tally").taken == 1
        ledger.append("A")
        reaching(engine, 2)
        monkeypatch.setattr(following, "POLL_SECONDS", 10.0)
        time.sleep(0.5)
        ledger.append("A")
        begun = time.monotonic()
        connection.execute("SELECT pg_notify('ledger_main', '3')")
        reaching(engine, 3)
        assert time.monotonic() - begun < 4


def test_a_halt_is_lifted_by_a_process_that_does_not_lead(database: Database, ledger: Ledger) -> None:
    ledger.append(*"APA")
    with running(database, Tally(poison=frozenset("P"))) as engine:
        assert halted(engine).leader == engine.holder
        with running(database, Tally()) as mended:
            assert mended.retry("main", "tally").taken == 1
            assert reaching(engine, 3).leader == engine.holder


def test_a_restart_with_the_other_rule_parks_what_it_was_halted_at(database: Database, ledger: Ledger) -> None:
    ledger.append(*"APA")
    tally = Tally(poison=frozenset("P"))
    with running(database, tally) as engine:
        halted(engine)
    with running(database, Parking(tally)) as engine:
        assert (reaching(engine, 3).state, engine.state("main", "tally").parked) == ("following", 1)


def test_a_type_that_nobody_has_taught_the_fold_is_told_by_its_name(database: Database, ledger: Ledger) -> None:
    ledger.append("TroopsKilled", "TroopsTeleported", "TroopsKilled")
    poison = frozenset({"TroopsTeleported"})
    with running(database, Tally(poison=poison), Parking(Tally("parking", poison=poison))) as engine:
        assert halted(engine).halted_because == "2 TroopsTeleported: ValueError: what is TroopsTeleported?"
        until(lambda: engine.state("main", "parking"), lambda state: state.position == 3)
        assert [(each.position, each.type) for each in engine.parked("main", "parking", 0, 9)] == [
            (2, "TroopsTeleported")
        ]


def test_a_missing_position_is_never_put_aside(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AA")
    ledger.size = 3  # a commit that leaves position 3 out
    ledger.append(*"AA")
    with running(database, Parking(Tally())) as engine:
        state = halted(engine)
        assert (state.position, state.parked) == (2, 0)
        assert state.halted_because == "3: Position 3 is missing from the record: 4 follows instead."
        assert engine.retry("main", "tally").halted_because == state.halted_because


def test_a_database_that_is_away_is_no_event_s_fault(cluster: Cluster, database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    tally = Watched(pause=0.05)
    with running(database, Parking(tally)) as engine:
        reaching(engine, 1)
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        )
        for _ in range(20):
            ledger.append(*"AB")
            cluster.admin.execute(end, (database.name,))
        for failure in (psycopg.OperationalError("full"), psycopg.InterfaceError("gone"), MemoryError()):
            tally.failure = failure
            ledger.append("A")
            time.sleep(0.3)
        tally.failure = None
        assert reaching(engine, ledger.size).parked == 0
        assert sum(totals(database).values()) == ledger.size * (ledger.size + 1) // 2


def test_a_value_that_fits_into_no_index_is_the_event_s_fault(database: Database, ledger: Ledger) -> None:
    ledger.append(*"ALA")
    with running(database, Parking(Watched(too_long="L"))) as engine:
        assert reaching(engine, 3).parked == 1
        (event,) = engine.parked("main", "tally", 0, 9)
        assert event.reason.startswith("ProgramLimitExceeded: index row ")


def test_a_rebuild_keeps_to_the_same_rule(database: Database, ledger: Ledger) -> None:
    ledger.append(*"APAPA")
    tally = Watched(poison=frozenset("P"))
    with running(database, Parking(tally)) as engine:
        assert reaching(engine, 5).parked == 2
        rebuild = Rebuild(Databases.one(database.service_url), "main", Parking(tally), threading.Event())
        rebuild.begin()
        done = rebuild.run()
        assert (done.phase, done.state_digest) == (DONE, done.replaced_digest)
        state = engine.state("main", "tally")
        assert (state.generation, state.parked) == (2, 2)
        tally.poison = frozenset()
        assert engine.retry("main", "tally").taken == 2
        assert totals(database, 2) == {"A": 9, "P": 6}


def test_only_the_version_that_is_live_can_retry(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AP")
    with running(database, Parking(Tally(version=2, poison=frozenset("P")))) as engine:
        reaching(engine, 2)
        with (
            running(database, Parking(Tally())) as older,
            pytest.raises(NotPossibleError, match="version 2, and this"),
        ):
            older.retry("main", "tally")


def test_a_version_that_could_not_be_built_is_tried_again(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AP")
    with running(database, Tally()) as engine:
        reaching(engine, 2)
    newer = Tally(version=2, poison=frozenset("P"))
    with running(database, newer) as engine:
        assert halted(engine).halted_because.startswith("version 2: ")
        newer.poison = frozenset()
        assert engine.retry("main", "tally").halted_because == ""
        assert until(lambda: engine.state("main", "tally"), lambda state: state.version == 2).state == "following"


def test_batches_grow_again_after_a_poisoned_one(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 40, "P", *"A" * 200)
    tally = Tally(poison=frozenset("P"))
    folding = Folding("main", Parking(tally))
    with running(database, Tally("other")) as engine:
        until(lambda: engine.state("main", "other"), lambda state: state.position > 0)
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        folding.catalogue.ensure(connection, tally)
        steps = 0
        while True:
            with connection.transaction():
                live = folding.catalogue.lock(connection, "tally", wait=True)
                assert live is not None
                if folding.take(connection, live) == live.position:
                    break
            steps += 1
        assert live.position == 241
        assert steps < 20
