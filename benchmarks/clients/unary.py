"""A closed loop of unary calls on one connection: so many under way, each followed by the next. The same client for
the ledger and for an echo: it sends the same bytes, and reads the ledger's receipts, because a client has to."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks import reports
from benchmarks.clients import telling
from incident.ledger.v1 import ledger_service_pb2

CALL_SECONDS = 30.0
EVENTS_A_REPORT = 2
"""The filing and its one claim."""


Call = grpc.aio.UnaryUnaryMultiCallable[bytes, Any]


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    method: str
    at_once: int
    seconds: float
    run: int
    """Of report ids, unlike any other measurement's."""
    begin: float = 0.0
    """A moment of the machine's monotonic clock, for clients that run together."""
    ledger: str = ""


def reader(method: str) -> Callable[[bytes], Any] | None:
    """What reads the answers; an echo's stay bytes."""
    return ledger_service_pb2.AppendReportResponse.FromString if method == reports.METHOD else None


async def measure(orders: Orders) -> dict[str, Any]:
    """Makes the calls and times them."""
    latencies: list[float] = []
    requests, numbers = reports.Requests(1, ledger=orders.ledger), itertools.count(1)
    async with grpc.aio.insecure_channel(orders.address) as channel:
        call: Call = channel.unary_unary(orders.method, response_deserializer=reader(orders.method))
        await call(requests.of(reports.report_id(orders.run, 0)), timeout=CALL_SECONDS, wait_for_ready=True)
        telling.wait_until(orders.begin)
        began = time.perf_counter()
        end = began + orders.seconds

        async def caller() -> None:
            while (before := time.perf_counter()) < end:
                name = reports.report_id(orders.run, next(numbers))
                await call(requests.of(name), timeout=CALL_SECONDS)
                latencies.append(time.perf_counter() - before)

        await asyncio.gather(*(caller() for _ in range(orders.at_once)))
        elapsed = time.perf_counter() - began
    return telling.rates(len(latencies), EVENTS_A_REPORT * len(latencies), elapsed, latencies)


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
