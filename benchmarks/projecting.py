"""Projections, measured on one ledger of a realistic mix: built from nothing, following, and beside appends and
questions. Plain SQL and the library's ProjectionRunner stand beside them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import following, rebuilding
from benchmarks.ground import Ground
from benchmarks.opponents import Opponent, Scale


def opponents(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """Rebuilds first: the ledger grows when read models follow."""
    record = rebuilding.Record(ground, scale)
    yield from rebuilding.opponents(ground, scale, record)
    yield from following.opponents(ground, scale, record)
