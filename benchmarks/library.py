"""The `eventsourcing` library's own PostgreSQL recorder, called directly by threads of one process: no network, no
validation, no tree, no idempotency. The same events with the same payloads, on the same server."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from threading import Thread

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.load import result
from benchmarks.reports import stored_events

CONNECT_SECONDS = 30.0


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    threads: int
    seconds: float
    prefix: str


def measure(orders: Orders) -> dict[str, object]:
    """Appends reports, each its two events in one call."""
    parts = {key: str(value) for key, value in conninfo_to_dict(orders.url).items()}
    with PostgresDatastore(
        *(parts[key] for key in ("dbname", "host", "port", "user", "password")),
        connect_timeout=CONNECT_SECONDS,
        pool_size=orders.threads,
        originator_id_type="text",
    ) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        return _append(recorder, orders)


def _append(recorder: PostgresApplicationRecorder, orders: Orders) -> dict[str, object]:
    events_of = stored_events()
    latencies: list[float] = []

    def insert(report_id: str) -> None:
        events = events_of(report_id)
        recorder.insert_events([StoredEvent(stream, 1, topic, state) for stream, topic, state in events])

    def caller(number: int) -> None:
        count = 0
        while (before := time.perf_counter()) < end:
            count += 1
            insert(f"{orders.prefix}-{number}-{count}")
            latencies.append(time.perf_counter() - before)

    insert(f"{orders.prefix}-first")
    began = time.perf_counter()
    end = began + orders.seconds
    threads = [Thread(target=caller, args=(number,)) for number in range(orders.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result(latencies, time.perf_counter() - began)


def orders_text(orders: Orders) -> str:
    """Orders as the process reads them."""
    return json.dumps(asdict(orders))


if __name__ == "__main__":
    print(json.dumps(measure(Orders(**json.load(sys.stdin)))))
