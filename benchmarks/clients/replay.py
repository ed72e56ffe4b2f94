"""Replays a ledger's history to its end: every message is parsed, every event counted. Nothing is kept, so its
memory says how much of a replay lies between the two sides."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.clients import telling
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import records_pb2

METHOD = "/incident.ledger.v1.LedgerService/ReplayHistory"
CALL_SECONDS = 3_600.0
OPTIONS = (("grpc.max_receive_message_length", -1),)


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    through: int
    raw: bool


async def measure(orders: Orders) -> dict[str, Any]:
    """Reads all of it."""
    view = records_pb2.EVENT_VIEW_RAW if orders.raw else records_pb2.EVENT_VIEW_FULL
    request = pb.ReplayHistoryRequest(to_position=orders.through, view=view).SerializeToString()
    events = 0
    async with grpc.aio.insecure_channel(orders.address, OPTIONS) as channel:
        await channel.channel_ready()
        began = time.perf_counter()
        call: grpc.aio.UnaryStreamMultiCallable[bytes, pb.ReplayHistoryResponse] = channel.unary_stream(
            METHOD, response_deserializer=pb.ReplayHistoryResponse.FromString
        )
        async for message in call(request, timeout=CALL_SECONDS):
            events += len(message.events)
        elapsed = time.perf_counter() - began
    if events != orders.through:
        raise SystemExit(f"{events} events came, and not {orders.through}")
    return telling.rates(1, events, elapsed)


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
