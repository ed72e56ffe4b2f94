"""How connections to the database are made: bounded in time, dead peers noticed, commits durable.
It opens them and nothing else; pools and retries belong to those who use them."""

import socket
from contextlib import suppress
from os import dup
from typing import Any

import psycopg
from psycopg.rows import TupleRow

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 30
DEAD_PEER_SECONDS = 15

BOUNDS: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": DEAD_PEER_SECONDS * 1000,
}
"""Without them a connection whose peer has silently gone waits for ever."""


def parameters(url: str, purpose: str, statement_seconds: int = STATEMENT_SECONDS) -> dict[str, Any]:
    """Keyword arguments for an autocommit connection whose statements and dead peers are bounded."""
    bound = statement_seconds * 1000
    # A transaction whose client has silently gone would hold what the next writer waits for.
    options = f"-c statement_timeout={bound} -c idle_in_transaction_session_timeout={bound} -c timezone=UTC"
    return {
        "autocommit": True,
        "application_name": f"incident-ledger {purpose}",
        "options": _merged(url, options),
        **BOUNDS,
    }


def connect(url: str, purpose: str, statement_seconds: int = STATEMENT_SECONDS) -> psycopg.Connection[TupleRow]:
    """Such a connection."""
    return psycopg.connect(url, **parameters(url, purpose, statement_seconds))


def cut(connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> None:
    """Ends a connection from another thread, so that whoever waits on it wakes with an error."""
    with suppress(OSError, psycopg.Error):
        line = socket.socket(fileno=dup(connection.pgconn.socket))
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.close()


def _merged(url: str, options: str) -> str:
    """Options of the URL stay in force beside ours (the owner's URL sets its role there)."""
    given = psycopg.conninfo.conninfo_to_dict(url).get("options")
    return f"{given} {options}" if given else options
