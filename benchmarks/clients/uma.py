"""UmaDB through its own client, by threads of one process: it appends the payloads that the ledger stores, each
with its type, its stream as a tag and an id; or reads them back. No condition is checked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

from benchmarks.clients import telling
from benchmarks.stored import Rows, Told

PREPARED = 100_000
"""Events made beforehand, so that making them is not measured; they are sent again when they are used up."""
FILL_A_CALL = 1_000
READ_BATCH = 1_000


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    run: int
    claims: int
    rows: Told
    size: int = 0
    """Events in a call; 0: read instead."""
    at_once: int = 1
    seconds: float = 0.0
    through: int = 0
    """Read so many, of a store that is filled first where it has fewer."""


def client_of(orders: Orders) -> Any:
    """A client. Its package is imported here, because orders are made also where it is not installed."""
    from umadb import Client

    return Client(f"http://{orders.address}", batch_size=READ_BATCH)


def prepared(orders: Orders, count: int) -> list[Any]:
    """Events for a run."""
    from umadb import Event

    rows = Rows(orders.rows, orders.claims).endless(orders.run)
    return [Event(row.type, row.payload, [row.stream], row.event_id) for row in islice(rows, count)]


def append(orders: Orders) -> dict[str, Any]:
    """So many threads, each with calls one after the other, until the seconds are over."""
    events = prepared(orders, PREPARED)
    latencies: list[float] = []
    share = PREPARED // orders.at_once
    together = threading.Barrier(orders.at_once + 1)

    def caller(number: int) -> None:
        mine = events[number * share : (number + 1) * share]
        batches = [mine[place : place + orders.size] for place in range(0, share - orders.size + 1, orders.size)]
        client = client_of(orders)
        client.append(mine[:1])
        together.wait()
        end, count = time.perf_counter() + orders.seconds, 0
        while (before := time.perf_counter()) < end:
            client.append(batches[count % len(batches)])
            count += 1
            latencies.append(time.perf_counter() - before)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(orders.at_once)]
    for thread in threads:
        thread.start()
    together.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    return telling.rates(len(latencies), orders.size * len(latencies), elapsed, latencies)


def read(orders: Orders) -> dict[str, Any]:
    """Reads the first so many events, each as the client gives it."""
    client = client_of(orders)
    while (missing := orders.through - (client.head() or 0)) > 0:
        events = prepared(orders, min(missing, PREPARED))
        for place in range(0, len(events), FILL_A_CALL):
            client.append(events[place : place + FILL_A_CALL])
    began, count = time.perf_counter(), 0
    response = client.read(limit=orders.through)
    while batch := response.next_batch():
        count += len(batch)
    elapsed = time.perf_counter() - began
    if count != orders.through:
        raise SystemExit(f"{count} events came, and not {orders.through}")
    return telling.rates(1, count, elapsed)


if __name__ == "__main__":
    given = telling.orders(Orders)
    telling.tell(append(given) if given.size else read(given))
