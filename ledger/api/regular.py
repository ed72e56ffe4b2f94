"""Signs a checkpoint of each open ledger now and then, where something was recorded since the last one: the guard
has something recent to compare with, and whoever asks gets it at once. What fails is told once, and tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import psycopg

from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.errors import LedgerError, NotContinuedError
from ledger.persistence.issued import IssuedCheckpoints

log = logging.getLogger(__name__)


class RegularCheckpoints:
    """Of the ledgers that this process has open, for it has recorded in no others; at the start of all of them, for
    somebody may have recorded in one and ended."""

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
        if not self._seconds:
            return
        await self._try("ledgers", self._open_due)
        while True:
            for ledger in self._ledgers.opened():
                await self._try(f"ledger {ledger.log.ledger}", partial(self._sign, ledger))
            await asyncio.sleep(self._seconds)

    async def _try(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        trouble = ""
        try:
            await work()
        except NotContinuedError as error:
            log.debug("%s", error)  # told by the guard
        except (LedgerError, psycopg.Error) as error:
            trouble = str(error).strip()
        except Exception as error:  # whatever it is, the next round is due
            trouble = repr(error)
        if trouble and trouble != self._trouble.get(what):
            log.error("no checkpoint of %s is signed: %s", what, trouble)
        self._trouble[what] = trouble

    async def _open_due(self) -> None:
        for name, size in (await asyncio.to_thread(self._ledgers.sizes)).items():
            if self._is_due(name, size):
                await self._ledgers.examined(name)

    async def _sign(self, ledger: OpenLedger) -> None:
        if ledger.guard.refused is None and self._is_due(
            ledger.log.ledger, await asyncio.to_thread(ledger.read_head)
        ):
            await self._checkpoints.covering(ledger, 0)

    def _is_due(self, name: str, size: int) -> bool:
        last = self._issued.last(name)
        return size != (last.size if last is not None else 0)
