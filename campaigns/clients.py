"""Clients that file reports until each is acknowledged, whatever happens to the services meanwhile. A process of
its own: orders come as a line of standard input, and its end is theirs; answers go out as JSON lines."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from campaigns.deadlines import Deadline, Witness
from campaigns.traffic import Planned, Traffic
from incident.ledger.v1 import ledger_service_pb2, ledger_service_pb2_grpc, records_pb2

RETRIED = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED))
WRITE_FAILED = "Internal error from Core"
"""What gRPC's own client says, as INTERNAL, when a stream ends just as it writes: grpc/grpc#36066."""
CODES = {code.value[0]: code for code in grpc.StatusCode}
GIVE_UP_SECONDS = 120.0
"""A report that is not acknowledged in this time has failed."""
CALL_SECONDS = (1.0, 5.0)
STREAM_SHARE = 0.2
"""So many reports go by an append stream."""
HASTY_SHARE = 0.05
HASTY_SECONDS = 0.02
"""Now and then a client gives up so early that the commit often happens behind its back."""
AGAIN_SHARE = 0.05
TWICE_AT_ONCE_SHARE = 0.03
ALTERED_SHARE = 0.01
PAUSE_SECONDS = (0.02, 0.3)
REMEMBERED = 50
CHANNEL_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 400))

Stub = Any  # typed stubs know no asynchronous calls


@dataclass(frozen=True)
class Orders:
    """What one process of clients is to do."""

    addresses: tuple[str, ...]
    seed: int
    clients: tuple[int, ...]
    reports: int = 0
    """Of each client; 0 stands for as many as there is time for, until standard input ends."""
    pause: float = 0.0
    """Seconds between two reports of a client."""


class Client:
    """One client: files its reports one after the other."""

    def __init__(self, stubs: Sequence[Stub], witness: Witness, seed: int, number: int) -> None:
        self._stubs = stubs
        self._witness = witness
        self._random = random.Random(f"client {seed}/{number}")
        self._traffic = Traffic(seed, number)
        self._acknowledged: list[Planned] = []
        self._slowest = 0.0

    async def file(self, orders: Orders, ended: asyncio.Event) -> None:
        """Files reports, some of them more than once, and tries to pass off others under their ids."""
        filed = 0
        while filed < orders.reports if orders.reports else not ended.is_set():
            filed += 1
            await asyncio.sleep(orders.pause)
            planned = self._traffic.next()
            _write("sent", report_id=planned.report.report_id)
            roll = self._random.random()
            if roll < TWICE_AT_ONCE_SHARE:
                both = await asyncio.gather(*(self._deliver(planned, "twice", stub) for stub in self._stubs))
                receipt = both[0] or both[-1]
            else:
                receipt = await self._deliver(planned, "first")
            if receipt is None:
                continue
            self._traffic.acknowledged(planned, receipt)
            self._acknowledged = [*self._acknowledged[-REMEMBERED:], planned]
            if roll > 1 - AGAIN_SHARE:
                await self._deliver(self._random.choice(self._acknowledged), "again")
            elif roll > 1 - AGAIN_SHARE - ALTERED_SHARE:
                await self._pass_off(planned)

    async def _deliver(self, planned: Planned, kind: str, stub: Stub | None = None) -> records_pb2.Receipt | None:
        """Sends a report until it is acknowledged; every answer that is neither that nor a reason to try again is
        a fault, and written down as one."""
        request = ledger_service_pb2.AppendReportRequest(report=planned.report, expected=planned.expected)
        began, retried = time.monotonic(), dict[str, int]()
        while time.monotonic() - began < GIVE_UP_SECONDS:
            try:
                answer = await self._call(request, self._seconds(), stub)
            except grpc.aio.AioRpcError as error:
                if not _passing(error):
                    _refused(planned, error, retried)
                    return None
                retried[error.code().name] = retried.get(error.code().name, 0) + 1
                stub = None
                await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
            else:
                receipt: records_pb2.Receipt = answer.receipt
                _acknowledge(planned, kind, receipt, retried, (time.monotonic() - began, self._slowest))
                return receipt
        _write("fault", report_id=planned.report.report_id, what="never acknowledged", retried=retried)
        return None

    async def _call(
        self, request: ledger_service_pb2.AppendReportRequest, seconds: float, stub: Stub | None = None
    ) -> Any:
        """One call, whose end is compared with its deadline."""
        deadline, began = Deadline(seconds, time.monotonic, self._witness.wait), time.monotonic()
        try:
            stub = stub or self._random.choice(self._stubs)
            if self._random.random() < STREAM_SHARE:
                return await _streamed(stub, request, seconds)
            return await stub.AppendReport(request, timeout=seconds)
        finally:
            self._slowest = max(self._slowest, time.monotonic() - began)
            late, overrun = deadline.late(), deadline.overrun()
            if late:
                call = f"AppendReport of {request.report.report_id}"
                _write("late", call=call, seconds=seconds, late=late, overrun=overrun)

    def _seconds(self) -> float:
        return HASTY_SECONDS if self._random.random() < HASTY_SHARE else self._random.choice(CALL_SECONDS)

    async def _pass_off(self, planned: Planned) -> None:
        """Other content under a recorded id has to be refused, and not taken for a retry."""
        request = ledger_service_pb2.AppendReportRequest(report=self._traffic.altered(planned))
        while True:
            try:
                await self._call(request, self._seconds())
            except grpc.aio.AioRpcError as error:
                if _passing(error):
                    await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
                    continue
                if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                    _write("altered", report_id=planned.report.report_id)
                else:
                    _refused(planned, error, {})
            else:
                _write("fault", report_id=planned.report.report_id, what="altered content was acknowledged")
            return


