"""Signed checkpoints of the open ledgers. Whoever waits for one shares it: one is signed at a time, of each ledger,
and covers all that was recorded when it began."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.audit.notes import SignerKey
from ledger.errors import NotPossibleError
from ledger.persistence.issued import not_continued
from ledger.persistence.signing import Issued, Signing

if TYPE_CHECKING:
    from ledger.api.witnesses import Witnesses


class Checkpoints:
    """What this process signs."""

    def __init__(self, ledgers: Ledgers, signing: Signing, witnesses: "Witnesses | None" = None) -> None:
        self._ledgers = ledgers
        self._signing = signing
        self._witnesses = witnesses
        self._signed: dict[OpenLedger, asyncio.Task[Issued]] = {}
        self._recorded: tuple[SignerKey, ...] = ()
        """The keys of which the administrative record has been told."""

    async def check(self) -> None:
        """Refuse to promise a checkpoint where there is no key; NotPossibleError."""
        await self._ledgers.run(self._signing.keys)

    async def close(self) -> None:
        """Let go of the witnesses."""
        if self._witnesses is not None:
            await self._witnesses.close()

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
            task = asyncio.create_task(self._issued(ledger))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to those who wait
            self._signed[ledger] = task
        return task

    def record_keys(self) -> None:
        """Record the keys that sign, where they are others than before. It blocks, and never raises."""
        with suppress(NotPossibleError):  # told whoever asks for a signature
            keys = self._signing.keys()
            if keys == self._recorded:
                return
            verifiers = [str(each.verifier()) for each in keys]
            if self._ledgers.administration.keys_are(keys[0].name, verifiers):
                self._recorded = keys

    async def _issued(self, ledger: OpenLedger) -> Issued:
        if self._witnesses is None:
            return await self._signed_alone(ledger)
        prove = partial(self._ledgers.run, ledger.consistency)
        return await self._witnesses.cosigned(ledger.log.ledger, partial(self._signed_alone, ledger), prove)

    async def _signed_alone(self, ledger: OpenLedger) -> Issued:
        # Not in the threads that read: it may wait for another process.
        return await asyncio.to_thread(self._issue, ledger)

    def _issue(self, ledger: OpenLedger) -> Issued:
        self.record_keys()
        return self._signing.issue(ledger.log.ledger, ledger.consistency)
