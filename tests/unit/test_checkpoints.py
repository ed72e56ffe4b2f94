"""Who waits for a checkpoint: all share one, and none gets one that began before its own report was recorded."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ledger.api.checkpoints import Checkpoints
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.audit.notes import SignerKey
from ledger.errors import NotContinuedError, NotPossibleError
from ledger.persistence.signing import Issued, Signing

SECONDS = 10.0


class Main:
    """What is asked of an open ledger."""

    log = SimpleNamespace(ledger="main")
    consistency = None


class Slow:
    """Signs what is recorded when it begins; each signature ends when it is let."""

    def __init__(self) -> None:
        self.size = 1
        self.begun = threading.Event()
        self.end = threading.Semaphore(0)
        self.signatures = 0

    def keys(self) -> tuple[SignerKey, ...]:
        raise NotPossibleError(why="there is no key to record")

    def issue(self, ledger: str, continued: Any) -> Issued:
        size, self.signatures = self.size, self.signatures + 1
        self.begun.set()
        assert self.end.acquire(timeout=SECONDS)
        return Issued(f"note of {ledger}", size)


async def test_what_is_recorded_while_one_is_signed_waits_for_the_next_and_all_share_it() -> None:
    slow = Slow()
    checkpoints = Checkpoints(cast(Ledgers, None), cast(Signing, slow))
    ledger = cast(OpenLedger, Main())
    first = asyncio.create_task(checkpoints.covering(ledger, 1))
    assert await asyncio.to_thread(slow.begun.wait, SECONDS)
    slow.size = 2
    others = [asyncio.create_task(checkpoints.covering(ledger, 2)) for _ in range(20)]
    await asyncio.sleep(0)
    slow.end.release(2)
    assert (await first).size == 1
    assert {each.size for each in await asyncio.gather(*others)} == {2}
    assert slow.signatures == 2
    slow.end.release()
    with pytest.raises(NotContinuedError, match="it was set back since, and has 2 now"):
        await checkpoints.covering(ledger, 3)


async def test_who_goes_away_takes_nothing_from_those_who_wait() -> None:
    slow = Slow()
    checkpoints = Checkpoints(cast(Ledgers, None), cast(Signing, slow))
    ledger = cast(OpenLedger, Main())
    first, gone, waiting = (asyncio.create_task(checkpoints.covering(ledger, 1)) for _ in range(3))
    assert await asyncio.to_thread(slow.begun.wait, SECONDS)
    slow.begun.clear()
    slow.end.release()
    await first
    assert await asyncio.to_thread(slow.begun.wait, SECONDS)  # the one that the other two share
    gone.cancel()
    slow.end.release()
    assert (await waiting).size == 1
    with pytest.raises(asyncio.CancelledError):
        await gone
