"""Checks all that is stored, over and over and at a low rate, one ledger after the other. It gives way: the slower
the database answers, the less it is asked. What it finds is logged, and told by health and by GetCheckState."""

import asyncio
import logging
import time
from datetime import UTC, datetime

import psycopg

from ledger.persistence import install
from ledger.persistence.check_states import CheckState, CheckStates
from ledger.persistence.connecting import connect, cut
from ledger.persistence.log import Connection
from ledger.persistence.passes import Pass

log = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
"""Between two rounds."""
PAGES_A_SECOND = 4
LEAST_PAGE, LARGEST_PAGE = 50, 1_000
GIVE_WAY = 3
"""It pauses for as many times as long as the database took."""
PAGE_OF_LEDGERS = 1_000


class BackgroundChecks:
    """The checks of this process, of all ledgers of its database that no other process checks meanwhile."""

    def __init__(self, url: str, states: CheckStates, events_per_second: int) -> None:
        """With a rate of 0 it checks nothing, and tells what is known."""
        self._url = url
        self._states = states
        self._rate = events_per_second
        self._trouble = ""

    @property
    def enabled(self) -> bool:
        """Whether it checks."""
        return self._rate > 0

    def state(self, ledger: str) -> CheckState:
        """What is known of a ledger."""
        return self._states.state(ledger)

    def sound(self) -> bool:
        """Whether nothing that was found stands."""
        return not self._states.findings()

    async def run(self) -> None:
        """Until it is cancelled."""
        while self.enabled:
            trouble = ""
            try:
                await self.round()
            except psycopg.Error as error:
                trouble = str(error).strip()
            except Exception as error:  # whatever it is, the next round is due
                trouble = repr(error)
            if trouble and trouble != self._trouble:
                log.warning("the check in the background waits: %s", trouble)
            self._trouble = trouble
            await asyncio.sleep(PAUSE_SECONDS)

    async def round(self) -> None:
        """One pass over each ledger; what the database does not answer of one keeps the others from nothing."""
        unanswered: psycopg.Error | None = None
        connection = await asyncio.to_thread(connect, self._url, "check")
        try:
            after = ""
            while names := await asyncio.to_thread(install.ledgers, connection, after, PAGE_OF_LEDGERS):
                for name in names:
                    try:
                        await self._pass(connection, name)
                    except psycopg.OperationalError as error:
                        if connection.closed:
                            raise
                        unanswered = error
                after = names[-1]
        except asyncio.CancelledError:
            cut(connection)  # a thread may still be reading with it
            raise
        except BaseException:
            connection.close()
            raise
        connection.close()
        if unanswered is not None:
            raise unanswered

    async def _pass(self, connection: Connection, ledger: str) -> None:
        run = Pass(connection, ledger, self._states)
        if not await asyncio.to_thread(run.begin):
            return
        try:
            await self._whole(run)
        except psycopg.Error:
            if not connection.closed:
                await asyncio.to_thread(run.end)
            raise
        await asyncio.to_thread(run.end)

    async def _whole(self, run: Pass) -> None:
        most = min(max(self._rate // PAGES_A_SECOND, LEAST_PAGE), LARGEST_PAGE)
        while not run.done:
            began = time.monotonic()
            read = await asyncio.to_thread(run.further, most, datetime.now(UTC))
            took = time.monotonic() - began
            await asyncio.sleep(max(read / self._rate - took, took * GIVE_WAY))
