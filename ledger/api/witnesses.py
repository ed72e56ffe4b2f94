"""Cosignatures for the checkpoints of this service: all witnesses of a policy are asked at once, until its quorum
is met. Whether a checkpoint without one is given out is a setting; that it has none is told in any case."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from ledger.api.witness_client import (
    ANSWER_SECONDS,
    AlarmError,
    LaterSeenError,
    NotCosignedByError,
    Prove,
    WitnessClient,
)
from ledger.audit.cosignatures import CosignerKey, cosignatures, cosigned
from ledger.audit.notes import NoteError, parts, signature_line
from ledger.audit.policies import Policy, Witness, shown
from ledger.errors import NotCosignedError
from ledger.persistence.cosigned import CosignedCheckpoints
from ledger.persistence.signing import Issued

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.25
"""For the others, once the quorum is met."""
FRESH_SECONDS = 60.0
"""For how long a cosigned checkpoint is given again without asking, while nothing is recorded."""
ATTEMPTS = 3
"""To sign one anew where another process was faster."""

Issue = Callable[[], Awaitable[Issued]]
"""Sign a checkpoint of all that is recorded."""


class _Gathered(NamedTuple):
    lines: dict[CosignerKey, str]
    faults: dict[str, NotCosignedByError]
    """By the witness's name in the policy."""


class Witnesses:
    """Those of one policy."""

    def __init__(self, policy: Policy, folder: Path, *, must_meet: bool) -> None:
        """`must_meet`: no checkpoint without its quorum; `folder`: the data folder."""
        self._policy = policy
        self._must_meet = must_meet
        self._files = CosignedCheckpoints(folder)
        self._client = WitnessClient()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def cosigned(self, ledger: str, issue: Issue, prove: Prove) -> Issued:
        """A checkpoint of all that is recorded, with cosignatures where the policy concerns the ledger;
        NotCosignedError where a quorum must be met."""
        for attempt in range(ATTEMPTS):
            issued = await issue()
            if not self._policy.concerns(issued.note.partition("\n")[0]):
                return issued  # nobody would verify it with this policy, and no witness knows the ledger
            lines = await asyncio.to_thread(self._kept, ledger, issued)
            if lines.fresh:
                return self._told(issued, lines.found)
            gathered = await self._gather(ledger, issued, prove)
            alarmed = {name for name, fault in gathered.faults.items() if isinstance(fault, AlarmError)}
            # Who has seen another history since does not stand by what it has signed before.
            against = {each.key for each in self._policy.witnesses if each.name in alarmed}
            found = {key: line for key, line in lines.found.items() if key not in against} | gathered.lines
            lacking = self._policy.shortfall(found)
            if not lacking:
                answer = self._told(issued, found)
                await self._keep(ledger, answer.note)
                return answer
            later = any(isinstance(each, LaterSeenError) for each in gathered.faults.values())
            if not later or attempt + 1 == ATTEMPTS:
                break
        why = shown("; ".join([lacking, *(f"{name} {fault}" for name, fault in gathered.faults.items())]))
        if self._must_meet:
            raise NotCosignedError(ledger=ledger, size=issued.size, why=why)
        log.warning("the checkpoint of %s at %d is not cosigned by a quorum: %s", ledger, issued.size, why)
        return self._told(issued, found)._replace(shortfall=why)

    def _told(self, issued: Issued, found: dict[CosignerKey, str]) -> Issued:
        """In the order of the policy, so that the same cosignatures give the same bytes."""
        keys = [key for key in self._policy.witness_keys if key in found]
        note = cosigned(issued.note, [found[key] for key in keys])
        return issued._replace(note=note, cosigned_by=tuple(key.name for key in keys))

    def _kept(self, ledger: str, issued: Issued) -> "_Kept":
        """The cosignatures that this checkpoint has already."""
        kept = self._files.kept(ledger)
        if kept is None or not kept.note.startswith(issued.note):
            return _Kept({}, fresh=False)
        try:
            keys = [each.key for each in cosignatures(kept.note, self._policy.witness_keys)]
        except NoteError:  # not as it was written
            return _Kept({}, fresh=False)
        found = {
            key: signature_line(key, each.signature)
            for each in parts(kept.note)[1]
            for key in keys
            if (each.name, each.key_id) == (key.name, key.id)
        }
        fresh = 0 <= kept.age < FRESH_SECONDS and not self._policy.shortfall(found)
        return _Kept(found, fresh)

    async def _gather(self, ledger: str, issued: Issued, prove: Prove) -> _Gathered:
        sizes = await asyncio.to_thread(self._files.sizes, ledger)
        before, loop = dict(sizes), asyncio.get_running_loop()
        end = loop.time() + ANSWER_SECONDS
        asked = {
            asyncio.create_task(self._client.cosignature(each, issued, sizes, prove)): each
            for each in self._policy.witnesses
        }
        gathered, pending = _Gathered({}, {}), set(asked)
        try:
            while pending:
                done, pending = await asyncio.wait(
                    pending, timeout=max(0.0, end - loop.time()), return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    _take(gathered, asked[task], task)
                if not done:
                    break
                if not self._policy.shortfall(gathered.lines):
                    end = min(end, loop.time() + GRACE_SECONDS)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        if self._policy.shortfall(gathered.lines):
            for task in pending:
                gathered.faults[asked[task].name] = NotCosignedByError("does not answer in time")
        _tell(gathered, ledger, issued)
        if sizes != before:
            await self._written(self._files.remember, ledger, sizes)
        return gathered

    async def _keep(self, ledger: str, note: str) -> None:
        await self._written(self._files.keep, ledger, note)

    async def _written(self, write: Callable[..., None], *what: object) -> None:
        """Remember something; a checkpoint does not depend on it."""
        try:
            await asyncio.to_thread(write, *what)
        except OSError as error:
            log.warning("what witnesses said cannot be remembered: %s", error)


class _Kept(NamedTuple):
    found: dict[CosignerKey, str]
    fresh: bool
    """Whether they are enough, and new enough to ask nobody."""


def _take(gathered: _Gathered, witness: Witness, task: asyncio.Task[str]) -> None:
    try:
        gathered.lines[witness.key] = task.result()
    except NotCosignedByError as fault:
        gathered.faults[witness.name] = fault
    except Exception as error:
        log.exception("asking the witness %s failed", shown(witness.name))
        gathered.faults[witness.name] = NotCosignedByError(f"could not be asked: {type(error).__name__}")


def _tell(gathered: _Gathered, ledger: str, issued: Issued) -> None:
    for name, fault in gathered.faults.items():
        level = logging.ERROR if isinstance(fault, AlarmError) else logging.WARNING
        log.log(level, "the witness %s does not cosign %s at %d: it %s", shown(name), ledger, issued.size, fault)
