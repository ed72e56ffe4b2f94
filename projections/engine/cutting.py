"""A bound on the time that a connection may take, kept by this side: the server's own bounds do not hold where
nothing comes through. It ends connections and nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from projections.engine.databases import cut
from projections.engine.projection import Connection


@contextmanager
def cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection unless the block ends in time; what waits on it wakes with an error."""
    overdue = threading.Timer(seconds, cut, [connection])
    overdue.daemon = True
    overdue.start()
    try:
        yield
    finally:
        overdue.cancel()
