"""Where ledgers are read, and where read models live: in one database, or in two. It opens and cuts connections,
and reads nothing."""

from dataclasses import dataclass
from typing import Any, Self

import psycopg

from ledger.persistence import connecting
from ledger.persistence.connecting import STATEMENT_SECONDS, connect, parameters
from projections.engine.projection import Connection

LOST_STATES = ("08", "57P")
"""SQLSTATE of lost connections, and of a server that stops or starts."""


class Connected(psycopg.Connection[Any]):
    """A connection to the read models that knows where their ledgers are read."""

    _ledgers: str | None = None
    _purpose = ""
    _seconds = STATEMENT_SECONDS
    _source: Connection | None = None

    @classmethod
    def to(cls, databases: "Databases", purpose: str, seconds: int) -> Self:
        """Such a connection, bounded like all of them."""
        opened = cls.connect(databases.read_models, **parameters(databases.read_models, purpose, seconds))
        opened._ledgers = databases.ledgers if databases.apart else None
        opened._purpose, opened._seconds = purpose, seconds
        return opened

    @property
    def source(self) -> Connection:
        """Reads the ledgers: this connection itself, or one to their database, opened when it is needed."""
        if self._ledgers is None:
            return self
        if self._source is None or self._source.closed:
            self._source = connect(self._ledgers, self._purpose, self._seconds)
        return self._source

    @property
    def opened_source(self) -> Connection | None:
        """The connection to another database, if there is one by now."""
        return self._source

    def __exit__(self, *raised: Any) -> None:
        """Leave no connection behind, also where the other one is broken."""
        try:
            super().__exit__(*raised)
        finally:
            if self._source is not None:
                self._source.close()

    def close(self) -> None:
        """Close both."""
        if self._source is not None:
            self._source.close()
        super().close()


@dataclass(frozen=True)
class Databases:
    """The URLs, both as the service's role."""

    ledgers: str
    read_models: str

    @classmethod
    def one(cls, url: str) -> "Databases":
        """Everything in one database."""
        return cls(url, url)

    @property
    def apart(self) -> bool:
        """Whether they are two."""
        return self.ledgers != self.read_models

    def connect(self, purpose: str, seconds: int = STATEMENT_SECONDS) -> Connected:
        """A connection to the read models."""
        return Connected.to(self, purpose, seconds)


def is_lost(error: Exception) -> bool:
    """Whether an error says that a server cannot be reached, or ends its sessions, and nothing else."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(LOST_STATES)


def source_of(connection: Connection) -> Connection:
    """What reads the ledgers beside a connection to the read models."""
    return connection.source if isinstance(connection, Connected) else connection


def cut(connection: Connection) -> None:
    """End a connection from another thread, with its source: whoever waits on either wakes with an error."""
    if isinstance(connection, Connected) and connection.opened_source is not None:
        connecting.cut(connection.opened_source)
    connecting.cut(connection)
