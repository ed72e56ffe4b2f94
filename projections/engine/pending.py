"""Builds that wait to be gone on with: their process is gone, what they built is there. It goes on with none."""

from projections.engine.catalogue import Catalogue, Generation
from projections.engine.projection import Connection
from projections.engine.rebuilds import RebuildProgress, Rebuilds


def pending(connection: Connection, catalogue: Catalogue, name: str) -> tuple[RebuildProgress, Generation] | None:
    """The build of a projection that waits, where nobody runs one; only for whoever has the lock of rebuilding."""
    newest = Rebuilds(catalogue).newest(connection, name)
    if newest is None or newest.ended or newest.cancel_asked:
        return None
    found = catalogue.generation(connection, name, newest.progress.generation)
    if found is None or found.status != "building":
        return None
    return newest.progress, found
