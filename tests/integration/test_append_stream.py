"""How far an append stream reads, and what is left of it when its client goes away in the middle."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from incident.ledger.v1 import ledger_service_pb2
from ledger.api import append_stream
from ledger.api.append_stream import MAX_BATCHES_UNDER_WAY, AppendStream
from ledger.api.appending import Appending
from ledger.api.ledgers import Ledgers
from ledger.api.messages import report_to_proto
from ledger.persistence.records import AppendRequest
from ledger.persistence.signing import Issued
from tests.filing import report
from tests.postgres import Database


@pytest.mark.parametrize("bound", ["batches", "bytes"])
async def test_a_stream_reads_no_further_than_its_bounds_and_leaves_no_task_when_cut(
    database: Database, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    most = MAX_BATCHES_UNDER_WAY
    if bound == "bytes":
        monkeypatch.setattr(append_stream, "MAX_BYTES_UNDER_WAY", 1)
        most = 1
    ledgers = Ledgers(database.service_url)
    appending = Appending(ledgers, await ledgers.get("main"), "observer")

    async def unanswered(requests: Sequence[AppendRequest]) -> None:
        """Takes requests and never records them."""

    monkeypatch.setattr(appending, "queue_when_room", unanswered)
    read = 0

    async def batches() -> AsyncIterator[ledger_service_pb2.AppendReportsRequest]:
        nonlocal read
        while True:
            read += 1
            each = ledger_service_pb2.AppendReportRequest(report=report_to_proto(report(f"r-{read}")))
            yield ledger_service_pb2.AppendReportsRequest(reports=[each])

    async def covering(size: int) -> Issued:
        raise AssertionError("nobody asked for a checkpoint")

    before = asyncio.all_tasks()
    answers = AppendStream(appending, covering).outcomes(batches())
    asking = asyncio.ensure_future(anext(answers))
    await asyncio.sleep(0.3)
    assert most <= read <= most + 2
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == before
    await ledgers.close()
