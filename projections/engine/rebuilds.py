"""The rebuilds of one ledger's projections, as the catalogue tells them: how far the newest of each is, whether a
process runs it, whether it is to end. It runs single statements; it builds nothing and decides nothing."""

from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ledger.persistence.queries import Queries
from projections.engine.catalogue import Catalogue
from projections.engine.projection import Connection

QUERIES = Queries("projections.engine", "rebuilds.sql")

VERIFY = "verify"
"""The one purpose that is not gone on with."""
ROLL_BACK = "roll back"
"""The one purpose that builds on a generation that was there before."""
REPLAYING = "replaying"
CATCHING_UP = "catching up"
COMPARING = "comparing"
DONE = "done"
CANCELLED = "cancelled"
FAILED = "failed"
INTERRUPTED = "interrupted"
"""Its process ended or was cut off. It goes on where it was; the catalogue keeps the phase that it had."""
ENDED = frozenset((DONE, CANCELLED, FAILED))


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """How far a rebuild is; the digests are given once it has compared, and are those of `compared_position`."""

    name: str
    started_at: datetime
    purpose: str
    at_position: int
    generation: int = 0
    phase: str = REPLAYING
    done: int = 0
    total: int = 0
    events_per_second: float = 0.0
    remaining_seconds: float = 0.0
    state_digest: str = ""
    replaced_digest: str = ""
    error: str = ""
    resumed_from: int = 0
    compared_position: int = 0


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest rebuild of a projection."""

    progress: RebuildProgress
    cancel_asked: bool
    running: bool
    """Whether a session holds the lock of rebuilding."""

    @property
    def ended(self) -> bool:
        """Whether it is over, however it ended."""
        return self.progress.phase in ENDED


class Rebuilds:
    """The statements about rebuilds."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def lock(self, connection: Connection, name: str) -> bool:
        """Become the one rebuild of a projection, for as long as the session lasts."""
        return bool(self._one(connection, "lock", name=name)[0])

    def newest(self, connection: Connection, name: str) -> Newest | None:
        """The newest rebuild, over or not; None where there was none."""
        row = connection.execute(self._query("newest"), self._values(name=name)).fetchone()
        if row is None:
            return None
        told = len(fields(RebuildProgress))
        return Newest(RebuildProgress(*row[:told]), *row[told:])

    def running(self, connection: Connection, name: str) -> bool:
        """Whether a rebuild runs now, in whatever process."""
        return bool(self._one(connection, "running", name=name)[0])

    def tell(self, connection: Connection, progress: RebuildProgress) -> None:
        """Let other processes see how far a rebuild is."""
        connection.execute(self._query("tell"), {**asdict(progress), "ended": sorted(ENDED)})

    def unlock(self, connection: Connection, name: str) -> None:
        """Be it no longer, at once: a server can take a while to notice that a session has ended."""
        with suppress(psycopg.Error):
            connection.execute(self._query("unlock"), self._values(name=name))

    def ask_cancel(self, connection: Connection, progress: RebuildProgress) -> None:
        """Ask for the end of a rebuild; whoever runs it looks."""
        values = {"name": progress.name, "generation": progress.generation}
        connection.execute(self._query("ask_cancel"), values)

    def cancel_asked(self, connection: Connection, progress: RebuildProgress) -> bool:
        """Whether a rebuild is to end."""
        values = {"name": progress.name, "generation": progress.generation}
        row = connection.execute(self._query("cancel_asked"), values).fetchone()
        return bool(row and row[0])

    def forget(self, connection: Connection, name: str) -> bool:
        """Forget a rebuild that is over, so that nobody gives its version up for it; false where there is none."""
        values = {"name": name, "ended": sorted(ENDED)}
        return connection.execute(self._query("forget"), values).rowcount > 0

    def end_statement(self, connection: Connection, name: str) -> None:
        """End what the session that rebuilds is doing now."""
        connection.execute(self._query("end_statement"), self._values(name=name))

    def end_session(self, connection: Connection, name: str) -> None:
        """End the session that rebuilds: its process does not answer."""
        connection.execute(self._query("end_session"), self._values(name=name))

    def _query(self, name: str) -> sql.Composed:
        names = {"catalogue": sql.Identifier(self._catalogue.schema), "holder": sql.SQL(QUERIES.holder)}
        return sql.SQL(getattr(QUERIES, name)).format(**names)

    def _values(self, **values: Any) -> dict[str, Any]:
        return {"catalogue": self._catalogue.schema, **values}

    def _one(self, connection: Connection, query: str, **values: Any) -> tuple[Any, ...]:
        row = connection.execute(self._query(query), self._values(**values)).fetchone()
        if row is None:
            raise LookupError(query)
        return tuple(row)
