"""The check in the background: it goes on where it was, keeps what it found until a whole pass finds nothing,
leaves a ledger to one process at a time, and asks the database for no more than it may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.api import audit_service, background
from ledger.api.audit_service import AuditServicer
from ledger.api.background import GIVE_WAY, BackgroundChecks
from ledger.errors import OverloadedError
from ledger.persistence import checking, install, passes
from ledger.persistence.check_states import NOTHING, CheckState, CheckStates
from ledger.persistence.checking import Check, Memo
from ledger.persistence.connecting import connect
from ledger.persistence.log import Connection
from ledger.persistence.passes import Pass
from tests.filing import append, redaction, report
from tests.integration.test_audit_service import tampered
from tests.postgres import Database
from tests.tampered import LEDGER, NOW, recording

pytestmark = pytest.mark.newest
EVENTS = 8
CHANGED = "UPDATE events SET payload = payload || ' ' WHERE position = 8"
CHANGED_BACK = "UPDATE events SET payload = substring(payload FOR length(payload) - 1) WHERE position = 8"


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """To a ledger of eight events, one of which is redacted by the last but one."""
    with recording(database) as application:
        target = append(application, report("one")).events[-1].event_id
        append(application, report("two"))
        append(application, report("three", redaction(target)))
        append(application, report("four"))
    with psycopg.connect(database.service_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def states(tmp_path: Path) -> CheckStates:
    return CheckStates(tmp_path)


def begun(connection: Connection, states: CheckStates) -> Pass:
    run = Pass(connection, LEDGER, states)
    assert run.begin()
    return run


def passed(connection: Connection, states: CheckStates) -> CheckState:
    """After a whole pass, or what it found."""
    run = begun(connection, states)
    while not run.done:
        run.further(2, NOW)
    run.end()
    return states.state(LEDGER)


def test_what_was_found_stands_until_a_whole_pass_finds_nothing(
    connection: Connection,
    database: Database,
    states: CheckStates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passes, "KEEP_SECONDS", 0.0)
    clean = passed(connection, states)
    assert (clean.completed_size, clean.completed_at, clean.finding) == (EVENTS, NOW, "")
    tampered(database, CHANGED)
    found = passed(connection, states)
    assert (found.finding_position, found.found_at, found.completed_size) == (EVENTS, NOW, EVENTS)
    assert "its payload is not the one" in found.finding
    tampered(database, CHANGED_BACK)
    run = begun(connection, CheckStates(tmp_path))  # as after a restart
    assert run.further(EVENTS - 1, NOW) == EVENTS - 1  # from the beginning
    assert states.findings() == {LEDGER: found.finding}
    run.further(EVENTS, NOW)
    assert (run.done, states.findings()) == (True, {})
    assert states.state(LEDGER).completed_size == EVENTS


def test_a_restart_goes_on_where_it_was(
    connection: Connection, database: Database, states: CheckStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "KEEP_SECONDS", 0.0)
    for reached in (3, 7):  # in the middle of commits, before and after the redaction is read
        states.keep(LEDGER, NOTHING)
        begun(connection, states).further(reached, NOW)
        assert states.state(LEDGER).verified == reached
        run = begun(connection, states)
        assert run.further(EVENTS, NOW) == EVENTS - reached
        assert (run.done, states.state(LEDGER).finding) == (True, "")
    with monkeypatch.context() as patched:
        patched.setattr(checking, "MAX_REMEMBERED", 0)
        begun(connection, states).further(7, NOW)
        assert states.state(LEDGER).memo is None  # too much to keep: it begins anew
    states.keep(LEDGER, NOTHING)
    begun(connection, states).further(3, NOW)
    tampered(database, "UPDATE events SET leaf = sha256(leaf) WHERE position = 1")
    run = begun(connection, states)
    run.further(EVENTS, NOW)
    assert "position 1: its leaf is not" in states.state(LEDGER).finding
    tampered(database, "DELETE FROM events; DELETE FROM commits")
    states.keep(
        LEDGER, CheckState(memo=Memo(size=5, root="00", committed=4, gone={}, acts={}))
    )  # of what was there
    assert passed(connection, states).completed_size == 0


def test_one_process_at_a_time_checks_a_ledger(
    connection: Connection, database: Database, states: CheckStates
) -> None:
    run = begun(connection, states)
    with psycopg.connect(database.service_url, autocommit=True) as another:
        waiting = Pass(another, LEDGER, states)
        assert (waiting.begin(), waiting.done) == (False, True)
        run.end()
        assert Pass(another, LEDGER, states).begin()


def test_what_cannot_be_read_is_a_finding_and_a_database_that_is_away_is_none(
    connection: Connection, database: Database, states: CheckStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = begun(connection, states)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        away.further(2, NOW)
    assert states.state(LEDGER) == NOTHING
    tampered(database, "DROP TABLE tiles")
    with psycopg.connect(database.service_url, autocommit=True) as again:
        assert "cannot be read" in passed(again, states).finding
        with monkeypatch.context() as patched:
            patched.setattr(Check, "further", impossible)
            assert "cannot be read: unheard of" in passed(again, states).finding


def impossible(*arguments: Any) -> None:
    raise ValueError("unheard of")


async def test_no_more_is_read_than_may_be_and_less_while_the_database_is_slow(
    connection: Connection, database: Database, states: CheckStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = BackgroundChecks(database.service_url, states, events_per_second=20)
    began = time.monotonic()
    await checks.round()
    assert time.monotonic() - began >= EVENTS / 20
    assert (checks.state(LEDGER).completed_size, checks.sound()) == (EVENTS, True)
    further = Pass.further

    def slow(*arguments: Any) -> int:
        time.sleep(0.1)
        return further(*arguments)

    monkeypatch.setattr(Pass, "further", slow)
    began = time.monotonic()
    await BackgroundChecks(database.service_url, states, events_per_second=1_000_000).round()
    assert time.monotonic() - began >= 0.1 * (1 + GIVE_WAY)
    off = BackgroundChecks("postgresql://nowhere.invalid", states, events_per_second=0)
    await off.run()  # which ends
    assert (off.enabled, off.state(LEDGER).completed_size) == (False, EVENTS)


async def test_a_ledger_that_is_not_answered_in_time_keeps_no_other_from_being_checked(
    connection: Connection, database: Database, states: CheckStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "connect", lambda url, purpose: connect(url, purpose, 1))
    install.create_ledger(database.service_url, "first")
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("LOCK TABLE ledger_first.commits")
        with pytest.raises(psycopg.errors.QueryCanceled):
            await BackgroundChecks(database.service_url, states, 1_000).round()
    assert states.state(LEDGER).completed_size == EVENTS
    assert states.state("first") == NOTHING
    await BackgroundChecks(database.service_url, states, 1_000).round()
    assert states.state("first").completed_at is not None


def test_a_folder_that_cannot_be_used_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "checks").write_text("not a folder")
    states, found = CheckStates(tmp_path), CheckState(finding="something")
    states.keep(LEDGER, found)
    assert (states.state(LEDGER), states.findings()) == (found, {LEDGER: "something"})
    (tmp_path / "checks").unlink()
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "main.json").write_text("{")
    assert CheckStates(tmp_path).state(LEDGER) == NOTHING


def test_only_so_many_checks_are_asked_for_at_once() -> None:
    servicer: Any = AuditServicer(None, None, None)  # type: ignore[arg-type]
    rooms = [servicer._room() for _ in range(audit_service.MAX_CHECKS)]
    for room in rooms:
        room.__enter__()
    with pytest.raises(OverloadedError) as refused, servicer._room():
        pass
    assert refused.value.values["retry_seconds"] > 0
    rooms[0].__exit__(None, None, None)
    with servicer._room():
        pass
