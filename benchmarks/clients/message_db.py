"""message-db's own function `write_message`, on one connection: one a transaction, or many through a pipeline in
one transaction. The payloads that the ledger stores, as jsonb; only the calls are timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg

from benchmarks.clients import telling
from benchmarks.stored import Row, Rows, Told
from ledger.persistence.queries import Queries

QUERIES = Queries("benchmarks", "message_db.sql")
CATEGORY = "incident"


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    size: int
    """Calls in a pipeline; 1: none."""
    seconds: float
    run: int
    claims: int
    rows: Told


def _values(row: Row) -> dict[str, str]:
    # Its streams are a category, a hyphen and an id; ours are named folder/name.
    stream = f"{CATEGORY}-{row.stream.replace('/', '.')}"
    return {"id": str(row.event_id), "stream": stream, "type": row.type, "data": row.payload.decode()}


def measure(orders: Orders) -> dict[str, Any]:
    """Writes until the seconds are over."""
    values = map(_values, Rows(orders.rows, orders.claims).endless(orders.run))
    latencies: list[float] = []
    with psycopg.connect(orders.url, autocommit=True) as connection:
        connection.execute(QUERIES.use_schema)
        end = time.perf_counter() + orders.seconds
        while time.perf_counter() < end:
            batch = list(islice(values, orders.size))
            before = time.perf_counter()
            if orders.size == 1:
                connection.execute(QUERIES.write, batch[0], prepare=True)
            else:
                with connection.pipeline():
                    for each in batch:
                        connection.execute(QUERIES.write, each, prepare=True)
            latencies.append(time.perf_counter() - before)
    return telling.rates(len(latencies), orders.size * len(latencies), sum(latencies), latencies)


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
