"""Signs a checkpoint of each open ledger now and then, where something was recorded since the last one: the guard
has something recent to compare with, and whoever asks gets it at once. What fails is told once, and tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import psycopg

from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.errors import LedgerError, NotContinuedError, NotPossibleError
from ledger.persistence.issued import IssuedCheckpoints

log = logging.getLogger(__name__)

MOST_OPENED = 20
"""At the start: an open ledger holds connections and threads. The others are signed once somebody uses them."""


class RegularCheckpoints:
    """Of the ledgers that this process has open, for it has recorded in no others; at the start of some of the
    others too, for somebody may have recorded in one and ended."""

    def __init__(
        self, ledgers: Ledgers, checkpoints: Checkpoints, issued: IssuedCheckpoints, seconds: float
    ) -> None:
        """`seconds` lie between two rounds; 0 means that none are signed unless asked for."""
        self._ledgers = ledgers
        self._checkpoints = checkpoints
        self._issued = issued
        self._seconds = seconds
        self._trouble: dict[str, str] = {}
        self._due: list[str] | None = None
        """What was due at the start and is not open yet; None until that is known."""

    async def run(self) -> None:
        """Until it is cancelled."""
        if not self._seconds:
            return
        while True:
            if self._due is None:
                await self._try("ledgers", self._find_due)
            for name in list(self._due or ()):
                await self._try(f"ledger {name}", partial(self._open, name))
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

    async def _find_due(self) -> None:
        sizes = await asyncio.to_thread(self._ledgers.sizes)
        self._due = [name for name, size in sizes.items() if self._is_due(name, size)][:MOST_OPENED]

    async def _open(self, name: str) -> None:
        await self._ledgers.examined(name)
        if self._due is not None:
            self._due.remove(name)

    async def _sign(self, ledger: OpenLedger) -> None:
        if ledger.guard.refused is None and self._is_due(
            ledger.log.ledger, await asyncio.to_thread(ledger.read_head)
        ):
            await self._checkpoints.covering(ledger, 0)

    def _is_due(self, name: str, size: int) -> bool:
        try:
            last = self._issued.last(name)
        except NotPossibleError:  # told once it is to be signed
            return True
        return size != (last.size if last is not None else 0)
