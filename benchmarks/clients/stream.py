"""Appends through the stream: reports travel in batches, several messages under way, each report acknowledged by
itself. It measures, or fills a ledger where a number of reports is given. A report that is refused ends it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks import reports
from benchmarks.clients import telling
from incident.ledger.v1 import ledger_service_pb2 as pb

METHOD = "/incident.ledger.v1.LedgerService/AppendReports"
CALL_SECONDS = 3_600.0


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    run: int
    claims: int
    batch: int
    """Reports in a message."""
    under_way: int
    """Messages sent and not acknowledged."""
    seconds: float
    reports: int = 0
    """Send exactly so many, however long it takes; 0: as many as the seconds let."""
    ledger: str = ""


class Sending:
    """The messages of one stream, and what came back for them."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._requests = reports.Requests(orders.claims, in_batches=True)
        self._room = asyncio.Semaphore(orders.under_way)
        self._sent_at: deque[float] = deque()
        self.acknowledged = 0
        self.latencies: list[float] = []

    async def messages(self) -> AsyncIterator[bytes]:
        """Messages, as there is room."""
        orders, number = self._orders, 1
        head = pb.AppendReportsRequest(ledger=orders.ledger).SerializeToString()
        end = time.perf_counter() + orders.seconds
        while number <= orders.reports if orders.reports else time.perf_counter() < end:
            size = min(orders.batch, orders.reports - number + 1) if orders.reports else orders.batch
            names = (reports.report_id(orders.run, each) for each in range(number, number + size))
            message = head + b"".join(map(self._requests.of, names))
            await self._room.acquire()
            self._sent_at.append(time.perf_counter())
            yield message
            number += size

    def take(self, answer: pb.AppendReportsResponse) -> None:
        """Counts acknowledgements; one message answers for one."""
        for outcome in answer.outcomes:
            if not outcome.HasField("receipt"):
                raise SystemExit(f"{outcome.report_id} was not recorded: {outcome.failure.message}")
        self.acknowledged += len(answer.outcomes)
        self.latencies.append(time.perf_counter() - self._sent_at.popleft())
        self._room.release()


async def measure(orders: Orders) -> dict[str, Any]:
    """Sends and counts until the last acknowledgement."""
    sending = Sending(orders)
    async with grpc.aio.insecure_channel(orders.address) as channel:
        await channel.channel_ready()
        began = time.perf_counter()
        call: grpc.aio.StreamStreamMultiCallable[bytes, pb.AppendReportsResponse] = channel.stream_stream(
            METHOD, response_deserializer=pb.AppendReportsResponse.FromString
        )
        async for answer in call(sending.messages(), timeout=CALL_SECONDS):
            sending.take(answer)
        elapsed = time.perf_counter() - began
    events = sending.acknowledged * (1 + orders.claims)
    return telling.rates(sending.acknowledged, events, elapsed, sending.latencies)


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
