"""A build that is compared with the live generation: both at one position in one snapshot, the live one locked no
longer than it takes to have that. It says nothing of what follows from a difference."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from ledger.errors import NotPossibleError
from projections.engine.building import Build
from projections.engine.catalogue import Generation
from projections.engine.databases import source_of
from projections.engine.digest import QUERIES
from projections.engine.folding import BATCH
from projections.engine.projection import Connection
from projections.engine.rebuilds import COMPARING

BACKLOG = BATCH
"""Events that may still be missing when the live generation is locked."""
LOCK_SECONDS = 60


class ComparedBuild(Build):
    """A build whose generation follows the live one until the two are compared."""

    tolerance = BACKLOG

    def _live(self, connection: Connection) -> Generation:
        live = self._catalogue.live(connection, self.name)
        if live is None:
            raise NotPossibleError(why=f"{self.name} has no live generation")
        return live

    def _comparable(self, live: Generation) -> bool:
        """Whether the live generation must be equal to this one."""
        return live.version == self._projection.version and not live.halted_because

    def _target(self, connection: Connection) -> int:
        """Where the live generation is, to be compared there; the ledger's head if there is nothing to compare."""
        live = self._live(connection)
        return live.position if self._comparable(live) else self._folding.log.head(source_of(connection)).size

    @contextmanager
    def _both(self, connection: Connection) -> Iterator[Generation | None]:
        """The live generation in a snapshot that has both at one position; None where it is too early.

        The lock is another connection's, and given back as soon as the snapshot is there: digests of a large
        generation take minutes, and the live one goes on following meanwhile.
        """
        with closing(self._databases.connect(f"compare {self.name}", LOCK_SECONDS)) as locking:
            if not self._level(connection, locking):
                yield None
                return
            with connection.transaction():
                connection.execute(QUERIES.snapshot)
                live = self._live(connection)
                locking.close()
                yield live if self._same_moment(connection, live) else None

    def _level(self, connection: Connection, locking: Connection) -> bool:
        """Lock the live generation, then take what is missing; false where that is too much."""
        self._tell(connection, phase=COMPARING)
        try:
            locking.execute("BEGIN")
            locked = self._catalogue.lock(locking, self.name, wait=True)
        except psycopg.errors.QueryCanceled:
            return False  # whoever holds it takes long
        return locked is not None and self._catch_up(connection)

    def _catch_up(self, connection: Connection) -> bool:
        """Take what is missing while the live generation is locked; false where that is too much."""
        target = self._target(connection)
        if target - self._new.position > BACKLOG:
            return False
        while self._new.position < target:
            self._go_on(connection)
            self._take(connection, target)
        return True

    def _same_moment(self, connection: Connection, live: Generation) -> bool:
        """Whether both, if they must be equal, can be: at one position, and with no redaction that has reached only
        the new one. What is filled now lacks what one that was filled before has until it takes the redaction."""
        if not self._comparable(live):
            return True
        level = live.position == self._new.position
        return level and not self._catalogue.redacted_after(connection, live.position)
