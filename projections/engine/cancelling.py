"""Ends a rebuild, in whatever process it runs: asks it, then ends its statement, then its session. It answers when
the half-built generation is gone, and refuses where nothing is being built."""

import time

from ledger.errors import DeadlineError, NotPossibleError
from projections.engine.catalogue import Catalogue
from projections.engine.clearing import clear
from projections.engine.databases import Databases
from projections.engine.projection import Connection
from projections.engine.rebuilds import CANCELLED, Newest, Rebuilds

LOOK_SECONDS = 0.05
END_STATEMENT_SECONDS = 1.0
"""A rebuild looks between two batches; an index or a digest takes minutes."""
END_SESSION_SECONDS = 5.0
"""By then a process that lives has ended it."""


def cancel(databases: Databases, ledger: str, name: str, seconds: float) -> None:
    """End the rebuild of a projection; NotPossibleError where none runs, or it was done first. DeadlineError."""
    catalogue = Catalogue(ledger)
    with databases.connect(f"cancel {name}") as connection:
        asked = _ask(connection, catalogue, name)
        began = ended_statement = time.monotonic()
        while (newest := _now(connection, catalogue, name, asked)) is not None:
            waited = time.monotonic() - began
            if waited > seconds:
                raise DeadlineError(f"The rebuild of {name} was asked to end; it has not within the deadline.")
            if not newest.running:
                _clear(databases, catalogue, name)
            elif not newest.ended and waited > END_SESSION_SECONDS:
                Rebuilds(catalogue).end_session(connection, name)
            elif not newest.ended and time.monotonic() > ended_statement + END_STATEMENT_SECONDS:
                ended_statement = time.monotonic()
                Rebuilds(catalogue).end_statement(connection, name)
            time.sleep(LOOK_SECONDS)
        last = Rebuilds(catalogue).newest(connection, name)
    same = last is not None and last.progress.generation == asked.progress.generation
    if last is not None and same and last.progress.phase != CANCELLED:
        why = f"the rebuild of {name} was {last.progress.phase} before it could be cancelled"
        raise NotPossibleError(why=why)


def _ask(connection: Connection, catalogue: Catalogue, name: str) -> Newest:
    rebuilds = Rebuilds(catalogue)
    newest = rebuilds.newest(connection, name) if catalogue.is_made(connection) else None
    if newest is None or newest.ended:
        raise NotPossibleError(why=f"no rebuild of {name} runs")
    rebuilds.ask_cancel(connection, newest.progress)
    return newest


def _now(connection: Connection, catalogue: Catalogue, name: str, asked: Newest) -> Newest | None:
    """The rebuild that was asked to end, as long as there is anything left of it."""
    newest = Rebuilds(catalogue).newest(connection, name)
    if newest is None or newest.progress.generation != asked.progress.generation:
        return None
    generation = catalogue.generation(connection, name, newest.progress.generation)
    left = generation is not None and generation.status in ("building", "failed")
    return newest if left or not newest.ended else None


def _clear(databases: Databases, catalogue: Catalogue, name: str) -> None:
    """Clear what nobody runs any more; the lock ends with the connection."""
    with databases.connect(f"clear {name}") as connection:
        if Rebuilds(catalogue).lock(connection, name):
            clear(connection, catalogue, name)
