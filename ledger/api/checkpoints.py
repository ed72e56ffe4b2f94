"""Signed checkpoints of the open ledgers. Whoever waits for one shares it: one is signed at a time, of each ledger,
and covers all that was recorded when it began."""

import asyncio

from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.persistence.signing import Issued, Signing
from ledger.persistence.tree import Consistency


class Checkpoints:
    """What this process signs."""

    def __init__(self, ledgers: Ledgers, signing: Signing) -> None:
        self._ledgers = ledgers
        self._signing = signing
        self._newest: dict[OpenLedger, Issued] = {}
        self._signed: dict[OpenLedger, asyncio.Task[Issued]] = {}

    async def newest(self, ledger: OpenLedger) -> tuple[Issued, list[str]]:
        """One that covers all that is recorded, and the keys that have signed it."""
        issued = await self._ledgers.run(self._issue, ledger)
        keys = await self._ledgers.run(self._signing.verifiers, ledger.log.ledger)
        return issued, list(map(str, keys))

    async def covering(self, ledger: OpenLedger, size: int) -> Issued:
        """One that covers so many events, which are recorded."""
        newest = self._newest.get(ledger)
        while newest is None or newest.size < size:
            # One that began before they were recorded may not cover them; the next one does.
            newest = await asyncio.shield(self._being_signed(ledger))
        return newest

    def _being_signed(self, ledger: OpenLedger) -> asyncio.Task[Issued]:
        task = self._signed.get(ledger)
        if task is None or task.done():
            task = asyncio.ensure_future(self._ledgers.run(self._issue, ledger))
            task.add_done_callback(lambda done: self._keep(ledger, done))
            self._signed[ledger] = task
        return task

    def _keep(self, ledger: OpenLedger, done: asyncio.Task[Issued]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._newest[ledger] = done.result()

    def _issue(self, ledger: OpenLedger) -> Issued:
        def continued(size: int) -> Consistency:
            with ledger.reading() as connection:
                return ledger.proofs.consistency(connection, size)

        return self._signing.issue(ledger.log.ledger, continued)
