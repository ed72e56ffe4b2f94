"""Asks for casualties by one grouping, again and again, of tables that were filled before: the read model's answer
and its message, without the network. As of the newest position, from kept totals; or by summing the claims."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.clients import telling
from incident.ledger.v1 import casualty_service_pb2 as pb
from projections.api.casualty_answers import group_to_proto, left_out_to_proto, toll_to_proto
from projections.casualties.answering import casualties, forms
from projections.casualties.question import CountPolicy, Grouping, Question

LEAST = 3
"""So many answers at least, however long they take."""


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    schema: str
    position: int
    groupings: Sequence[str]
    policy: str
    seconds: float
    kept: bool = True


async def measure(orders: Orders) -> dict[str, Any]:
    """Asks until the seconds are over."""
    question = Question(
        group_by=[Grouping(each) for each in orders.groupings], count_policy=CountPolicy(orders.policy)
    )
    latencies: list[float] = []
    async with await psycopg.AsyncConnection.connect(orders.url, autocommit=True) as connection:
        await connection.execute("SELECT set_config('search_path', %s, false)", [orders.schema])
        end = time.perf_counter() + orders.seconds
        while time.perf_counter() < end or len(latencies) < LEAST:
            began = time.perf_counter()
            figures = await _answer(connection, question, orders)
            latencies.append(time.perf_counter() - began)
    return telling.rates(len(latencies), figures * len(latencies), sum(latencies), latencies)


async def _answer(connection: Any, question: Question, orders: Orders) -> int:
    """One answer as bytes; how many figures it has."""
    position = orders.position
    answer = await casualties(connection, question, position, position if orders.kept else None)
    found = await forms(connection, [toll.form for toll in answer.tolls], position)
    pb.GetCasualtiesResponse(
        figures=[group_to_proto(group) for group in answer.figures],
        tolls=[toll_to_proto(toll, found) for toll in answer.tolls],
        left_out=left_out_to_proto(answer.left_out),
    ).SerializeToString()
    return len(answer.figures)


if __name__ == "__main__":
    telling.tell(asyncio.run(measure(telling.orders(Orders))))
