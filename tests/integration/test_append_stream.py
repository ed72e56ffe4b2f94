"""What is left of an append stream when its client goes away in the middle."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from incident.ledger.v1 import ledger_service_pb2
from ledger.api.append_stream import MAX_BATCHES_UNDER_WAY, AppendStream
from ledger.api.appending import Appending
from ledger.api.ledgers import Ledgers
from ledger.api.messages import report_to_proto
from ledger.persistence.records import AppendRequest
from tests.filing import report
from tests.postgres import Database


async def test_a_stream_that_is_cut_while_it_is_full_leaves_no_task(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    before = asyncio.all_tasks()
    answers = AppendStream(appending).outcomes(batches())
    asking = asyncio.ensure_future(anext(answers))
    await asyncio.sleep(0.3)
    assert MAX_BATCHES_UNDER_WAY <= read <= MAX_BATCHES_UNDER_WAY + 2, "it reads no further than its bound"
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == before
    await ledgers.close()
