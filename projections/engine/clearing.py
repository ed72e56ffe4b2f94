"""Drops what builds leave behind that nobody goes on with: cancelled while their process did not answer, failed, or
killed while they were dropped themselves. It touches no generation that is live, retired or frozen."""

from dataclasses import replace

from projections.engine.catalogue import Catalogue, Generation
from projections.engine.projection import Connection
from projections.engine.rebuilds import CANCELLED, FAILED, ROLL_BACK, Rebuilds


def clear_leftovers(connection: Connection, catalogue: Catalogue, name: str, but: Generation | None = None) -> None:
    """Drop all leftovers but one; only for whoever holds the lock of rebuilding."""
    newest = Rebuilds(catalogue).newest(connection, name)
    for each in catalogue.leftovers(connection, name):
        if but is not None and each.number == but.number:
            continue
        if (
            newest is not None
            and newest.progress.purpose == ROLL_BACK
            and newest.progress.generation == each.number
        ):
            catalogue.give_up(connection, each, "retired")  # it can be gone back to again
        else:
            catalogue.drop(connection, each)


def clear(connection: Connection, catalogue: Catalogue, name: str) -> None:
    """The same, and tell how the build ended that nobody goes on with."""
    rebuilds = Rebuilds(catalogue)
    newest = rebuilds.newest(connection, name)
    if newest is not None and not newest.ended:
        asked = newest.cancel_asked
        phase, why = (CANCELLED, "somebody asked for it") if asked else (FAILED, "its process has ended")
        rebuilds.tell(connection, replace(newest.progress, phase=phase, error=why, remaining_seconds=0.0))
    clear_leftovers(connection, catalogue, name)
