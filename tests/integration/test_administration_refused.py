"""The administrative record where it cannot be written: told once, tried again now and then, and never an error of
what was done."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path
from uuid import uuid4

import pytest

from ledger import administration as administering
from ledger.administration import Administration
from ledger.audit.checkpoints import Checkpoint
from ledger.domain.administration import ADMINISTRATION, RebuildEnded
from ledger.persistence import install
from ledger.persistence.durable import write_whole
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.recorder import LedgerRecorder
from ledger.persistence.records import Appended, AppendRequest, NewEvent
from tests.postgres import Database

pytestmark = pytest.mark.newest
ENDED = RebuildEnded.of(
    ledger="main",
    projection="threats",
    operation="rebuild",
    generation=1,
    result="done",
    ended_at="2026-11-27T12:00:00Z",
)


def test_what_is_tried_again_by_itself_is_not_tried_all_the_time(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[LedgerRecorder] = []

    class Counted(LedgerRecorder):
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)  # type: ignore[arg-type]
            opened.append(self)

    monkeypatch.setattr(administering, "LedgerRecorder", Counted)
    install.create_ledger(database.service_url, ADMINISTRATION)
    issued = IssuedCheckpoints(tmp_path)
    with issued.locked(ADMINISTRATION) as file:
        write_whole(file, Checkpoint(f"somewhere/{ADMINISTRATION}", 7, b"\1" * 32).text() + "\n")
    administration = Administration(database.service_url, issued=issued)
    for _ in range(3):
        assert not administration.rebuilds_ended("main", [ENDED])
    assert len(opened) == 1
    assert not administration.created("main")  # somebody asked for it, now
    assert len(opened) == 2
    told = [record.getMessage() for record in caplog.records]
    assert [each.split(":")[0] for each in told] == [
        "ledger administration is refused",
        "ledgers/main",
    ]
    file.unlink()
    monkeypatch.setattr(time, "monotonic", lambda later=time.monotonic: later() + administering.AGAIN_SECONDS)
    assert administration.rebuilds_ended("main", [ENDED])


def test_what_a_newer_program_recorded_stops_nothing_but_the_recording(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    administration = Administration(database.service_url)
    assert administration.begin()
    recorder = LedgerRecorder(ADMINISTRATION, database.service_url)
    answer: Future[Appended] = Future()
    event = NewEvent("ledgers/main", "LedgerArchived", uuid4(), b'{"ledger":"main"}')
    recorder.lane.submit(AppendRequest("", (event,), time.monotonic() + 10, answer=answer))
    answer.result(10)
    recorder.close()
    assert not administration.begin()
    assert "ledgers/main: not in the administrative record: 'LedgerArchived'" in caplog.text
    assert administration.created("another")
