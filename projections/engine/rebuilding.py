"""Builds a projection anew beside the live generation, compares the two, and swaps them in one transaction.
What the ledger says is the truth: a difference is told, and the new generation still goes live."""

import logging
from dataclasses import replace

from ledger.errors import NotPossibleError
from projections.engine.comparing import ComparedBuild
from projections.engine.projection import Connection
from projections.engine.rebuilds import DONE

log = logging.getLogger(__name__)


class Rebuild(ComparedBuild):
    """Ends with the new generation live."""

    purpose = "rebuild"

    def _work(self, connection: Connection) -> None:
        self._fill(connection)
        self._complete(connection)
        for step in (self._compare, self._swap):
            self._fill(connection)
            while not step(connection):
                self._pause(connection)
                self._fill(connection)
        self._tell(connection, phase=DONE)

    def _compare(self, connection: Connection) -> bool:
        """Tell the digests of both generations at one position; false where it is too early."""
        with self._both(connection) as live:
            if live is None:
                return False
            new = self._projection.digest(connection, self._new.schema).hex()
            old = self._projection.digest(connection, live.schema).hex() if self._comparable(live) else ""
        if old and new != old:
            log.error("%s: generation %d differs from its rebuild", self.name, live.number)
        self.progress = replace(
            self.progress, state_digest=new, replaced_digest=old, compared_position=self._new.position
        )
        return True

    def _swap(self, connection: Connection) -> bool:
        """Swap, with the live generation locked; false where it is too early."""
        with connection.transaction():
            live = self._catalogue.lock(connection, self.name, wait=True)
            if live is None:
                raise NotPossibleError(why=f"{self.name} has no live generation")
            if not self._catch_up(connection):
                return False
            self._go_on(connection)
            connection.execute("SET LOCAL synchronous_commit TO on")  # whatever the last fold has set
            self._catalogue.swap(connection, live, self._new)
            done = self._new.position
            # In this transaction, so that nobody takes what is swapped for what was interrupted.
            self._rebuilds.tell(connection, replace(self.progress, phase=DONE, done=done, total=done))
        self.progress = replace(self.progress, total=done)
        return True
