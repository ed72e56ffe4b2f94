"""A process of its own that follows and rebuilds a projection that tests can slow down, so that it can be killed:
`python -m tests.rebuilt URL` rebuilds, in small batches, and says so when it is done."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import pytest

from projections.engine import Connection, following, renewing, resuming
from projections.engine.building import Build
from projections.engine.databases import Databases
from projections.engine.rebuilding import Rebuild
from tests.followed import PATIENCE, Tally
from tests.postgres import Database

SMALL_BATCH = 20


def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds in small batches, and what looks from time to time looks often."""
    monkeypatch.setattr(Build, "batch", SMALL_BATCH)
    monkeypatch.setattr(resuming, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(following, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(renewing, "RENEWAL_SECONDS", 0.1)


@dataclass
class Slow(Tally):
    """A tally whose steps take as long as a test wants, at the database: a statement that runs."""

    seconds: dict[str, float] = field(default_factory=dict)

    def complete(self, connection: Connection, schema: str, position: int) -> None:
        super().complete(connection, schema, position)
        self._sleep(connection, "complete")

    def digest(self, connection: Connection, schema: str) -> bytes:
        self._sleep(connection, "digest")
        return super().digest(connection, schema)

    def _sleep(self, connection: Connection, step: str) -> None:
        connection.execute("SELECT pg_sleep(%s)", (self.seconds.get(step, 0.0),))


def generations(database: Database, name: str = "tally") -> dict[int, str]:
    """What the generations of a projection are for; those that are dropped are left out, and have no schema."""
    with psycopg.connect(database.service_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        rows = connection.execute(
            "SELECT number, status, schema FROM ledger_main_projections.generations WHERE name = %s ORDER BY 1",
            (name,),
        ).fetchall()
        query = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"
        there = {name for (name,) in connection.execute(query, (f"ledger_main_{name}_g",))}
    assert there == {schema for _, status, schema in rows if status != "dropped"}
    return {number: status for number, status, _ in rows if status != "dropped"}


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def main(url: str) -> None:
    Build.batch = SMALL_BATCH
    tally = Slow(pause=0.01, seconds={"complete": 0.1, "digest": 0.1})
    rebuild = Rebuild(Databases.one(url), "main", tally, threading.Event())
    rebuild.begin()
    print("begun", flush=True)
    print(rebuild.run().phase, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
