"""Guards of ledgers that nobody has opened: each is looked at, none is opened for it, and none stands in another's
way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psycopg
import pytest

from ledger.api import regular
from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers
from ledger.api.regular import RegularCheckpoints
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.merkle import EMPTY_ROOT
from ledger.errors import NotContinuedError
from ledger.persistence import install
from ledger.persistence.durable import write_whole
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.signing import Signing
from tests.filing import append, report
from tests.postgres import Database
from tests.tampered import recording

pytestmark = pytest.mark.newest
NAMES = ("first", "second", "third")
SECONDS = 20


def issued_of(folder: Path, sizes: dict[str, int]) -> IssuedCheckpoints:
    issued = IssuedCheckpoints(folder)
    for name, size in sizes.items():
        root = EMPTY_ROOT if not size else bytes(32)
        with issued.locked(name) as file:
            write_whole(file, Checkpoint(f"somewhere/{name}", size, root).text() + "\n")
    return issued


async def test_all_are_looked_at_and_none_is_opened(database: Database, tmp_path: Path) -> None:
    for name in NAMES:
        install.create_ledger(database.service_url, name)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("REVOKE ALL ON ledger_first.commits FROM ledger_service")
    ledgers = Ledgers(database.service_url, issued=issued_of(tmp_path, {"first": 0, "second": 7, "third": 0}))
    for _ in range(2):
        await ledgers.look()
        assert ledgers.opened() == []
        assert ledgers.served() == {"ledger/second": False, "ledger/third": True}
    with pytest.raises(NotContinuedError, match="its checkpoint of 7 events"):
        ledgers.admit("second")
    with pytest.raises(NotContinuedError, match="its checkpoint of 7 events"):
        await ledgers.get("second")
    assert (await ledgers.get("third")).guard.refused is None
    await ledgers.close()


async def test_some_that_are_due_are_opened_at_the_start_whatever_is_wrong_with_others(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(regular, "MOST_OPENED", 2)
    with recording(database) as application:
        append(application, report("one"))
    for name in ("a", "z"):
        install.create_ledger(database.service_url, name)
    signing = Signing(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for name in ("a", "z"):
        (tmp_path / "checkpoints" / name).write_text("not a checkpoint")
    ledgers = Ledgers(database.service_url, issued=signing.issued)
    running = asyncio.create_task(
        RegularCheckpoints(ledgers, Checkpoints(ledgers, signing), signing.issued, 0.05).run()
    )
    end = time.monotonic() + SECONDS
    while signing.issued.last("main") is None:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    running.cancel()
    assert sorted(each.log.ledger for each in ledgers.opened()) == ["a", "main"]
    await ledgers.close()
    assert sum("ledger a is refused" in each.getMessage() for each in caplog.records) == 1
