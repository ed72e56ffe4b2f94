"""The rollback guard by itself: it refuses what does not continue what is known, nothing else, and forgets what an
operator has accepted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers
from ledger.api.regular import RegularCheckpoints
from ledger.audit.checkpoints import Checkpoint
from ledger.errors import CorruptionError, NotContinuedError, NotPossibleError
from ledger.persistence.guarding import Guard
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.signing import Signing
from tests.filing import append, report
from tests.integration.test_audit_defences import BACK_TO_TWO, CUT
from tests.integration.test_audit_service import SECONDS, tampered
from tests.postgres import Database
from tests.tampered import LEDGER, issue, recording

pytestmark = pytest.mark.newest


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with recording(database) as application:
        for name in ("one", "two"):
            append(application, report(name))
    with psycopg.connect(database.service_url, autocommit=True) as opened:
        yield opened


def test_what_was_accepted_counts_instead_of_what_was_known(
    connection: Connection, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issued = IssuedCheckpoints(tmp_path)
    guard = Guard(EventLog(LEDGER), issued)
    assert guard.tip(connection).size == 4
    tampered(database, BACK_TO_TWO)
    for _ in range(2):
        with pytest.raises(NotContinuedError, match="4 events that this process has seen"):
            guard.tip(connection)
    with pytest.raises(NotContinuedError):
        guard.admit()
    now = Guard(EventLog(LEDGER)).tip(connection)
    accepted = Checkpoint("somebody/main", now.size, now.tree.root())
    assert issued.accept(accepted, LEDGER, datetime(2026, 1, 2, tzinfo=UTC)) is None  # nothing was signed
    assert guard.tip(connection).size == 2
    guard.admit()
    assert issued.last(LEDGER) == accepted
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]  # each told once
    # What is accepted is that record and no other.
    tampered(database, "TRUNCATE events, commits CASCADE")
    with pytest.raises(NotContinuedError, match="its checkpoint of 2 events"):
        Guard(EventLog(LEDGER), issued).tip(connection)


def test_an_accepted_record_is_signed_and_continued(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    signing = Signing(tmp_path)
    note = issue(signing, database)
    tampered(database, BACK_TO_TWO)
    with pytest.raises(NotContinuedError):
        issue(signing, database)
    now = Guard(EventLog(LEDGER)).tip(connection)
    was = signing.issued.last(LEDGER)
    assert was is not None
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    evidence = signing.issued.accept(Checkpoint(was.origin, now.size, now.tree.root()), LEDGER, moment)
    assert evidence is not None
    assert (evidence.name, evidence.read_text()) == ("main.refused-20260102T030405Z", note)
    assert signing.issued.ledgers() == [LEDGER]
    assert "\n2\n" in issue(signing, database)


def test_what_cannot_be_read_of_what_was_signed_refuses_too(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / LEDGER
    file.write_text("not a checkpoint")
    guard = Guard(EventLog(LEDGER), IssuedCheckpoints(tmp_path))
    with pytest.raises(NotPossibleError, match="does not hold the last checkpoint"):
        guard.tip(connection)
    with pytest.raises(NotPossibleError, match=str(file)):
        guard.admit()
    file.unlink()
    guard.tip(connection)
    guard.admit()


def test_a_record_that_contradicts_itself_is_no_rollback_where_nothing_is_known_of_it(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    tampered(database, "UPDATE commits SET root = sha256(root)")
    guard = Guard(EventLog(LEDGER), IssuedCheckpoints(tmp_path))
    with pytest.raises(CorruptionError) as found:
        guard.tip(connection)
    assert not isinstance(found.value, NotContinuedError)
    guard.admit()


def test_looks_while_others_record_and_sign_refuse_nothing(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    done, looks = threading.Event(), list[int]()
    with recording(database) as application:
        guard = application.ledger_recorder.guard
        guard._issued = IssuedCheckpoints(tmp_path)

        def look() -> None:
            with psycopg.connect(database.service_url, autocommit=True) as other:
                while not done.is_set():
                    looks.append(guard.tip(other).size)

        looking = threading.Thread(target=look)
        looking.start()
        signing = Signing(tmp_path)
        for number in range(30):
            append(application, report(f"more-{number}"))
            if number % 5 == 0:
                issue(signing, database)
        done.set()
        looking.join()
    assert guard.refused is None
    assert looks == sorted(looks)
    assert looks[-1] > looks[0]


def test_a_lane_that_connects_again_takes_no_other_record_of_the_same_size(
    connection: Connection, database: Database
) -> None:
    with recording(database) as application:
        append(application, report("three"))
        tampered(database, "UPDATE commits SET root = sha256(root) WHERE size_after = 6")
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute(CUT)
        for _ in range(2):
            with pytest.raises(NotContinuedError, match="its root is another one"):
                append(application, report("four"))
    with psycopg.connect(database.service_url) as again:
        assert EventLog(LEDGER).head(again).size == 6


def test_a_lane_stops_once_others_have_found_out(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    with recording(database) as application:
        append(application, report("three"))
        guard = application.ledger_recorder.guard
        guard._issued = IssuedCheckpoints(tmp_path)
        elsewhere = Checkpoint("somebody/main", 100, bytes(32))  # signed by another process, of what was there
        guard._issued.accept(elsewhere, LEDGER, datetime(2026, 1, 2, tzinfo=UTC))
        with pytest.raises(NotContinuedError, match="its checkpoint of 100 events"):
            guard.tip(connection)
        with pytest.raises(NotContinuedError, match="its checkpoint of 100 events"):
            append(application, report("four"))
        (tmp_path / "checkpoints" / LEDGER).unlink()
        append(application, report("four"))


async def test_a_ledger_that_cannot_be_opened_leaves_nothing_running(database: Database, tmp_path: Path) -> None:
    ledgers, before = Ledgers(database.service_url, issued=IssuedCheckpoints(tmp_path)), threading.active_count()
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("REVOKE ALL ON ledger_main.commits FROM ledger_service")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await ledgers.get(LEDGER)
    assert ledgers.opened() == []
    await ledgers.close()
    assert threading.active_count() <= before


async def test_what_keeps_checkpoints_from_being_signed_is_told_once_and_again_when_it_changes(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with recording(database) as application:
        append(application, report("one"))
    signing = Signing(tmp_path, given="no key")
    ledgers = Ledgers(database.service_url, issued=signing.issued)
    regular = RegularCheckpoints(ledgers, Checkpoints(ledgers, signing), signing.issued, seconds=0.01)
    running = asyncio.create_task(regular.run())
    try:
        await asyncio.sleep(0.5)
        assert [each.message.count("holds no keys") for each in caplog.records] == [1]
        signing._given = None
        end = time.monotonic() + SECONDS
        while (last := signing.issued.last(LEDGER)) is None:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        assert last.size == 2
    finally:
        running.cancel()
        await ledgers.close()
    off = RegularCheckpoints(ledgers, Checkpoints(ledgers, signing), signing.issued, seconds=0)
    await off.run()  # which ends
