"""Looks every few milliseconds how far the read models have come, as a reader does, and notes when each position
was seen first. Once it is told to end (SIGTERM), it waits until all are level, and no longer than its patience."""

from __future__ import annotations

import signal
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from benchmarks.clients import telling
from benchmarks.placed import LEDGER
from ledger.persistence.connecting import connect
from ledger.persistence.log import EventLog
from ledger.persistence.queries import Queries
from projections.engine.catalogue import Catalogue

QUERIES = Queries("benchmarks.clients", "positions.sql")
LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    seconds: float
    """No longer than this."""
    patience: float


def watch(orders: Orders) -> dict[str, Any]:
    """Tells, of each read model, at which moments of the machine's monotonic clock it was seen where."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    query = sql.SQL(QUERIES.positions).format(catalogue=sql.Identifier(Catalogue(LEDGER).schema)).as_bytes()
    log, seen = EventLog(LEDGER), defaultdict[str, list[tuple[float, int]]](list)
    with connect(orders.url, "benchmark") as connection:
        print("ready", flush=True)
        end = time.monotonic() + orders.seconds
        while time.monotonic() < end:
            positions = connection.execute(query, prepare=True).fetchall()
            now = time.monotonic()
            for name, position in positions:
                if not seen[name] or seen[name][-1][1] != position:
                    seen[name].append((now, position))
            if over.is_set():
                end = min(end, now + orders.patience)
                head = log.head(connection).size
                if all(position >= head for _, position in positions):
                    break
            time.sleep(LOOK_SECONDS)
    return {"seen": seen}


if __name__ == "__main__":
    telling.tell(watch(telling.orders(Orders)))
