"""The client of the measurements, in a process of its own: so many calls at once, for so long, on one connection.
Reads its orders from standard input and prints one JSON object: calls, seconds and latencies."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import grpc

from benchmarks.reports import request
from incident.ledger.v1 import ledger_service_pb2

CALL_SECONDS = 30.0
CHANNEL_OPTIONS = (("grpc.max_receive_message_length", 8 * 1024 * 1024),)
PERCENTILES = (50, 99)


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    method: str
    concurrency: int
    seconds: float
    prefix: str
    """Of report ids, unlike any other measurement's."""


async def measure(orders: Orders) -> dict[str, Any]:
    """Makes the calls and times them."""
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(orders.address, CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary(
            orders.method,
            request_serializer=ledger_service_pb2.AppendReportRequest.SerializeToString,
            # An echo comes back as bytes: what the ledger has to say is read, because a client has to.
            response_deserializer=_reader(orders.method),
        )
        await call(request(f"{orders.prefix}-first"), timeout=CALL_SECONDS, wait_for_ready=True)
        began = time.perf_counter()
        end = began + orders.seconds

        async def caller(number: int) -> None:
            count = 0
            while (before := time.perf_counter()) < end:
                count += 1
                await call(request(f"{orders.prefix}-{number}-{count}"), timeout=CALL_SECONDS)
                latencies.append(time.perf_counter() - before)

        await asyncio.gather(*(caller(number) for number in range(orders.concurrency)))
        elapsed = time.perf_counter() - began
    return result(latencies, elapsed)


def result(latencies: Sequence[float], elapsed: float) -> dict[str, Any]:
    """What is told of a measurement."""
    ordered = sorted(latencies)
    places = {
        f"p{each}_ms": ordered[min(len(ordered) - 1, len(ordered) * each // 100)] * 1000 for each in PERCENTILES
    }
    return {"calls": len(ordered), "seconds": elapsed, "per_second": len(ordered) / elapsed, **places}


def _reader(method: str) -> Any:
    return None if method.endswith("/Echo") else ledger_service_pb2.AppendReportResponse.FromString


def orders_text(orders: Orders) -> str:
    """Orders as the process reads them."""
    return json.dumps(asdict(orders))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Orders(**json.load(sys.stdin))))))
