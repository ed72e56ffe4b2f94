"""Verification on a real database: what was changed by hand is found and named, and nothing else is touched."""

from __future__ import annotations

import random
import threading

import psycopg
import pytest

from ledger.errors import NotPossibleError
from projections.engine import Connection, Engine, ProjectionState, resuming
from projections.engine.databases import Databases
from projections.engine.digest import MOST_ROWS, RowDifference, TableDifference, differences, digest_of_schema
from projections.engine.rebuilds import CANCELLED, COMPARING, DONE, FAILED, INTERRUPTED
from projections.engine.running import RunningBuild
from projections.engine.verifying import Verdict, Verification
from projections.history import ReadModel
from tests.followed import PATIENCE, Ledger, Tally, running, until
from tests.postgres import Database
from tests.rebuilt import Slow, generations, wait_until

pytestmark = pytest.mark.newest

CASUALTIES = ReadModel("casualties", 1, None, frozenset({"TroopsKilled"}))


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def reaching(engine: Engine, position: int, name: str = "tally") -> ProjectionState:
    return until(lambda: engine.state("main", name), lambda state: state.position >= position)


def verdict_of(build: RunningBuild) -> Verdict:
    build.join()
    assert isinstance(build.build, Verification)
    assert build.build.verdict is not None, build.progress
    return build.build.verdict


def by_hand(database: Database, *statements: str) -> None:
    with psycopg.connect(database.service_url) as connection:
        for each in statements:
            connection.execute(each)


