"""Rows straight into the tables of a ledger, on one connection: by binary COPY, by `unnest`, or one row a commit.
Rows are made beforehand; only the transaction, with its parameters, is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import psycopg

from benchmarks import raw
from benchmarks.clients import telling
from benchmarks.stored import Row, Rows, Told

Write = Callable[[raw.Connection, str, int, list[Row], datetime], None]


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    ledger: str
    how: str
    """`copy`, `unnest` or `row`."""
    size: int
    """Events in a transaction."""
    seconds: float
    run: int
    claims: int
    rows: Told


def _unnest(connection: raw.Connection, ledger: str, before: int, rows: list[Row], now: datetime) -> None:
    connection.execute(raw.query("unnest", ledger), raw.unnest_values(before, rows, now), prepare=True)


def _row(connection: raw.Connection, ledger: str, before: int, rows: list[Row], now: datetime) -> None:
    connection.execute(raw.query("row", ledger), raw.row_values(before + 1, rows[0], now), prepare=True)


WRITES: dict[str, Write] = {"copy": raw.copy, "unnest": _unnest, "row": _row}


def measure(orders: Orders) -> dict[str, Any]:
    """Writes until the seconds are over."""
    write, endless = WRITES[orders.how], Rows(orders.rows, orders.claims).endless(orders.run)
    latencies: list[float] = []
    raw.create(orders.url, orders.ledger)
    with psycopg.connect(orders.url, autocommit=True) as connection:
        head = raw.number(connection, "last_row" if orders.how == "row" else "size", orders.ledger)
        first, end = head, time.perf_counter() + orders.seconds
        while time.perf_counter() < end:
            rows, now = list(islice(endless, orders.size)), datetime.now(UTC)
            before = time.perf_counter()
            write(connection, orders.ledger, head, rows, now)
            latencies.append(time.perf_counter() - before)
            head += len(rows)
    return telling.rates(len(latencies), head - first, sum(latencies), latencies)


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
