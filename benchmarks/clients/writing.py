"""Appends the made-up mix to a ledger at a steady rate, with the statement of the writer lane and its notices, but
without service and lane: what is measured is who follows. Says when each commit was durable."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from benchmarks.clients import telling
from benchmarks.mixed import Mix
from benchmarks.placed import LEDGER, Placing, groups
from ledger.persistence.batch import streams_of
from ledger.persistence.connecting import connect
from ledger.persistence.guarding import Guard
from ledger.persistence.log import EventLog
from ledger.persistence.notices import Notices
from ledger.persistence.writer import Writer

COMMIT_EVENTS = 100
"""At the rates that are measured, what arrives in twenty milliseconds: about what the lane commits together."""
FIRST_DAY, DAYS = date(2022, 1, 1), 30


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    rate: float
    """Events a second."""
    seconds: float
    run: int
    """Of names, unlike any other measurement's."""


def measure(orders: Orders) -> dict[str, Any]:
    """Appends when it is due; the events are made beforehand."""
    most = max(1, int(orders.rate * orders.seconds))
    mix = Mix(most, prefix=f"run-{orders.run}-", seed=orders.run, first_day=FIRST_DAY, days=DAYS)
    ready = list(groups(mix.requests(), COMMIT_EVENTS))
    notices = Notices(LEDGER, orders.url)
    commits: list[tuple[int, float]] = []
    latencies, late = [], []
    with connect(orders.url, "benchmark") as connection:
        writer = Writer(LEDGER, connection)
        writer.make_durable()
        placing = Placing(orders.run, Guard(EventLog(LEDGER)).tip(connection))
        first, began = placing.tip.size, time.monotonic()
        for requests in ready:
            due = began + (placing.tip.size - first) / orders.rate
            time.sleep(max(0.0, due - time.monotonic()))
            before = time.monotonic()
            heads, _ = writer.heads(streams_of(requests))
            batch = placing.commit(requests, datetime.now(UTC), heads)
            writer.insert(batch)
            commits.append((batch.size_after, time.monotonic()))
            notices.announce(batch.size_after)
            latencies.append(commits[-1][1] - before)
            late.append(before - due)
        elapsed = time.monotonic() - began
    notices.stop()
    told = telling.rates(len(commits), placing.tip.size - first, elapsed, latencies)
    return told | telling.percentiles(late, "late_") | {"first": first, "commits": commits}


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
