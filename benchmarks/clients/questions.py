"""An open loop of questions: GetCasualties by one grouping and another, so many a second, whatever became of the
ones before. All are about the newest position."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.clients import telling
from benchmarks.clients.paced import REFUSED_SECONDS, open_loop
from benchmarks.clients.unary import CALL_SECONDS
from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub

GROUPINGS = (
    pb.CASUALTY_GROUPING_PARTY,
    pb.CASUALTY_GROUPING_OUTCOME,
    pb.CASUALTY_GROUPING_COUNTRY,
    pb.CASUALTY_GROUPING_MONTH,
)


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    rate: float
    seconds: float


async def measure(orders: Orders) -> dict[str, Any]:
    """Asks at the given rate and times each answer."""
    count = max(1, int(orders.rate * orders.seconds))
    async with grpc.aio.insecure_channel(orders.address) as channel:
        stub = CasualtyServiceStub(channel)

        async def ask(number: int) -> None:
            request = pb.GetCasualtiesRequest(group_by=[GROUPINGS[number % len(GROUPINGS)]])
            await stub.GetCasualties(request, timeout=CALL_SECONDS)

        await ask(0)  # opens the connection
        loop = await open_loop(orders.rate, count, ask)
    refused = loop.latencies.count(REFUSED_SECONDS)
    measured = telling.rates(count - refused, count - refused, loop.elapsed, loop.latencies)
    return measured | {"rate": orders.rate, "refused": refused, **telling.percentiles(loop.late, "late_")}


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
