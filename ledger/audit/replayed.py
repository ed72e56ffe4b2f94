"""A history as it is replayed, verified by whoever receives it: envelopes at their places, payloads as they were
committed to, redactions on the record, and leaves that give a checkpoint's root. It trusts its signer alone."""

from __future__ import annotations

import json
from typing import Any

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.envelope import Envelope, decode, payload_commitment
from ledger.audit.merkle import Frontier, ProofError, leaf_hash

REDACTION = "PayloadRedacted"


class Replayed:
    """Events from the first on, in order."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._frontier = Frontier()
        self._gone: dict[str, int] = {}
        """Positions of events whose payloads did not come, by event id."""
        self._redacted: set[str] = set()
        """Event ids of which the record says that their payloads were removed."""

    @property
    def size(self) -> int:
        """How many events were taken."""
        return self._frontier.size

    @property
    def redacted(self) -> int:
        """How many of them came without their payload."""
        return len(self._gone)

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
            self._redacted.add(_target(place, payload))
        self._frontier.append(leaf_hash(entry))
        return envelope

    def end(self) -> None:
        """Return only if that was everything that the checkpoint covers; ProofError."""
        if self._frontier.size != self.checkpoint.size:
            raise ProofError(f"{self._frontier.size} events came of {self.checkpoint.size}")
        if self._frontier.root() != self.checkpoint.root:
            raise ProofError(f"the {self._frontier.size} events do not give the root of the checkpoint")
        unexplained = [place for event_id, place in self._gone.items() if event_id not in self._redacted]
        if unexplained:
            raise ProofError(f"position {min(unexplained)}: its payload is gone, and no redaction is recorded")


def _target(place: int, payload: bytes) -> str:
    try:
        told: Any = json.loads(payload)
        return str(told["target_event_id"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProofError(f"position {place}: it does not say which payload was removed") from error
