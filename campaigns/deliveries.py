"""Compares what subscribers were sent with what a ledger holds: each saw all of it, in order, every event once.
What was sent comes as the subscribers wrote it down; no one is asked again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from campaigns.record import Event, Record

Seen = list[Any]
"""Position, hash of the leaf, and hash of the payload with its salt; empty where that was redacted by then."""

ENDS = frozenset(("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "SILENT"))
"""How a subscription may end while services, network and database fail."""


class Deliveries:
    """What all subscribers wrote down."""

    def __init__(self) -> None:
        self.seen: dict[int, list[Seen]] = defaultdict(list)
        self.ends: Counter[str] = Counter()
        self.unforeseen: list[str] = []
        self.ended_late: list[dict[str, Any]] = []
        self.heartbeats = 0

    def take(self, line: bytes) -> None:
        """One line of a process of subscribers."""
        told = json.loads(line)
        match told["kind"]:
            case "batch":
                self.seen[told["subscriber"]] += told["events"]
            case "heartbeat":
                self.heartbeats += 1
            case "late":
                self.ended_late.append(told)
            case "end":
                self.ends[told["code"]] += 1
                if told["code"] not in ENDS:
                    what = f"subscriber {told['subscriber']} was ended with {told['code']}: {told['details']}"
                    self.unforeseen.append(what)

    @property
    def count(self) -> int:
        """Events delivered, to all together."""
        return sum(map(len, self.seen.values()))


def faults(deliveries: Deliveries, record: Record, subscribers: int) -> Iterator[str]:
    """Every promise to a subscriber that was broken."""
    yield from deliveries.unforeseen
    for number in range(subscribers):
        yield from (f"subscriber {number} {fault}" for fault in _compared(deliveries.seen[number], record.events))


def _compared(seen: Sequence[Seen], events: Sequence[Event]) -> Iterator[str]:
    """The first difference alone: what follows it is shifted."""
    for expected, (position, leaf, payload) in enumerate(seen, 1):
        if position < expected:
            yield f"saw position {position} again, or late, where {expected} was due"
            return
        if position > expected:
            yield f"saw position {position} where {expected} was due: a gap"
            return
        if position > len(events):
            yield f"saw position {position}, which the ledger does not hold"
            return
        event = events[position - 1]
        if leaf != event.leaf.hex():
            yield f"saw another event at position {position} than the ledger holds"
            return
        if payload not in ("", bound(event)):
            yield f"saw another payload at position {position} than its envelope binds"
            return
    if len(seen) < len(events):
        yield f"saw {len(seen)} of {len(events)} events"


def bound(event: Event) -> str:
    """The hash of the payload, as the envelope binds it."""
    return event.envelope.decode().split("\n")[11]
