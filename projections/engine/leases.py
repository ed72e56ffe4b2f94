"""The leases of one ledger's projections: who leads, until when, in which epoch, by the database's clock.
It runs single statements; it neither folds nor waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from ledger.persistence.queries import Queries
from projections.engine.catalogue import Catalogue
from projections.engine.projection import Connection

QUERIES = Queries("projections.engine", "leases.sql")
LEASE_SECONDS = 4.0
"""How long a leader may be silent. After that another process takes over."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session of the database: its process at the server, and when that began."""

    backend: int
    began: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A lease that was taken, and the session of whoever held it before."""

    name: str
    epoch: int
    former: Session | None


def session_of(connection: Connection) -> Session:
    """The session of a connection."""
    row = connection.execute(QUERIES.session).fetchone()
    if row is None:
        raise LookupError("session")
    return Session(*row)


def is_standby(connection: Connection) -> bool:
    """Whether the database only reads, so that nobody can lead there, until it is promoted."""
    row = connection.execute(QUERIES.is_standby).fetchone()
    return row is not None and bool(row[0])


class Leases:
    """The statements, on behalf of one process, the holder."""

    def __init__(self, ledger: str, holder: UUID) -> None:
        self.holder = holder
        self._names = {"catalogue": sql.Identifier(Catalogue(ledger).schema)}

    def enter(self, connection: Connection, name: str) -> None:
        """See to it that there is a lease to be taken."""
        self._execute(connection, "enter", name=name)

    def renew(self, connection: Connection, sessions: Mapping[str, Session]) -> dict[str, int]:
        """Renew those that the holder has: their epochs, by name. The sessions are those that it folds in."""
        values = {"seconds": LEASE_SECONDS, **_columns(sessions)}
        return dict(self._execute(connection, "renew", **values))

    def take(self, connection: Connection, sessions: Mapping[str, Session]) -> list[Taken]:
        """Take those of these that have run out, each with a new epoch."""
        values = {"seconds": LEASE_SECONDS, **_columns(sessions)}
        return [
            Taken(name, epoch, Session(backend, began) if backend is not None else None)
            for name, epoch, backend, began in self._execute(connection, "take", **values)
        ]

    def give_back(self, connection: Connection, names: Iterable[str]) -> None:
        """Let others take them at once."""
        self._execute(connection, "give_back", names=list(names))

    def leads(self, connection: Connection, name: str, epoch: int) -> bool:
        """Whether the holder leads in this epoch, with this session; to be asked under the projection's lock."""
        return bool(self._execute(connection, "leads", name=name, epoch=epoch))

    def leader(self, connection: Connection, name: str) -> UUID | None:
        """The process that leads now."""
        rows = self._execute(connection, "leader", name=name)
        return rows[0][0] if rows else None

    def _execute(self, connection: Connection, query: str, **values: Any) -> Sequence[tuple[Any, ...]]:
        composed = sql.SQL(getattr(QUERIES, query)).format(**self._names)
        cursor = connection.execute(composed, {"holder": self.holder, **values})
        return cursor.fetchall() if cursor.description is not None else ()


def end_session(connection: Connection, session: Session) -> None:
    """End a session of this role, where it is still there; what it had not committed is lost."""
    connection.execute(QUERIES.end_session, {"backend": session.backend, "began": session.began})


def is_working(connection: Connection, session: Session, seconds: float) -> bool:
    """Whether a session works on a statement, or has done so within some seconds."""
    values = {"backend": session.backend, "began": session.began, "seconds": seconds}
    return connection.execute(QUERIES.is_working, values).fetchone() is not None


def _columns(sessions: Mapping[str, Session]) -> dict[str, list[Any]]:
    return {
        "names": list(sessions),
        "backends": [each.backend for each in sessions.values()],
        "begans": [each.began for each in sessions.values()],
    }
