"""Builds read models of a ledger anew, as the engine does: fills new generations, compares them with the live ones,
swaps them in. It watches its backends' memory meanwhile, and leaves nothing behind but the new generations."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from benchmarks.clients import telling
from benchmarks.placed import LEDGER
from ledger.persistence.connecting import connect
from ledger.persistence.queries import Queries
from projections.engine.catalogue import Catalogue
from projections.engine.databases import Databases
from projections.engine.operations import Operations
from projections.engine.projection import Connection, Projection
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import CATCHING_UP, COMPARING, DONE, REPLAYING, RebuildProgress
from projections.service import READ_MODELS

QUERIES = Queries("benchmarks.clients", "rebuild.sql")
LOOK_SECONDS = 0.05
PRIVATE_MEMORY = "RssAnon"
"""A backend's own memory; what it shares with others, its buffers above all, is not in it."""


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    names: Sequence[str]
    first: bool = False
    """Whether live generations are there only in name, so that nothing can be compared."""


@dataclass
class Course:
    """What came of rebuilds."""

    events: int = 0
    filled_seconds: float = 0.0
    """Until they could be compared."""
    seconds: float = 0.0
    different: int = 0

    def take(self, name: str, final: RebuildProgress) -> None:
        """How a rebuild ended; SystemExit unless it was whole."""
        if final.phase != DONE:
            raise SystemExit(f"{name}: {final.phase}: {final.error}")
        if final.resumed_from:
            raise SystemExit(f"{name}: went on with what another rebuild had left")
        self.events = max(self.events, final.done)
        self.different += bool(final.replaced_digest) and final.replaced_digest != final.state_digest


def rebuild_all(url: str, models: Sequence[Projection], course: Course) -> None:
    """All of them in one pass over the ledger."""
    began = time.perf_counter()
    operations = Operations(Databases.one(url), {each.name: each for each in models}, threading.Event())
    builds = operations.rebuild_all(LEDGER)
    while any(build.progress.phase in (REPLAYING, CATCHING_UP) for build in builds):
        time.sleep(LOOK_SECONDS)
    course.filled_seconds = time.perf_counter() - began
    for build in builds:
        build.join()
    course.seconds = time.perf_counter() - began
    for build in builds:
        course.take(build.name, build.progress)


def rebuild_one(url: str, model: Projection, course: Course) -> None:
    """From nothing to the swap."""
    began, filled = time.perf_counter(), 0.0

    def told(progress: RebuildProgress) -> None:
        nonlocal filled
        if progress.phase == COMPARING and not filled:
            filled = time.perf_counter() - began

    rebuild = Rebuild(Databases.one(url), LEDGER, model, threading.Event())
    rebuild.begin()
    course.take(model.name, rebuild.run(told))
    course.seconds += time.perf_counter() - began
    course.filled_seconds += filled


@dataclass
class Watch:
    """The memory that the backends of rebuilds have beyond what they began with."""

    growth_mib: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, url: str) -> None:
        """Looks until it is over."""
        first: dict[int, float] = {}
        with connect(url, "watch") as connection:
            while not self.over.wait(LOOK_SECONDS):
                now = {
                    pid: telling.memory(PRIVATE_MEMORY, str(pid)) for (pid,) in connection.execute(QUERIES.backends)
                }
                first |= {pid: mib for pid, mib in now.items() if pid not in first}
                self.growth_mib = max(self.growth_mib, sum(mib - first[pid] for pid, mib in now.items()))


@contextmanager
def watched(url: str) -> Iterator[Watch]:
    """Watches for as long as the block lasts."""
    watch = Watch()
    thread = threading.Thread(target=watch.run, args=[url], daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join()


def outdate(connection: Connection, catalogue: Catalogue, model: Projection) -> None:
    """Makes a first generation that is there in name alone look like one of an earlier version: it is then not
    compared, and the new one is built up to the ledger's head."""
    catalogue.ensure(connection, model)
    names = {"catalogue": sql.Identifier(catalogue.schema)}
    connection.execute(sql.SQL(QUERIES.outdate).format(**names), {"name": model.name})


def measure(orders: Orders) -> dict[str, Any]:
    """Rebuilds and tells how long it took."""
    models = [each for each in READ_MODELS if each.name in orders.names]
    catalogue, course = Catalogue(LEDGER), Course()
    with connect(orders.url, "benchmark") as connection:
        for model in models if orders.first else ():
            outdate(connection, catalogue, model)
        with watched(orders.url) as watch:
            if len(models) > 1:
                rebuild_all(orders.url, models, course)
            for model in models if len(models) == 1 else ():
                rebuild_one(orders.url, model, course)
        for model in models:
            while catalogue.drop_retired(connection, model.name, grace=0.0, kept=0.0):
                pass
    if course.different:
        raise SystemExit("what was built differs from what was live")
    filled = course.events / course.filled_seconds
    return telling.rates(len(models), course.events, course.seconds) | {
        "filled_per_second": filled,
        "filled_seconds": course.filled_seconds,
        "database_growth_mib": watch.growth_mib,
    }


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
