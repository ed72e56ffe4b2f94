"""An open loop of unary calls: so many a second, whatever became of the ones before, as independent observers send.
Latency counts from the sending; how late the client itself was against its plan is told beside it."""

from __future__ import annotations

import asyncio
import time
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


async def measure(orders: Orders) -> dict[str, Any]:
    """Sends at the given rate and times each call."""
    count = max(1, int(orders.rate * orders.seconds))
    sent, late, latencies = [0.0] * count, [0.0] * count, [0.0] * count
    requests = reports.Requests(1)
    async with grpc.aio.insecure_channel(orders.address) as channel:
        call: Call = channel.unary_unary(reports.METHOD, response_deserializer=reader(reports.METHOD))
        # Number 0 is not counted: it opens the connection.
        await call(requests.of(reports.report_id(orders.run, 0)), timeout=CALL_SECONDS, wait_for_ready=True)
        began = time.monotonic()

        async def send(number: int) -> None:
            before = sent[number] = time.monotonic()
            late[number] = before - began - number / orders.rate
            try:
                await call(requests.of(reports.report_id(orders.run, number + 1)), timeout=CALL_SECONDS)
                latencies[number] = time.monotonic() - before
            except grpc.RpcError:
                latencies[number] = REFUSED_SECONDS

        calls = []
        for number in range(count):
            ahead = began + number / orders.rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            calls.append(asyncio.create_task(send(number)))
        await asyncio.gather(*calls)
        elapsed = time.monotonic() - began
    refused = latencies.count(REFUSED_SECONDS)
    measured = telling.rates(count - refused, EVENTS_A_REPORT * (count - refused), elapsed, latencies)
    measured |= {"rate": orders.rate, "refused": refused, **telling.percentiles(late, "late_")}
    return measured | ({"sent": sent} if orders.with_times else {})


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
