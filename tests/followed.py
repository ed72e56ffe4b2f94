"""A ledger that tests write to directly, a projection that is easy to check, and an engine that follows.
The records have no envelopes: nothing here is about proofs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from ledger.persistence.records import StoredRecord
from projections.engine import Connection, Engine, Projection, ProjectionState
from projections.engine.batches import Batch
from projections.engine.databases import Databases
from projections.engine.digest import digest_of_schema
from tests.histories import record
from tests.postgres import Database

PATIENCE = 15.0


def nothing() -> None:
    """Does nothing."""


@dataclass
class Tally:
    """Keeps the sum of positions by type; cannot take what it is told that it cannot."""

    name: str = "tally"
    version: int = 1
    poison: frozenset[str] = frozenset()
    pause: float = 0.0
    digest_pause: float = 0.0
    taken: int = 0
    reads: frozenset[int] = frozenset()
    after_fold: Callable[[], None] = nothing
    before_digest: Callable[[], None] = nothing

    def create(self, connection: Connection, schema: str) -> None:
        connection.execute(f"CREATE TABLE {schema}.tally (type text PRIMARY KEY, total bigint)")

    def fold(self, connection: Connection, schema: str, batch: Batch, *, complete: bool) -> None:
        time.sleep(self.pause)
        for each in batch.records(connection):
            if each.topic in self.poison:
                raise ValueError(f"what is {each.topic}?")
            connection.execute(
                f"""INSERT INTO {schema}.tally AS t VALUES (%s, %s)
                    ON CONFLICT (type) DO UPDATE SET total = t.total + excluded.total""",
                (each.topic, each.position),
            )
            self.taken += 1
        self.after_fold()

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        connection.execute(f"CREATE INDEX tally_total ON {schema}.tally (total)")

    def digest(self, connection: Connection, schema: str) -> bytes:
        self.before_digest()
        time.sleep(self.digest_pause)
        return digest_of_schema(connection, schema)


class Ledger:
    """Writes records as the writer would, without envelopes."""

    def __init__(self, database: Database, name: str = "main") -> None:
        self.name = name
        self.size = 0
        self._url = database.owner_url

    def append(self, *kinds: str) -> int:
        return self.write([event_at(self.size + number, kind) for number, kind in enumerate(kinds, 1)])

    def write(self, records: Sequence[StoredRecord]) -> int:
        """The next records, in one commit."""
        with psycopg.connect(self._url) as connection:
            connection.execute(
                f"INSERT INTO ledger_{self.name}.commits VALUES (%s, %s, %s, %s)",
                (self.size, self.size + len(records), bytes(32), records[-1].recorded_at),
            )
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO ledger_{self.name}.events VALUES (%s, %s, %s, %s, %s, %s, %s, '', %s, '', %s)",
                    [event_row(each) for each in records],
                )
        self.size += len(records)
        return self.size


def event_at(position: int, kind: str) -> StoredRecord:
    if kind == "ReportFiled":
        content: dict[str, Any] = {"report_id": f"r{position}", "source": {"name": "Reuters"}, "claim_count": 1}
        return record(position, kind, f"r{position}", **content, reported="2020-02-12")
    content = {"incident_id": "idlib", "victim_party": "turkey", "count": 1, "occurred": "2020-02-10"}
    killed = record(position, "TroopsKilled", "r1", **content)
    return replace(killed, topic=kind)


def event_row(each: StoredRecord) -> tuple[Any, ...]:
    place = (each.position, each.stream, each.position, each.event_id, each.topic, each.report_id)
    return (*place, each.recorded_at, bytes(32), each.state)


@contextmanager
def running(database: Database, *projections: Projection) -> Iterator[Engine]:
    engine = Engine(Databases.one(database.service_url), projections)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def until(state: Callable[[], ProjectionState], holds: Callable[[ProjectionState], bool]) -> ProjectionState:
    """The state, once something holds of it."""
    end = time.monotonic() + PATIENCE
    while True:
        now = state()
        if holds(now):
            return now
        assert time.monotonic() < end, now
        time.sleep(0.02)
