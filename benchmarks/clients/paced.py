"""An open loop of unary calls: so many a second, whatever became of the ones before, as independent observers send.
Latency counts from the sending; how late the client itself was against its plan is told beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks import reports
from benchmarks.clients import telling
from benchmarks.clients.unary import CALL_SECONDS, EVENTS_A_REPORT, Call, reader

REFUSED_SECONDS = CALL_SECONDS
"""A call that is refused, as where more are sent than the service can bear, counts as one that took so long."""


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    rate: float
    seconds: float
    run: int
    with_times: bool = False
    """Tell also when each report was sent, in the machine's monotonic clock."""


@dataclass(frozen=True)
class Loop:
    """What came of an open loop, by call: when it was sent, how late that was, how long it took."""

    sent: list[float]
    late: list[float]
    latencies: list[float]
    elapsed: float


async def open_loop(rate: float, count: int, call: Callable[[int], Awaitable[object]]) -> Loop:
    """So many calls, each sent when it is due."""
    sent, late, latencies = [0.0] * count, [0.0] * count, [0.0] * count
    began = time.monotonic()

    async def send(number: int) -> None:
        before = sent[number] = time.monotonic()
        late[number] = before - began - number / rate
        try:
            await call(number)
            latencies[number] = time.monotonic() - before
        except grpc.RpcError:
            latencies[number] = REFUSED_SECONDS

    calls = []
    for number in range(count):
        ahead = began + number / rate - time.monotonic()
        if ahead > 0:
            await asyncio.sleep(ahead)
        calls.append(asyncio.create_task(send(number)))
    await asyncio.gather(*calls)
    return Loop(sent, late, latencies, time.monotonic() - began)


async def measure(orders: Orders) -> dict[str, Any]:
    """Sends at the given rate and times each call."""
    count = max(1, int(orders.rate * orders.seconds))
    requests = reports.Requests(1)
    async with grpc.aio.insecure_channel(orders.address) as channel:
        call: Call = channel.unary_unary(reports.METHOD, response_deserializer=reader(reports.METHOD))

        async def append(number: int) -> None:
            await call(requests.of(reports.report_id(orders.run, number)), timeout=CALL_SECONDS)

        # Number 0 is not counted: it opens the connection.
        await call(requests.of(reports.report_id(orders.run, 0)), timeout=CALL_SECONDS, wait_for_ready=True)
        loop = await open_loop(orders.rate, count, lambda number: append(number + 1))
    refused = loop.latencies.count(REFUSED_SECONDS)
    measured = telling.rates(count - refused, EVENTS_A_REPORT * (count - refused), loop.elapsed, loop.latencies)
    measured |= {"rate": orders.rate, "refused": refused, **telling.percentiles(loop.late, "late_")}
    return measured | ({"sent": loop.sent} if orders.with_times else {})


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
