"""Builds a generation that ends at a position, for an audit: it is asked beside the live one, and follows nothing.
It never becomes live, and stays until somebody drops it or a redaction reaches into it."""

from dataclasses import replace

from ledger.errors import InvalidRequestError, Violation
from projections.engine.building import Build
from projections.engine.databases import source_of
from projections.engine.projection import Connection
from projections.engine.rebuilds import DONE


class Freeze(Build):
    """Ends with a frozen generation."""

    purpose = "freeze"

    def _check(self, connection: Connection) -> None:
        self._refuse_waiting(connection)
        head, asked = self._folding.log.head(source_of(connection)).size, self.progress.at_position
        if asked > head:
            why = f"is {asked}; the record ends at {head}"
            raise InvalidRequestError([Violation("at_position", why)])

    def _target(self, connection: Connection) -> int:
        return self.progress.at_position

    def _work(self, connection: Connection) -> None:
        self._fill(connection)
        self._complete(connection)
        with connection.transaction():
            digest = self._projection.digest(connection, self._new.schema).hex()
        self._go_on(connection)
        self.progress = replace(self.progress, state_digest=digest)
        with connection.transaction():
            self._catalogue.set_status(connection, self._new, "frozen")
            self._rebuilds.tell(connection, replace(self.progress, phase=DONE, done=self._new.position))
        self._tell(connection, phase=DONE)
