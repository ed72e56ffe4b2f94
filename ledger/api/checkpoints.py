"""Signed checkpoints of the open ledgers. Whoever waits for one shares it: one is signed at a time, of each ledger,
and covers all that was recorded when it began."""

import asyncio

from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.persistence.issued import not_continued
from ledger.persistence.signing import Issued, Signing


class Checkpoints:
    """What this process signs."""

    def __init__(self, ledgers: Ledgers, signing: Signing) -> None:
        self._ledgers = ledgers
        self._signing = signing
        self._signed: dict[OpenLedger, asyncio.Task[Issued]] = {}

    async def check(self) -> None:
        """Refuse to promise a checkpoint where there is no key; NotPossibleError."""
        await self._ledgers.run(self._signing.keys)

    async def newest(self, ledger: OpenLedger) -> tuple[Issued, list[str]]:
        """One that covers all that is recorded, and the keys that have signed it."""
        issued = await self.covering(ledger, 0)
        keys = await self._ledgers.run(self._signing.verifiers, ledger.log.ledger)
        return issued, list(map(str, keys))

    async def covering(self, ledger: OpenLedger, size: int) -> Issued:
        """One that covers so many events, which are recorded; NotContinuedError where they are no longer there."""
        running = self._signed.get(ledger)
        if running is not None:
            # It may have begun before they were recorded; what begins after it covers them.
            await asyncio.wait([running])
        issued = await asyncio.shield(self._being_signed(ledger))
        if issued.size < size:
            now, known = issued.size, f"the {size} events that were recorded"
            raise not_continued(ledger.log.ledger, size, now, f"it was set back since, and has {now} now", known)
        return issued

    def _being_signed(self, ledger: OpenLedger) -> asyncio.Task[Issued]:
        task = self._signed.get(ledger)
        if task is None or task.done():
            # Not in the threads that read: it may wait for another process.
            task = asyncio.create_task(asyncio.to_thread(self._issue, ledger))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to those who wait
            self._signed[ledger] = task
        return task

    def _issue(self, ledger: OpenLedger) -> Issued:
        return self._signing.issue(ledger.log.ledger, ledger.consistency)
