"""Proves that a live generation is what the ledger says: replays into a scratch generation, compares both at one
position, names the rows that differ, and drops the scratch one. It changes nothing that is live."""

import logging
from dataclasses import dataclass, replace

from ledger.errors import NotPossibleError
from projections.engine.catalogue import Generation
from projections.engine.comparing import ComparedBuild
from projections.engine.digest import TableDifference, differences
from projections.engine.projection import Connection
from projections.engine.rebuilds import DONE, VERIFY

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification has found; equal where nothing differs."""

    name: str
    generation: int
    position: int
    state_digest: str
    replayed_digest: str
    differences: tuple[TableDifference, ...]

    @property
    def equal(self) -> bool:
        """Whether the live generation is what the ledger says."""
        return self.state_digest == self.replayed_digest and not self.differences


class Verification(ComparedBuild):
    """Ends with a verdict, and nothing else. It is not gone on with when its process dies: ask again."""

    purpose = VERIFY
    resumable = False
    verdict: Verdict | None = None

    def _check(self, connection: Connection) -> None:
        self._refuse_other_version(self._live(connection))
        self._refuse_waiting(connection)

    def _comparable(self, live: Generation) -> bool:
        """A halted one too: it must be what the ledger says up to where it is."""
        return live.version == self._projection.version

    def _same_moment(self, connection: Connection, live: Generation) -> bool:
        """Behind its halt a generation takes no redaction, and what is replayed lacks the payload: never equal."""
        if live.halted_because and self._catalogue.redacted_after(connection, live.position):
            why = f"{self.name} is halted at {live.position}, before a redaction that it has not taken"
            raise NotPossibleError(why=f"{why}; end the halt, then verify")
        return super()._same_moment(connection, live)

    def _work(self, connection: Connection) -> None:
        self._fill(connection)
        self._complete(connection)
        while not self._compare(connection):
            self._pause(connection)
            self._fill(connection)
        with connection.transaction():
            self._catalogue.set_status(connection, self._new, "failed")  # it was never meant to serve
            self._rebuilds.tell(connection, replace(self.progress, phase=DONE))
        self._catalogue.drop(connection, self._new)
        self._tell(connection, phase=DONE)

    def _compare(self, connection: Connection) -> bool:
        with self._both(connection) as live:
            if live is None:
                return False
            self._refuse_other_version(live)
            stated = self._projection.digest(connection, live.schema).hex()
            replayed = self._projection.digest(connection, self._new.schema).hex()
            found: list[TableDifference] = []
            if stated != replayed:
                found = differences(connection, live.schema, self._new.schema)
        position = self._new.position
        self.verdict = Verdict(self.name, live.number, position, stated, replayed, tuple(found))
        if not self.verdict.equal:
            tables = ", ".join(each.table for each in found)
            log.error("%s: generation %d is not what the ledger says: %s", self.name, live.number, tables)
        self.progress = replace(
            self.progress, state_digest=replayed, replaced_digest=stated, compared_position=position
        )
        return True

    def _refuse_other_version(self, live: Generation) -> None:
        if live.version != self._projection.version:
            why = f"{self.name} is served by version {live.version}, and this program replays version"
            raise NotPossibleError(why=f"{why} {self._projection.version}")
