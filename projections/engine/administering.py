"""Takes the builds that are over from a catalogue to the administrative record. What cannot be recorded now stays
noted and is taken later, by whatever process."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from psycopg import sql

from ledger.domain.administration import ADMINISTRATION, RebuildEnded
from ledger.errors import NotPossibleError
from projections.engine.catalogue import Catalogue
from projections.engine.leading import GONE
from projections.engine.projection import Connection
from projections.engine.rebuilds import QUERIES

AT_ONCE = 100

Record = Callable[[str, Sequence[RebuildEnded]], bool]
"""Records what ended of a ledger; false where it cannot be now."""


def refuse_administration(ledger: str) -> None:
    """Refuse to ask read models of the administrative record, which has none; NotPossibleError."""
    if ledger == ADMINISTRATION:
        raise NotPossibleError(why=f"{ledger} is the administrative record, which has no read models; replay it")


def record_ended(connection: Connection, ledger: str, record: Record) -> None:
    """Record the builds of a ledger that are over."""
    catalogue = sql.Identifier(Catalogue(ledger).schema)
    with suppress(*GONE), connection.transaction():  # dropped meanwhile, or of an earlier version
        rows = connection.execute(_query("ended", catalogue), {"limit": AT_ONCE}).fetchall()
        if rows and record(ledger, [_ended(ledger, *row) for row in rows]):
            connection.execute(_query("ended_is_recorded", catalogue), {"ids": [row[0] for row in rows]})


def _ended(ledger: str, _: int, name: str, generation: int, purpose: str, phase: str, *rest: Any) -> RebuildEnded:
    position, state_digest, replaced_digest, error, ended_at = rest
    return RebuildEnded.of(
        ledger=ledger,
        projection=name,
        operation=purpose.replace(" ", "_"),
        generation=generation,
        result=phase,
        position=position,
        state_digest=state_digest,
        replaced_digest=replaced_digest,
        error=error,
        ended_at=ended_at,
    )


def _query(name: str, catalogue: sql.Identifier) -> sql.Composed:
    return sql.SQL(getattr(QUERIES, name)).format(catalogue=catalogue)
