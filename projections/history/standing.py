"""Which acts of the record stand at which position. An act stands until a ClaimRetracted that itself stands names
it; undoing the undoing restores it. A redaction cannot be undone. Functions of the acts, in order of position."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.domain.claim import DomainEvent

Span = tuple[int, int | None]
"""Positions from the first, inclusive, to the last, exclusive; None while it holds."""


@dataclass(frozen=True, slots=True)
class Act:
    """An act of the record with what it targets: an event (a claim or another act), a report, or neither."""

    event_id: UUID
    position: int
    type: str
    target_event_id: UUID | None
    target_report_id: str | None
    report_id: str
    recorded_at: datetime
    body: str
    event: DomainEvent


class Standing:
    """Takes acts in order of position and tells which of them stand."""

    def __init__(self) -> None:
        self._acts: dict[UUID, Act] = {}
        self._undoings: dict[UUID, int] = defaultdict(int)
        self._spans: dict[UUID, list[Span]] = {}

    def take(self, act: Act) -> None:
        """Take the next act."""
        self._acts[act.event_id] = act
        self._spans[act.event_id] = [(act.position, None)]
        undone = self._undone_by(act)
        if undone is not None:
            self._change(undone, 1, act.position)

    def stands(self, act: Act) -> bool:
        """Whether an act that was taken stands now."""
        return self._undoings[act.event_id] == 0

    def spans(self, act: Act) -> list[Span]:
        """The ranges of positions in which an act stood, as far as acts were taken."""
        return self._spans[act.event_id]

    def _undone_by(self, act: Act) -> Act | None:
        if act.type != "ClaimRetracted" or act.target_event_id is None:
            return None
        target = self._acts.get(act.target_event_id)
        return target if target is not None and target.type != "PayloadRedacted" else None

    def _change(self, act: Act | None, undoings: int, position: int) -> None:
        # A loop, not a recursion: chains of undoing are as long as clients make them.
        while act is not None:
            stood = self.stands(act)
            self._undoings[act.event_id] += undoings
            if self.stands(act) == stood:
                return
            spans = self._spans[act.event_id]
            if stood:
                spans[-1] = (spans[-1][0], position)
            else:
                spans.append((position, None))
            undoings = -1 if stood else 1
            act = self._undone_by(act)


@dataclass(frozen=True, slots=True)
class Trees:
    """Acts by what they are about in the end, each list in order of position."""

    of_event: dict[UUID, list[Act]]
    of_report: dict[str, list[Act]]


def trees_of(acts: Iterable[Act]) -> Trees:
    """Sort acts by the event or report at the root of their chain of targets."""
    trees = Trees(defaultdict(list), defaultdict(list))
    roots: dict[UUID, UUID | str] = {}
    for act in sorted(acts, key=lambda each: each.position):
        if act.target_event_id is not None:
            root = roots.get(act.target_event_id, act.target_event_id)
        else:
            root = act.target_report_id or act.event_id
        roots[act.event_id] = root
        if isinstance(root, UUID):
            trees.of_event[root].append(act)
        else:
            trees.of_report[root].append(act)
    return trees
