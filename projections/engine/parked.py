"""The events that generations have put aside, with why. It runs single statements in the caller's transaction; it
folds nothing."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ledger.persistence.queries import Queries
from projections.engine.catalogue import Catalogue, Generation
from projections.engine.faults import Fault
from projections.engine.projection import Connection

QUERIES = Queries("projections.engine", "parked.sql")


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event that a fold could not take."""

    position: int
    type: str
    reason: str
    traceback_digest: str


class ParkedEvents:
    """The statements of one ledger."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._names = {"catalogue": sql.Identifier(catalogue.schema)}

    def add(self, connection: Connection, generation: Generation, position: int, kind: str, fault: Fault) -> None:
        """Put an event aside; one that is there already gets the new reason."""
        told = {"type": kind, "reason": fault.told, "traceback_digest": fault.digest}
        self._execute(connection, "add", generation, position=position, **told)

    def page(self, connection: Connection, generation: Generation, after: int, limit: int) -> list[ParkedEvent]:
        """Those after a position, in order, at most so many."""
        found = self._execute(connection, "page", generation, after=after, limit=limit)
        return [ParkedEvent(*row) for row in found]

    def count(self, connection: Connection, generation: Generation) -> int:
        """How many there are."""
        row = self._execute(connection, "count", generation).fetchone()
        return int(row[0]) if row else 0

    def remove(self, connection: Connection, generation: Generation, position: int) -> None:
        """The event was taken after all."""
        self._execute(connection, "remove", generation, position=position)

    def lift(self, connection: Connection, generation: Generation) -> None:
        """End a halt: whoever leads tries again."""
        self._execute(connection, "lift", generation)

    def _execute(
        self, connection: Connection, query: str, generation: Generation, **values: Any
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        composed = sql.SQL(getattr(QUERIES, query)).format(**self._names)
        return connection.execute(composed, {"name": generation.name, "number": generation.number, **values})
