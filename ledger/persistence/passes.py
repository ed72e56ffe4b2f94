"""One pass of the check in the background over one ledger, a page at a time and on one connection, which no other
process does at the same time. What it finds is kept until a whole pass finds nothing; it mends nothing."""

import logging
import time
from datetime import datetime

import psycopg

from ledger.audit.merkle import MerkleError
from ledger.errors import CorruptionError
from ledger.persistence.check_states import CheckState, CheckStates
from ledger.persistence.checking import QUERIES, Check
from ledger.persistence.log import Connection, EventLog

log = logging.getLogger(__name__)

KEEP_SECONDS = 5.0
"""How much of a pass is lost at most, in time, where the process ends."""
AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""What the database raises when it is away or overloaded: worth another try, and no finding."""


class Pass:
    """Begun, and gone further until it is done."""

    def __init__(self, connection: Connection, ledger: str, states: CheckStates) -> None:
        self._connection = connection
        self._log = EventLog(ledger)
        self._states = states
        self._state = states.state(ledger)
        self._check: Check | None = None
        self._kept = time.monotonic()
        self.done = False

    def begin(self) -> bool:
        """Go on where the last pass was, or anew; false where another process checks this ledger."""
        asked = {"ledger": self._log.schema}
        row = self._connection.execute(QUERIES.take_turn, asked).fetchone()
        if row is None or not row[0]:
            self.done = True
            return False
        self._state = self._states.state(self._log.ledger)
        return True

    def further(self, most: int, now: datetime) -> int:
        """Check the next events, at most so many; how many there were."""
        before = self._check.verified if self._check is not None else 0
        try:
            check = self._begun()
            before = check.verified
            told = check.further(self._connection, most)
        except CorruptionError as error:
            self._find(error.values.get("position", 0), str(error), now)
        except AWAY:
            raise
        except Exception as error:  # a table or a right is gone, or it was made so that it cannot be checked
            self._find(before + 1, f"What is stored cannot be read: {str(error).strip() or repr(error)}", now)
        else:
            self._state = self._state.model_copy(update={"verified": told.verified, "total": told.total})
            if check.done:
                self._complete(told.total, now)
            elif time.monotonic() > self._kept + KEEP_SECONDS:
                self._keep(self._state.model_copy(update={"memo": check.memo()}))
            return told.verified - before
        return 0

    def end(self) -> None:
        """Let another process have its turn."""
        self._connection.execute(QUERIES.end_turn, {"ledger": self._log.schema})

    def _begun(self) -> Check:
        if self._check is None:
            head = self._log.head(self._connection)
            self._check = Check(self._log, head)
            if self._state.memo is not None:
                try:
                    self._check.go_on(self._connection, self._state.memo)
                except (MerkleError, CorruptionError):  # what it is now is found out from the beginning
                    self._check = Check(self._log, head)
        return self._check

    def _find(self, position: int, finding: str, now: datetime) -> None:
        if finding != self._state.finding:
            log.error("ledger %s: the check in the background has found: %s", self._log.ledger, finding)
        found_at = self._state.found_at or now
        found = {"finding": finding, "finding_position": position, "found_at": found_at, "memo": None}
        self._keep(self._state.model_copy(update=found))
        self.done = True

    def _complete(self, size: int, now: datetime) -> None:
        if self._state.finding:
            log.warning("ledger %s: a whole pass of the check has found nothing any more", self._log.ledger)
        self._keep(CheckState(verified=size, total=size, completed_at=now, completed_size=size))
        self.done = True

    def _keep(self, state: CheckState) -> None:
        self._state, self._kept = state, time.monotonic()
        self._states.keep(self._log.ledger, state)
