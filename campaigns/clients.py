"""Clients that file reports until each is acknowledged, whatever happens to the services meanwhile.
A process of its own: orders come by standard input, what was answered goes out as one JSON object a line."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import grpc

from campaigns.traffic import Planned, Traffic
from incident.ledger.v1 import ledger_service_pb2, ledger_service_pb2_grpc, records_pb2

RETRIED = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED))
GIVE_UP_SECONDS = 120.0
"""A report that is not acknowledged in this time has failed."""
CALL_SECONDS = 5.0
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
    reports: int
    """Of each client."""


class Client:
    """One client: files its reports one after the other."""

    def __init__(self, stubs: Sequence[Stub], seed: int, number: int) -> None:
        self._stubs = stubs
        self._random = random.Random(f"client {seed}/{number}")
        self._traffic = Traffic(seed, number)
        self._acknowledged: list[Planned] = []

    async def file(self, reports: int) -> None:
        """Files so many reports, some of them more than once, and tries to pass off others under their ids."""
        for _ in range(reports):
            planned = self._traffic.next()
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
            seconds = HASTY_SECONDS if self._random.random() < HASTY_SHARE else CALL_SECONDS
            try:
                answer = await (stub or self._random.choice(self._stubs)).AppendReport(request, timeout=seconds)
            except grpc.aio.AioRpcError as error:
                if error.code() not in RETRIED:
                    _write("fault", report_id=planned.report.report_id, what=_told(error), retried=retried)
                    return None
                retried[error.code().name] = retried.get(error.code().name, 0) + 1
                stub = None
                await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
            else:
                receipt: records_pb2.Receipt = answer.receipt
                _acknowledge(planned, kind, receipt, retried, time.monotonic() - began)
                return receipt
        _write("fault", report_id=planned.report.report_id, what="never acknowledged", retried=retried)
        return None

    async def _pass_off(self, planned: Planned) -> None:
        """Other content under a recorded id has to be refused, and not taken for a retry."""
        request = ledger_service_pb2.AppendReportRequest(report=self._traffic.altered(planned))
        while True:
            try:
                await self._random.choice(self._stubs).AppendReport(request, timeout=CALL_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() in RETRIED:
                    await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
                    continue
                if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                    _write("altered", report_id=planned.report.report_id)
                else:
                    _write("fault", report_id=planned.report.report_id, what=f"altered: {_told(error)}")
            else:
                _write("fault", report_id=planned.report.report_id, what="altered content was acknowledged")
            return


def _acknowledge(
    planned: Planned, kind: str, receipt: records_pb2.Receipt, retried: dict[str, int], seconds: float
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
        seconds=round(seconds, 4),
    )


def _told(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}: {error.details()}"


def _write(kind: str, **content: Any) -> None:
    print(json.dumps({"kind": kind, **content}), flush=True)


async def run(orders: Orders) -> None:
    """Runs the clients of one process at once."""
    channels = [grpc.aio.insecure_channel(address, CHANNEL_OPTIONS) for address in orders.addresses]
    stubs = [ledger_service_pb2_grpc.LedgerServiceStub(channel) for channel in channels]
    try:
        each = (Client(stubs, orders.seed, number).file(orders.reports) for number in orders.clients)
        await asyncio.gather(*each)
    finally:
        for channel in channels:
            await channel.close()


def orders_text(orders: Orders) -> str:
    """Orders as a process of clients reads them."""
    return json.dumps(asdict(orders))


if __name__ == "__main__":
    asyncio.run(run(Orders(**json.load(sys.stdin))))