def test_a_live_generation_that_is_what_the_ledger_says(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAB")
    with running(database, Tally()) as engine:
        state = reaching(engine, 3)
        build = engine.operations.verify("main", "tally")
        found = verdict_of(build)
        assert found == Verdict("tally", 1, 3, state.state_digest, state.state_digest, ())
        assert found.equal
        assert (build.progress.phase, build.progress.compared_position) == (DONE, 3)
        after = engine.state("main", "tally")
        assert (after.generation, after.rebuild) == (1, None)
    assert generations(database) == {1: "live"}


def test_a_changed_a_missing_and_an_added_row_are_named(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AABC")
    with running(database, Tally()) as engine:
        state = reaching(engine, 4)
        by_hand(
            database,
            "UPDATE ledger_main_tally_g1.tally SET total = 7 WHERE type = 'A'",
            "DELETE FROM ledger_main_tally_g1.tally WHERE type = 'B'",
            "INSERT INTO ledger_main_tally_g1.tally VALUES ('D', 1)",
        )
        found = verdict_of(engine.operations.verify("main", "tally"))
        assert not found.equal
        assert found.replayed_digest == state.state_digest != found.state_digest
        rows = (
            RowDifference("type A", "changed"),
            RowDifference("type B", "missing"),
            RowDifference("type D", "added"),
        )
        assert found.differences == (TableDifference("tally", 3, rows),)
        # What is live stays as it is, until somebody rebuilds it.
        assert engine.state("main", "tally").state_digest == found.state_digest
        engine.operations.rebuild("main", "tally").join()
        assert verdict_of(engine.operations.verify("main", "tally")).equal


def test_one_changed_row_of_a_read_model_is_named_by_table_and_key(database: Database, ledger: Ledger) -> None:
    ledger.append("ReportFiled", *["TroopsKilled"] * 30)
    with running(database, CASUALTIES) as engine:
        reaching(engine, 31, "casualties")
        assert verdict_of(engine.operations.verify("main", "casualties")).equal
        by_hand(database, "UPDATE ledger_main_casualties_g1.claims SET incident_id = 'x' WHERE position = 17")
        with psycopg.connect(database.service_url) as connection:
            row = connection.execute(
                "SELECT event_id, held_from FROM ledger_main_casualties_g1.claims WHERE position = 17"
            ).fetchone()
        assert row is not None
        (found,) = verdict_of(engine.operations.verify("main", "casualties")).differences
        assert (found.table, found.rows) == ("claims", 1)
        assert found.shown == (RowDifference(f"event_id {row[0]}, held_from {row[1]}", "changed"),)


def test_it_finds_what_is_wrong_while_events_arrive(database: Database, ledger: Ledger) -> None:
    ledger.append(*"A" * 50)
    with running(database, Slow(seconds={"digest": 0.5})) as engine:
        reaching(engine, 50)
        by_hand(database, "INSERT INTO ledger_main_tally_g1.tally VALUES ('X', 1)")
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                ledger.append("B")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            build = engine.operations.verify("main", "tally")
            wait_until(lambda: build.progress.phase == COMPARING)
            seen = engine.states("main")[0].position
            wait_until(lambda: engine.states("main")[0].position > seen)
            found = verdict_of(build)
        finally:
            stop.set()
            writer.join()
    assert found.differences == (TableDifference("tally", 1, (RowDifference("type X", "added"),)),)
    assert found.position >= 50


def test_a_halted_one_is_compared_where_it_is(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAPA")
    with running(database, Tally(poison=frozenset("P"))) as engine:
        until(lambda: engine.state("main", "tally"), lambda state: state.state == "halted")
        found = verdict_of(engine.operations.verify("main", "tally"))
        assert (found.equal, found.position) == (True, 2)
        assert engine.state("main", "tally").state == "halted"


def test_a_halt_before_a_redaction_is_told(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAPA")
    with running(database, Tally(poison=frozenset("P"))) as engine:
        until(lambda: engine.state("main", "tally"), lambda state: state.state == "halted")
        redact(database, 1, 4)
        build = engine.operations.verify("main", "tally")
        build.join()
        assert build.progress.phase == FAILED
        assert "is halted at 2, before a redaction" in build.progress.error


def redact(database: Database, target: int, act: int) -> None:
    """A redaction, as the ledger notes it."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger_main.redactions DISABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO ledger_main.redactions (target_position, act_position) VALUES (%s, %s)", (target, act)
        )


def test_what_is_rebuilt_or_of_another_version_is_not_verified(database: Database, ledger: Ledger) -> None:
    ledger.append("A")
    tally = Slow()
    with running(database, tally) as engine:
        reaching(engine, 1)
        tally.seconds = {"digest": 30}
        rebuild = engine.operations.rebuild("main", "tally")
        with pytest.raises(NotPossibleError, match="being rebuilt already"):
            engine.operations.verify("main", "tally")
        engine.operations.cancel_rebuild("main", "tally", PATIENCE)
        rebuild.join()
        older = Engine(Databases.one(database.service_url), [Tally(version=0)])
        with pytest.raises(NotPossibleError, match="is served by version 1"):
            older.operations.verify("main", "tally")
    assert generations(database) == {1: "live"}


def test_a_verification_is_cancelled_and_one_that_died_is_cleared(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "LOOK_SECONDS", 0.1)
    ledger.append("A")
    tally = Slow()
    with running(database, tally) as engine:
        reaching(engine, 1)
        tally.seconds = {"digest": 30}
        build = engine.operations.verify("main", "tally")
        wait_until(lambda: build.progress.phase == COMPARING)
        engine.operations.cancel_rebuild("main", "tally", PATIENCE)
        build.join()
        assert build.progress.phase == CANCELLED
        dying = Verification(Databases.one(database.service_url), "main", Tally(), threading.Event())
        dying.begin()
        assert generations(database) == {1: "live", 3: "building"}
        dying._connection.close()
        wait_until(lambda: generations(database) == {1: "live"})
        with psycopg.connect(database.service_url) as connection:
            row = connection.execute("SELECT phase, error FROM ledger_main_projections.rebuilds").fetchone()
        assert row == (FAILED, "its process has ended")


def test_a_verification_begins_anew_and_not_on_what_another_one_left(database: Database, ledger: Ledger) -> None:
    ledger.append(*"AAB")
    with running(database, Tally()) as engine:
        reaching(engine, 3)
    stopping, tally = threading.Event(), Tally()
    tally.after_fold = stopping.set
    ending = Verification(Databases.one(database.service_url), "main", tally, stopping)
    ending.begin()
    assert ending.run().phase == INTERRUPTED
    by_hand(database, "UPDATE ledger_main_tally_g2.tally SET total = 7 WHERE type = 'A'")
    again = Verification(Databases.one(database.service_url), "main", Tally(), threading.Event())
    again.begin()
    assert (again.progress.generation, again.progress.resumed_from) == (3, 0)
    again.run()
    assert again.verdict is not None
    assert again.verdict.equal
    assert generations(database) == {1: "live"}


# Digests


@pytest.fixture
def schemas(database: Database) -> Connection:
    """Two schemas with an equal table, which has no key."""
    connection = psycopg.connect(database.service_url)
    for name in ("one", "other"):
        connection.execute(f"CREATE SCHEMA {name}")
        connection.execute(
            f"CREATE TABLE {name}.t (n bigint, f float8, at timestamptz, words text[], body jsonb, raw bytea)"
        )
    return connection


def fill(connection: Connection, schema: str, numbers: list[int]) -> None:
    for each in numbers:
        connection.execute(
            f"""INSERT INTO {schema}.t
                VALUES (%s, 0.1, '2020-02-12 10:00:00.5Z', '{{a,b}}', to_jsonb(%s::bigint), '\\x00ff')""",
            (each, each),
        )


def test_a_digest_depends_on_no_setting_and_no_order(schemas: Connection) -> None:
    numbers = list(range(200))
    for name in ("one", "other"):
        random.Random(name).shuffle(numbers)
        fill(schemas, name, numbers)
    schemas.execute("UPDATE one.t SET words = '{ä}'")
    schemas.execute("UPDATE other.t SET words = '{ä}'")
    before = digest_of_schema(schemas, "one")
    schemas.commit()
    for setting in (
        "timezone = 'Asia/Damascus'",
        "datestyle = 'German'",
        "extra_float_digits = -5",
        "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'",
    ):
        schemas.execute(f"SET {setting}")
    assert digest_of_schema(schemas, "one") == digest_of_schema(schemas, "other") == before
    assert differences(schemas, "one", "other") == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE other.t SET n = n + 4294967296 WHERE n = 1",
        "UPDATE other.t SET n = 3 - n WHERE n IN (1, 2)",  # values change places; no more and no fewer of them
        "UPDATE other.t SET n = NULL WHERE n = 0",
        "UPDATE other.t SET words = '{b,a}' WHERE n = 1",
        "UPDATE other.t SET words = '{}' WHERE n = 1",
        "UPDATE other.t SET f = f + 1e-16 WHERE n = 1",
        "UPDATE other.t SET at = at + interval '1 microsecond' WHERE n = 1",
        "DELETE FROM other.t WHERE n = 1",
        "INSERT INTO other.t SELECT * FROM other.t WHERE n = 1",
        "CREATE TABLE other.u ()",
    ],
)
def test_any_change_gives_another_digest_and_is_told(schemas: Connection, change: str) -> None:
    for name in ("one", "other"):
        fill(schemas, name, list(range(5)))
    assert digest_of_schema(schemas, "one") == digest_of_schema(schemas, "other")
    schemas.execute(change)
    assert digest_of_schema(schemas, "one") != digest_of_schema(schemas, "other")
    (found,) = differences(schemas, "one", "other")
    assert found.shown


def test_of_many_differences_some_are_told_and_all_are_counted(schemas: Connection) -> None:
    schemas.execute(
        "INSERT INTO one.t (n, body) SELECT n, to_jsonb(repeat('x', 1000)) FROM generate_series(1, 500) AS n"
    )
    (found,) = differences(schemas, "one", "other")
    assert (found.table, found.rows, len(found.shown)) == ("t", 500, MOST_ROWS)
    assert {(each.kind, len(each.row)) for each in found.shown} == {("added", 200)}
