"""Figures computed again: a ledger of this machine alone, filled with verified events, folded by the same
projections, and asked by the same services. It listens on no port, asks no server and leaves nothing behind."""

import asyncio
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.api.requests import ledger_name
from ledger.embedded import EmbeddedPostgres
from ledger.errors import NotPossibleError
from ledger.persistence import install
from ledger.persistence.connecting import connect
from ledger.persistence.copying import Copying
from ledger.persistence.provision import provision
from projections.api.casualty_service import CasualtyServicer
from projections.api.ceasefire_service import CeasefireServicer
from projections.engine.databases import Databases
from projections.engine.freezing import Freeze
from projections.engine.reading import MOST_SECONDS, ReadSide, read_pool
from projections.engine.rebuilds import DONE
from projections.service import READ_MODELS

FOLDER = "incident-ledger-"
TRIES, TRY_SECONDS = 100, 0.05
"""How often a folder is removed in which what was interrupted may still write for a moment."""
STATEMENT_SECONDS = 3_600
CONNECTIONS = 2
SETTINGS = {"max_wal_size": "4GB", "autovacuum": "off"}
"""Of a database that is filled once and then read."""

Told = Callable[[int], None]
"""Is told how many events are folded."""


@dataclass(frozen=True, slots=True)
class FoldedState:
    """A read model at the end of the record."""

    generation: int
    version: int
    digest: str
    """Of everything in it, hexadecimal."""


class Replica:
    """A ledger filled from a replay, and the answers of its read models."""

    def __init__(self, ledger: str, url: str, copying: Copying) -> None:
        self.ledger = ledger
        self.copying = copying
        self._url = url
        self._states: dict[str, FoldedState] = {}

    def fold(self, name: str, told: Told) -> FoldedState:
        """Fold all events into a projection, once; NotPossibleError where it cannot take one."""
        if name not in self._states:
            (projection,) = (each for each in READ_MODELS if each.name == name)
            databases, size = Databases.one(self._url), self.copying.size
            build = Freeze(databases, self.ledger, projection, threading.Event(), size)
            build.begin()
            done = build.run(lambda progress: told(progress.done))
            if done.phase != DONE:
                raise NotPossibleError(why=f"{name} cannot be folded from the record: {done.error}")
            self._states[name] = FoldedState(done.generation, projection.version, done.state_digest)
        return self._states[name]

    def ask(self, method: str, request: Any) -> Any:
        """The answer of the service that has this method, of the generation that the request names; LedgerError."""
        return asyncio.run(self._answer(method, request))

    async def _answer(self, method: str, request: Any) -> Any:
        async with read_pool(self._url, CONNECTIONS) as pool:
            read_side = ReadSide(pool, READ_MODELS)
            for servicer in (CasualtyServicer(read_side), CeasefireServicer(read_side)):
                if method in vars(type(servicer)):
                    return await getattr(servicer, method)(request, _Call())
        raise LookupError(method)


class _Call:
    """The context of a call that nobody else waits for."""

    def time_remaining(self) -> float:
        """Seconds."""
        return MOST_SECONDS


@contextmanager
def replica(ledger: str) -> Iterator[Replica]:
    """An empty one, in a database that is gone afterwards. BinariesMissingError tells how to get one."""
    # What fails is told by whoever asked for it.
    logging.getLogger("projections").addHandler(logging.NullHandler())
    with (
        _folder() as folder,
        EmbeddedPostgres(folder, durable=False, settings=SETTINGS, temporary=True) as server,
    ):
        urls = provision(server.url(), service_password=secrets.token_urlsafe(24))
        install.install(urls.owner_url)
        install.create_ledger(urls.service_url, ledger_name(ledger))
        with connect(urls.owner_url, "copy", STATEMENT_SECONDS) as connection:
            yield Replica(ledger, urls.service_url, Copying(connection, ledger))


@contextmanager
def _folder() -> Iterator[Path]:
    """A new folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER))
    try:
        yield folder
    finally:
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(TRY_SECONDS)
