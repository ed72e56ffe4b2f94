"""The `eventsourcing` library's own PostgreSQL recorder, called in its own process: no network, no validation, no
tree, no idempotency. It appends the payloads that the ledger stores, or selects and decodes what it appended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

from eventsourcing.persistence import JSONTranscoder, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.clients import telling
from benchmarks.stored import REVISION, Row, Rows, Told
from ledger.persistence.codec import LedgerMapper

CONNECT_SECONDS = 30.0
HUNG_SECONDS = 2.0
"""An append of some hundred kilobytes may never return: psycopg's `pipeline.sync()`, which the recorder calls, can
wait for an answer to what it has not sent. After so long it is taken to hang; what was measured before is told."""
FILL_A_CALL = 100
SELECT_A_CALL = 1_000


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    table: str
    run: int
    claims: int
    rows: Told
    size: int = 0
    """Events in a call of `insert_events`; 0: select and decode instead."""
    seconds: float = 0.0
    through: int = 0
    """Select so many, of a table that is filled first where it is empty."""


@contextmanager
def recorder(orders: Orders) -> Iterator[PostgresApplicationRecorder]:
    """The library's recorder with its table."""
    parts = {key: str(value) for key, value in conninfo_to_dict(orders.url).items()}
    with PostgresDatastore(
        *(parts[key] for key in ("dbname", "host", "port", "user", "password")),
        connect_timeout=CONNECT_SECONDS,
        originator_id_type="text",
    ) as datastore:
        made = PostgresApplicationRecorder(datastore, events_table_name=orders.table)
        made.create_table()
        yield made


def _stored(row: Row) -> StoredEvent:
    return StoredEvent(row.stream, REVISION, row.type, row.payload)


def append(orders: Orders) -> dict[str, Any]:
    """Inserts until the seconds are over. Events are made beforehand; only the call is timed."""
    events = map(_stored, Rows(orders.rows, orders.claims).endless(orders.run))
    latencies: list[float] = []

    def told(hung: int) -> dict[str, Any]:
        measured = telling.rates(len(latencies), orders.size * len(latencies), sum(latencies), latencies)
        return measured | {"hung": hung}

    def give_up(*_: object) -> NoReturn:
        telling.tell(told(1))
        os._exit(0)  # the connection does not close either

    signal.signal(signal.SIGALRM, give_up)
    with recorder(orders) as own:
        own.insert_events([next(events)])
        end = time.perf_counter() + orders.seconds
        while time.perf_counter() < end:
            batch = list(islice(events, orders.size))
            signal.setitimer(signal.ITIMER_REAL, HUNG_SECONDS)
            before = time.perf_counter()
            own.insert_events(batch)
            latencies.append(time.perf_counter() - before)
            signal.setitimer(signal.ITIMER_REAL, 0)
    return told(0)


def select(orders: Orders) -> dict[str, Any]:
    """Selects pages of notifications and decodes each event into its validated model."""
    events = map(_stored, Rows(orders.rows, orders.claims).endless(orders.run))
    mapper = LedgerMapper(JSONTranscoder())
    with recorder(orders) as own:
        while (there := own.max_notification_id() or 0) < orders.through:
            own.insert_events(list(islice(events, min(FILL_A_CALL, orders.through - there))))
        began = time.perf_counter()
        after = 0
        while after < orders.through:
            for notification in own.select_notifications(after, SELECT_A_CALL, inclusive_of_start=False):
                mapper.to_domain_event(notification)
                after = notification.id
        elapsed = time.perf_counter() - began
    return telling.rates(1, after, elapsed)


if __name__ == "__main__":
    given = telling.orders(Orders)
    telling.tell(append(given) if given.size else select(given))