async def _streamed(stub: Stub, request: ledger_service_pb2.AppendReportRequest, seconds: float) -> Any:
    """The outcome on a stream of this one report, as a call of its own would have it."""
    batch = ledger_service_pb2.AppendReportsRequest(reports=[request])
    try:
        answers = [answer async for answer in stub.AppendReports(iter([batch]), timeout=seconds)]
    except asyncio.CancelledError as error:
        # Where a connection breaks while it writes, the library cancels its own call and raises that in this task.
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        lost = grpc.StatusCode.UNAVAILABLE
        raise grpc.aio.AioRpcError(lost, grpc.aio.Metadata(), grpc.aio.Metadata(), details="cut") from error
    outcomes = [outcome for answer in answers for outcome in answer.outcomes]
    if len(outcomes) == 1 and outcomes[0].HasField("receipt"):
        return outcomes[0]
    code, message = grpc.StatusCode.INTERNAL, f"the stream brought {len(outcomes)} outcomes of one report"
    if len(outcomes) == 1:
        code, message = CODES[outcomes[0].failure.code], outcomes[0].failure.message
    raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=message)


def _acknowledge(
    planned: Planned, kind: str, receipt: records_pb2.Receipt, retried: dict[str, int], took: tuple[float, float]
) -> None:
    events = [
        [each.event_id, each.type, each.stream, each.revision, each.position, each.leaf_hash.hex()]
        for each in receipt.events
    ]
    _write(
        "acknowledged",
        delivery=kind,
        report_id=planned.report.report_id,
        receipt_id=receipt.report_id,
        already_recorded=receipt.already_recorded,
        events=events,
        recorded_at=receipt.recorded_at.ToJsonString(),
        tree_size=receipt.tree_size,
        root=receipt.root_hash.hex(),
        content_digest=receipt.content_digest,
        markers=planned.markers,
        retried=retried,
        seconds=round(took[0], 4),
        slowest=round(took[1], 4),
    )


def _passing(error: grpc.aio.AioRpcError) -> bool:
    """Whether it is a reason to try again."""
    return error.code() in RETRIED or error.details() == WRITE_FAILED


def _refused(planned: Planned, error: grpc.aio.AioRpcError, retried: dict[str, int]) -> None:
    code, report_id = error.code().name, planned.report.report_id
    _write("refused", report_id=report_id, code=code, details=error.details(), retried=retried)


def _write(kind: str, **content: Any) -> None:
    print(json.dumps({"kind": kind, **content}), flush=True)


async def run(orders: Orders) -> None:
    """Runs the clients of one process at once."""
    channels = [grpc.aio.insecure_channel(address, CHANNEL_OPTIONS) for address in orders.addresses]
    stubs = [ledger_service_pb2_grpc.LedgerServiceStub(channel) for channel in channels]
    witness, ended = Witness(), asyncio.Event()
    waiting = asyncio.create_task(_await_end(ended))
    try:
        each = (Client(stubs, witness, orders.seed, number).file(orders, ended) for number in orders.clients)
        await asyncio.gather(*each)
    finally:
        waiting.cancel()
        await witness.close()
        for channel in channels:
            await channel.close()


async def _await_end(ended: asyncio.Event) -> None:
    await asyncio.to_thread(sys.stdin.read)
    ended.set()


if __name__ == "__main__":
    asyncio.run(run(Orders(**json.loads(sys.stdin.readline()))))
