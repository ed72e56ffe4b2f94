"""The catalogue of one ledger's projections: their generations, which one is live, how far each has come.
It runs single statements in the caller's transaction; it neither folds nor decides."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from ledger.errors import NotPossibleError
from ledger.persistence.log import EventLog, schema_of
from ledger.persistence.queries import Queries
from projections.engine.databases import source_of
from projections.engine.projection import Connection, Projection

log = logging.getLogger(__name__)

QUERIES = Queries("projections.engine", "catalogue.sql")
MAX_IDENTIFIER = 63
"""PostgreSQL cuts longer names off, and two generations would share a schema."""
RETIRED_SECONDS = 60
"""How long a replaced generation stays for readers that have just looked it up."""
KEPT_SECONDS = 86_400
"""How long one of another version stays, so that an operator can go back to it."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One build of a projection, in a schema of its own."""

    name: str
    number: int
    schema: str
    version: int
    position: int
    status: str
    halted_because: str
    complete: bool
    """Whether it has what only questions need; while it is filled it has not."""


class Catalogue:
    """The statements of one ledger's catalogue."""

    def __init__(self, ledger: str) -> None:
        self.ledger = ledger
        self.schema = f"{schema_of(ledger)}_projections"
        self._names: dict[str, sql.Composable] = {
            "catalogue": sql.Identifier(self.schema),
            "ledger": sql.Identifier(schema_of(ledger)),
        }

    def query(self, name: str, **names: sql.Composable) -> sql.Composed:
        """A named query with its identifiers in place."""
        return sql.SQL(getattr(QUERIES, name)).format(**self._names, **names)

    def ensure(self, connection: Connection, projection: Projection) -> None:
        """Make the catalogue and the projection's first generation, where they are missing."""
        with connection.transaction():
            connection.execute(self.query("take_turns"), {"catalogue": self.schema})
            if not self.is_made(connection):
                connection.execute(self.query("create"))
            if self.live(connection, projection.name) is None:
                number = self.add_generation(connection, projection, "live").number
                connection.execute(self.query("add_projection"), {"name": projection.name, "number": number})

    def is_made(self, connection: Connection) -> bool:
        """Whether the catalogue is there: a new ledger has none yet."""
        return bool(self._one(connection, "exists", catalogue=self.schema)[0])

    def hold(self, connection: Connection, generation: Generation) -> None:
        """Keep a generation from being dropped until the transaction ends."""
        connection.execute(self.query("hold", schema=sql.Identifier(generation.schema)))

    def live(self, connection: Connection, name: str) -> Generation | None:
        """The live generation; None where the projection is not made yet."""
        row = connection.execute(self.query("live"), {"name": name}).fetchone()
        return Generation(*row) if row else None

    def generation(self, connection: Connection, name: str, number: int) -> Generation | None:
        """A generation by its number, whatever it is for."""
        row = connection.execute(self.query("generation"), {"name": name, "number": number}).fetchone()
        return Generation(*row) if row else None

    def lock(self, connection: Connection, name: str, *, wait: bool) -> Generation | None:
        """Lock the projection for this transaction, then read; None where it is not there, or locked already."""
        query = self.query("lock" if wait else "lock_if_free")
        if connection.execute(query, {"name": name}).fetchone() is None:
            return None
        # Only a statement after the lock sees what its former holder wrote.
        return self.live(connection, name)

    def add_generation(self, connection: Connection, projection: Projection, status: str) -> Generation:
        """Add an empty generation with its tables."""
        name = projection.name
        number = self._one(connection, "next_number", name=name)[0]
        schema = f"{schema_of(self.ledger)}_{name}_g{number}"
        if len(schema) > MAX_IDENTIFIER:
            raise NotPossibleError(why=f"the schema's name {schema} would be longer than {MAX_IDENTIFIER}")
        connection.execute(self.query("create_schema", schema=sql.Identifier(schema)))
        projection.create(connection, schema)
        complete = status == "live"
        if complete:
            projection.complete(connection, schema, 0)
        generation = Generation(name, number, schema, projection.version, 0, status, "", complete)
        began_at = EventLog(self.ledger).head(source_of(connection)).size
        connection.execute(self.query("add_generation"), {**asdict(generation), "began_at": began_at})
        return generation

    def move(self, connection: Connection, generation: Generation, position: int) -> None:
        """Set how far a generation has come."""
        values = {"name": generation.name, "number": generation.number, "before": generation.position}
        moved = connection.execute(self.query("move"), {**values, "position": position})
        if moved.rowcount != 1:
            raise NotPossibleError(why=f"{generation.schema} is no longer at position {generation.position}")

    def complete(self, connection: Connection, generation: Generation) -> None:
        """Tell that a generation has what only questions need."""
        connection.execute(self.query("complete"), {"name": generation.name, "number": generation.number})

    def halt(self, connection: Connection, generation: Generation, reason: str) -> None:
        """Tell why a generation has stopped where it is."""
        values = {"name": generation.name, "number": generation.number, "position": generation.position}
        connection.execute(self.query("halt"), {**values, "reason": reason})

    def swap(self, connection: Connection, old: Generation, new: Generation) -> None:
        """Make another generation live; the caller holds the lock."""
        versions = {"version": new.version, "replaced_version": old.version}
        connection.execute(self.query("go_live"), {"name": new.name, "number": new.number, **versions})
        self.set_status(connection, new, "live")
        self.set_status(connection, old, "retired")

    def is_withdrawn(self, connection: Connection, name: str, version: int) -> bool:
        """Whether an operator went back from this version, or from a newer one."""
        return version <= int(self._one(connection, "withdrawn_version", name=name)[0])

    def take_back(self, connection: Connection, projection: Projection) -> Generation | None:
        """Take the newest generation of the projection's version that was replaced, to build on."""
        values = {"name": projection.name, "version": projection.version}
        row = connection.execute(self.query("take_back"), values).fetchone()
        return Generation(*row) if row else None

    def set_status(self, connection: Connection, generation: Generation, status: str) -> None:
        """Tell what a generation is for."""
        values = {"name": generation.name, "number": generation.number, "status": status}
        connection.execute(self.query("set_status"), values)

    def lock_generation(self, connection: Connection, generation: Generation) -> str:
        """What a generation is for, which stays so until the transaction ends."""
        values = {"name": generation.name, "number": generation.number}
        return str(self._one(connection, "lock_generation", **values)[0])

    def give_up(self, connection: Connection, generation: Generation, status: str) -> bool:
        """Tell what becomes of a generation that is not finished; false where it is not being built any more."""
        values = {"name": generation.name, "number": generation.number, "status": status}
        return connection.execute(self.query("give_up"), values).rowcount == 1

    def drop(self, connection: Connection, generation: Generation) -> bool:
        """Drop a generation's schema, unless somebody reads it now."""
        schema = sql.Identifier(generation.schema)
        try:
            with connection.transaction():
                connection.execute(self.query("hold_alone", schema=schema))
                connection.execute(self.query("drop_schema", schema=schema))
                self.set_status(connection, generation, "dropped")
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def drop_retired(
        self, connection: Connection, name: str, grace: float = RETIRED_SECONDS, kept: float = KEPT_SECONDS
    ) -> bool:
        """Drop one generation that was replaced some time ago, or a frozen one that a redaction reaches into; false
        where there is none."""
        asked = {"name": name, "grace": grace, "kept": kept, "redacted": self._redacted(connection, name)}
        with connection.transaction():
            row = connection.execute(self.query("droppable"), asked).fetchone()
            dropped = row is not None and self.drop(connection, Generation(*row))
        if row is not None and dropped and Generation(*row).status == "frozen":
            log.warning("frozen generation %d of %s is dropped: a redaction concerns it", row[1], name)
        return dropped

    def _redacted(self, connection: Connection, name: str) -> list[int]:
        """The generations that take nothing any more, and from whose content something was redacted since."""
        numbers = []
        for number, *values in connection.execute(self.query("resting"), {"name": name}).fetchall():
            asked = dict(zip(("position", "began_at"), values, strict=True))
            if self._one(source_of(connection), "redacted_within", **asked)[0]:
                numbers.append(number)
        return numbers

    def leftovers(self, connection: Connection, name: str) -> list[Generation]:
        """What builds have made that are not over, or that have left it behind."""
        return [Generation(*row) for row in connection.execute(self.query("leftovers"), {"name": name})]

    def redacted_after(self, connection: Connection, position: int) -> bool:
        """Whether payloads are gone by an act after a position."""
        return bool(self._one(source_of(connection), "redacted_after", position=position)[0])

    def waiting_seconds(self, connection: Connection, position: int) -> float:
        """How long ago the first event after a position was recorded; 0 where there is none."""
        row = source_of(connection).execute(self.query("waiting_since"), {"position": position}).fetchone()
        return max(float(row[0]), 0.0) if row else 0.0

    def halts(self, connection: Connection) -> dict[str, str]:
        """Why each projection is halted, by name; empty where it is not."""
        return dict(connection.execute(self.query("halts")).fetchall())

    def _one(self, connection: Connection, query: str, **values: Any) -> tuple[Any, ...]:
        row = connection.execute(self.query(query), values).fetchone()
        if row is None:
            raise LookupError(query)
        return tuple(row)
