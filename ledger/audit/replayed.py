"""A history as it is replayed, verified by whoever receives it: envelopes at their places, payloads as they were
committed to, redactions on the record, and leaves that give a checkpoint's root. It trusts its signer alone."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.envelope import Envelope, decode, payload_commitment
from ledger.audit.merkle import Frontier, ProofError, leaf_hash

REDACTION = "PayloadRedacted"


class Replayed:
    """Events from the first on, in order."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._began_at = checkpoint.size
        self._frontier = Frontier()
        self._gone: dict[str, int] = {}
        """Positions of events whose payloads did not come, by event id."""
        self._redacted: dict[str, int] = {}
        """Positions of the events that say whose payload was removed, by that event's id."""

    @property
    def size(self) -> int:
        """How many events were taken."""
        return self._frontier.size

    @property
    def redacted(self) -> int:
        """How many of them came without their payload."""
        return len(self._gone)

    @property
    def unexplained(self) -> int:
        """The first position whose payload is gone without a recorded redaction, 0 if there is none. One that was
        redacted while the replay went on is explained by what was recorded since: `go_on` to it."""
        return min((place for event_id, place in self._gone.items() if event_id not in self._redacted), default=0)

    def take(self, entry: bytes, salt: bytes, payload: bytes) -> Envelope:
        """Take the next event, whose salt and payload are empty where it was redacted. ProofError or EnvelopeError
        says what does not fit."""
        envelope = decode(entry)
        place = self._frontier.size + 1
        if envelope.position != place:
            raise ProofError(f"position {place} is missing: the event of position {envelope.position} follows")
        if not self.checkpoint.origin.endswith(f"/{envelope.ledger}"):
            raise ProofError(f"position {place}: it is of the ledger {envelope.ledger}")
        if not salt and not payload:
            self._gone[str(envelope.event_id)] = place
        elif payload_commitment(salt, payload) != envelope.commitment:
            raise ProofError(f"position {place}: its payload is not the one that was recorded")
        elif envelope.type == REDACTION:
            self._take_redaction(place, payload)
        self._frontier.append(leaf_hash(entry))
        return envelope

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Take a later checkpoint, up to which the replay goes on."""
        self.end()
        self.checkpoint = checkpoint

    def end(self) -> None:
        """Return only if that was everything that the checkpoint covers; ProofError."""
        if self._frontier.size != self.checkpoint.size:
            raise ProofError(f"{self._frontier.size} events came of {self.checkpoint.size}")
        if self._frontier.root() != self.checkpoint.root:
            raise ProofError(f"the {self._frontier.size} events do not give the root of the checkpoint")

    def _take_redaction(self, place: int, payload: bytes) -> None:
        target = redacted_event(payload)
        # What was recorded since the replay began may be about a payload that was still there then.
        if place <= self._began_at and target not in self._gone:
            raise ProofError(f"position {place} removes the payload of {target}, and that came all the same")
        self._redacted[target] = place


def redacted_event(payload: bytes) -> str:
    """The id of the event whose payload a PayloadRedacted says was removed; ProofError."""
    try:
        told: Any = json.loads(payload)
        return str(UUID(told["target_event_id"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProofError("it does not say whose payload was removed") from error
