"""Signs a checkpoint of each open ledger now and then, where something was recorded since the last one: the guard
has something recent to compare with, and whoever asks gets it at once. What fails is told once, and tried again."""

import asyncio
import logging

import psycopg

from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.errors import LedgerError, NotContinuedError
from ledger.persistence.issued import IssuedCheckpoints

log = logging.getLogger(__name__)


class RegularCheckpoints:
    """Of the ledgers that this process has open: it has recorded in no others."""

    def __init__(
        self, ledgers: Ledgers, checkpoints: Checkpoints, issued: IssuedCheckpoints, seconds: float
    ) -> None:
        """`seconds` lie between two rounds; 0 means that none are signed unless asked for."""
        self._ledgers = ledgers
        self._checkpoints = checkpoints
        self._issued = issued
        self._seconds = seconds
        self._trouble: dict[str, str] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        while self._seconds:
            await asyncio.sleep(self._seconds)
            for ledger in self._ledgers.opened():
                await self.sign(ledger)

    async def sign(self, ledger: OpenLedger) -> None:
        """Sign one now, where it is due."""
        trouble = ""
        try:
            if await asyncio.to_thread(self._is_due, ledger):
                await self._checkpoints.covering(ledger, 0)
        except NotContinuedError as error:
            log.debug("%s", error)  # told by the guard
        except (LedgerError, psycopg.Error) as error:
            trouble = str(error).strip()
        except Exception as error:  # whatever it is, the next round is due
            trouble = repr(error)
        name = ledger.log.ledger
        if trouble and trouble != self._trouble.get(name):
            log.error("no checkpoint of ledger %s is signed: %s", name, trouble)
        self._trouble[name] = trouble

    def _is_due(self, ledger: OpenLedger) -> bool:
        if ledger.guard.refused is not None:
            return False
        last = self._issued.last(ledger.log.ledger)
        return ledger.read_head() != (last.size if last is not None else 0)
