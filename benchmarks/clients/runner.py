"""The `eventsourcing` library's ProjectionRunner on the events of a ledger, copied into the library's own tables:
one grouping with an UPSERT for each event, or the fold of a read model, event by event. Tracking is recorded in the
same transaction, as the library does it; commits are durable, as its own are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row, tuple_row

from benchmarks.clients import telling
from benchmarks.placed import LEDGER
from ledger.domain.casualties import CasualtyClaim
from ledger.domain.recorded import Recorded
from ledger.persistence.log import EventLog
from ledger.persistence.queries import Queries
from projections.engine.batches import batch_of
from projections.engine.projection import Projection as ReadModel
from projections.service import READ_MODELS

QUERIES = Queries("benchmarks.clients", "runner.sql")
LEAST = 20
"""Events that are taken at least, however long they take."""
SLICE_A_SECOND = 5_000
"""Events copied for each second of a measurement: more than are taken."""
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    url: str
    name: str
    """Of the read model whose fold it is; empty: one grouping."""
    schema: str
    seconds: float
    through: int


class Undecoded(Mapper[str]):
    """Leaves events as they are stored: a fold reads them by itself."""

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """The stored event, which has what the library asks of one."""
        return cast(DomainEventProtocol[str], stored_event)


class Copied(Application[str]):
    """The application whose events the library follows."""

    name = "ledger"


class Totals(PostgresTrackingRecorder):
    """A table of one grouping."""

    def __init__(self, datastore: Any, **more: Any) -> None:
        super().__init__(datastore, **more)
        self._names = {"schema": sql.Identifier(datastore.schema)}
        self.sql_create_statements.append(sql.SQL(QUERIES.create_totals).format(**self._names))
        self._upsert = sql.SQL(QUERIES.upsert).format(**self._names)

    def take(self, event: Any, tracking: Tracking) -> None:
        """Adds what the event counts."""
        claim = cast(Recorded, event).event
        with self.datastore.transaction(commit=True) as cursor:
            if isinstance(claim, CasualtyClaim):
                values = {"party": claim.victim_party or "", "best": claim.count.bounds().best or 0}
                cursor.execute(self._upsert, values, prepare=True)
            self._insert_tracking(cursor, tracking)


class Folded(PostgresTrackingRecorder):
    """The tables of a read model."""

    model: ClassVar[ReadModel]
    tables: ClassVar[str]
    log: ClassVar[EventLog] = EventLog(LEDGER)

    def take(self, event: Any, tracking: Tracking) -> None:
        """Folds one event, which the database finds in the ledger's table at less cost than it could be sent."""
        at = tracking.notification_id
        with self.datastore.transaction(commit=True) as cursor:
            connection = cursor.connection
            connection.row_factory = tuple_row
            try:
                self.model.fold(connection, self.tables, batch_of(self.log, connection, at), complete=True)
            finally:
                connection.row_factory = dict_row
            self._insert_tracking(cursor, tracking)


class ByParty(Projection[Totals]):
    """One grouping."""

    name = "by_party"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Hands it on."""
        self.view.take(domain_event, tracking)


class Fold(Projection[Folded]):
    """The fold of a read model."""

    name = "fold"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Hands it on."""
        self.view.take(domain_event, tracking)


@contextmanager
def prepared(orders: Orders) -> Iterator[dict[str, str]]:
    """The library's tables with a slice of the events, and the read model's; the library's environment."""
    parts = {key: str(value) for key, value in conninfo_to_dict(orders.url).items()}
    keys = {"DBNAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    mapper = "benchmarks.clients.runner:Undecoded" if orders.name else "ledger.persistence.codec:LedgerMapper"
    environment = {
        **{f"POSTGRES_{key}": parts[name] for key, name in keys.items() if name in parts},
        "POSTGRES_SCHEMA": orders.schema,
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "ORIGINATOR_ID_TYPE": "text",
        "MAPPER_TOPIC": mapper,
    }
    names = {"schema": sql.Identifier(orders.schema), "ledger": sql.Identifier(f"ledger_{LEDGER}")}
    with psycopg.connect(orders.url, autocommit=True) as connection:
        connection.execute(sql.SQL(QUERIES.create_schema).format(**names))
        try:
            with Copied(environment) as application:
                table = cast(PostgresApplicationRecorder, application.recorder).events_table_name
            most = min(orders.through, max(LEAST, int(SLICE_A_SECOND * orders.seconds)))
            copy = sql.SQL(QUERIES.copy).format(table=sql.Identifier(orders.schema, table), **names)
            connection.execute(copy, {"through": most})
            if orders.name:
                with connection.transaction():
                    _named(orders.name).create(connection, orders.schema)
                    _named(orders.name).complete(connection, orders.schema, 0)
            yield environment
        finally:
            connection.execute(sql.SQL(QUERIES.drop_schema).format(**names))


def _named(name: str) -> ReadModel:
    [model] = [each for each in READ_MODELS if each.name == name]
    return model


def _runner(orders: Orders, environment: dict[str, str]) -> ProjectionRunner[Any, Any]:
    if not orders.name:
        return ProjectionRunner(
            application_class=Copied, projection_class=ByParty, view_class=Totals, env=environment
        )
    own = {"model": _named(orders.name), "tables": orders.schema}
    view = type("FoldedInto", (Folded,), own)
    return ProjectionRunner(application_class=Copied, projection_class=Fold, view_class=view, env=environment)


def measure(orders: Orders) -> dict[str, Any]:
    """Runs until the seconds are over or the slice is taken; counts from the first event that was taken."""
    with prepared(orders) as environment, _runner(orders, environment) as runner:
        last = runner.app.recorder.max_notification_id()
        first = _taken(runner, 1)
        began = time.perf_counter()
        taken = _taken(runner, first + LEAST if last > LEAST else last)
        while taken < last and time.perf_counter() < began + orders.seconds:
            taken = _taken(runner, taken + 1)
        elapsed = time.perf_counter() - began
    return telling.rates(taken - first, taken - first, elapsed)


def _taken(runner: ProjectionRunner[Any, Any], least: int) -> int:
    """How many events were taken, once these were; what stopped the runner stops this too."""
    while True:
        runner.run_forever(timeout=LOOK_SECONDS)
        taken = runner.view.max_tracking_id(runner.app_name) or 0
        if taken >= least:
            return int(taken)
        if runner.is_interrupted.is_set():
            raise SystemExit(f"the runner has stopped after {taken} events")


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
