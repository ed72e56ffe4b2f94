"""A history as whoever receives it verifies it: envelopes at their places, payloads as they were committed to,
redactions on the record, and leaves that give a checkpoint's root. It trusts its signer alone."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any
from uuid import UUID

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.envelope import Envelope, EnvelopeError, decode, payload_commitment
from ledger.audit.merkle import Frontier, ProofError, leaf_hash

REDACTION = "PayloadRedacted"


class Taken:
    """Events of one ledger, in order, after a position and through another. That they are in a tree is for
    others to verify."""

    def __init__(self, origin: str, after: int, through: int) -> None:
        self._ledger = origin.rpartition("/")[2]
        self._after = self._place = after
        self._last = through
        self._gone: dict[str, int] = {}
        """Positions of events whose payloads did not come, by event id."""
        self._redacted: dict[str, int] = {}
        """Positions of the events that say whose payload was removed, by that event's id."""

    @property
    def through(self) -> int:
        """The last position that was taken."""
        return self._place

    @property
    def size(self) -> int:
        """How many events were taken."""
        return self._place - self._after

    @property
    def redacted(self) -> int:
        """How many of them came without their payload."""
        return len(self._gone)

    @property
    def unexplained(self) -> int:
        """The first position whose payload is gone without a recorded redaction, 0 if there is none."""
        return min((self._gone[each] for each in self.wanting), default=0)

    @property
    def wanting(self) -> Set[str]:
        """The ids of events whose payloads are gone without a recorded redaction."""
        return self._gone.keys() - self._redacted.keys()

    @property
    def elsewhere(self) -> Set[str]:
        """The ids of events that were redacted by what the record says, and did not come without their payloads:
        none of them may be among the events that came."""
        return self._redacted.keys() - self._gone.keys()

    def take(self, entry: bytes, salt: bytes, payload: bytes) -> Envelope:
        """Take the next event, whose salt and payload are empty where it was redacted. ProofError says what does
        not fit, and at which position."""
        place = self._place + 1
        try:
            envelope = self._checked(place, decode(entry), salt, payload)
            if salt and envelope.type == REDACTION:
                self.explain(place, redacted_event(payload))
        except (EnvelopeError, ProofError) as error:
            raise ProofError(f"position {place}: {error}") from error
        if not salt:
            self._gone[str(envelope.event_id)] = place
        self._place = place
        return envelope

    def explain(self, place: int, target: str) -> None:
        """Take that a PayloadRedacted of a position removed an event's payload; ProofError."""
        self._redacted[target] = place

    def end(self) -> None:
        """Return only if that were all events; ProofError."""
        if self._place != self._last:
            raise ProofError(f"{self.size} events came of {self._last - self._after}")

    def _checked(self, place: int, envelope: Envelope, salt: bytes, payload: bytes) -> Envelope:
        if place > self._last:
            raise ProofError(f"it is beyond position {self._last}, the last that was asked for")
        if envelope.position != place:
            raise ProofError(f"it is missing, and the event of position {envelope.position} is in its place")
        if envelope.ledger != self._ledger:
            raise ProofError(f"it is of the ledger {envelope.ledger}")
        if (salt or payload) and payload_commitment(salt, payload) != envelope.commitment:
            raise ProofError("its payload is not the one that was recorded")
        return envelope


class Replayed(Taken):
    """Events from the first on, in order, up to a checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint.origin, 0, checkpoint.size)
        self.checkpoint = checkpoint
        self._began_at = checkpoint.size
        self._frontier = Frontier()

    def take(self, entry: bytes, salt: bytes, payload: bytes) -> Envelope:
        """Take the next event."""
        envelope = super().take(entry, salt, payload)
        self._frontier.append(leaf_hash(entry))
        return envelope

    def explain(self, place: int, target: str) -> None:
        """Take a redaction. What was recorded since the replay began may be about a payload that was still there
        then; one that is unexplained may be explained by what was recorded since: `go_on` to it."""
        if place <= self._began_at and target not in self._gone:
            raise ProofError(f"it removes the payload of {target}, and that came all the same")
        super().explain(place, target)

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Take a later checkpoint, up to which the replay goes on."""
        self.end()
        self.checkpoint, self._last = checkpoint, checkpoint.size

    def end(self) -> None:
        """Return only if that was everything that the checkpoint covers; ProofError."""
        super().end()
        if self._frontier.root() != self.checkpoint.root:
            raise ProofError(f"the {self._frontier.size} events do not give the root of the checkpoint")


def redacted_event(payload: bytes) -> str:
    """The id of the event whose payload a PayloadRedacted says was removed; ProofError."""
    try:
        told: Any = json.loads(payload)
        return str(UUID(told["target_event_id"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProofError("it does not say whose payload was removed") from error
