"""The rows of a ledger in order of position, by binary COPY. The bytes arrive and are dropped, not decoded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks import raw
from benchmarks.clients import telling


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    ledger: str
    through: int


def measure(orders: Orders) -> dict[str, Any]:
    """Reads all of it."""
    with psycopg.connect(orders.url, autocommit=True) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(raw.query("copy_out", orders.ledger, through=orders.through)) as copying:
            for _ in copying:
                pass
        elapsed = time.perf_counter() - began
        events = cursor.rowcount
    if events != orders.through:
        raise SystemExit(f"{events} events came, and not {orders.through}")
    return telling.rates(1, orders.through, elapsed)


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
