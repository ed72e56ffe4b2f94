"""Takes the steps of an agreement in order and follows every party and the whole through the state machine.
Deterministic: the order in which claims were recorded or arrived plays no part."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from ledger.domain.codes import CeasefireSide
from ledger.domain.values import OccurredInterval
from projections.ceasefires.lifecycle import ENDS, ORDER_IN_A_DAY, Formal, StepKind, end_after, party_after

WHOLE = ""
"""Stands for the whole agreement where a party is named; and for the only party where none is known."""
NEEDED = 2
"""A ceasefire between parties is in force while at least so many hold to it."""

_FORMED = (Formal.PROPOSED, Formal.DECLARED, Formal.SIGNED)
_ENTRY = {
    StepKind.PROPOSE: Formal.PROPOSED,
    StepKind.DECLARE: Formal.DECLARED,
    StepKind.SIGN: Formal.SIGNED,
}


@dataclass(frozen=True)
class Taken:
    """A step with the day on which it is taken. No parties means all; an expiry has no date of its own."""

    day: date
    kind: StepKind
    parties: tuple[str, ...]
    occurred: OccurredInterval | None
    positions: tuple[int, ...]
    note: str = ""

    @property
    def order(self) -> tuple[date, int, tuple[int, ...]]:
        """By day; within a day by kind; then by position."""
        return self.day, ORDER_IN_A_DAY[self.kind], self.positions

    @property
    def last_day_before(self) -> date:
        """The last day of the state before it. A term that has run out ended with the day before; any other step
        may have come late in its day."""
        return self.day - timedelta(days=1) if self.occurred is None else self.day


@dataclass(frozen=True)
class Transition:
    """A step that changed something: the state of the parties named, and of the whole, from here on."""

    step: Taken
    parties: tuple[str, ...]
    """Whose state changed; none means all."""
    status: Formal
    formal: Formal


@dataclass(frozen=True)
class Period:
    """Days on which it was in force for a party, both inclusive; the party WHOLE stands for the whole."""

    party: str
    first: date
    last: date


@dataclass
class Machine:
    """The state of every party and of the whole, after the steps taken so far."""

    subjects: tuple[str, ...]
    side: CeasefireSide | None
    states: dict[str, Formal] = field(default_factory=dict)
    end: Formal | None = None
    formed: Formal = Formal.UNKNOWN
    began: OccurredInterval | None = None
    """When the whole first took effect."""
    ever_in_force: set[str] = field(default_factory=set)
    transitions: list[Transition] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)
    _open: dict[str, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = dict.fromkeys(self.subjects, Formal.UNKNOWN)

    @property
    def needed(self) -> int:
        """How many parties must hold to it, for the whole to be in force."""
        between = self.side in (CeasefireSide.BILATERAL, CeasefireSide.MULTILATERAL)
        if self.side is CeasefireSide.UNILATERAL or not (between or len(self.ever_in_force) >= NEEDED):
            return 1
        return min(NEEDED, len(self.subjects))

    @property
    def formal(self) -> Formal:
        """The state of the whole, which follows from its end, or else from its parties."""
        if self.end is not None:
            return self.end
        states = list(self.states.values())
        if states.count(Formal.IN_FORCE) >= self.needed:
            return Formal.IN_FORCE
        if states.count(Formal.IN_FORCE) + states.count(Formal.SUSPENDED) >= self.needed:
            return Formal.SUSPENDED
        if self.began is not None:
            return Formal.TERMINATED
        if states and all(state is Formal.WITHDRAWN for state in states):
            return Formal.NEVER_TOOK_EFFECT
        return self.formed if Formal.IN_FORCE not in states else max(Formal.DECLARED, self.formed, key=_rank)

    def of_party(self, party: str) -> Formal:
        """The state of a party: its own, or the end that has come for all."""
        own, whole = self.states[party], self.formal
        return whole if whole in ENDS and own is not Formal.WITHDRAWN else own

    def take(self, steps: Iterable[Taken], until: date) -> None:
        """Take the steps up to a day, in order."""
        for step in sorted(steps, key=lambda each: each.order):
            if step.day <= until:
                self._take(step)

    def in_force_until(self, at: date) -> tuple[Period, ...]:
        """The periods in force up to a day."""
        running = [Period(party, first, at) for party, first in self._open.items()]
        periods = (period for period in (*self.periods, *running) if period.first <= period.last)
        return tuple(sorted(periods, key=lambda period: (period.party, period.first, period.last)))

    def _take(self, step: Taken) -> None:
        formal, states = self.formal, dict(self.states)
        self.end = end_after(self.end, step.kind)
        if self.end is None:
            for party in step.parties or self.subjects:
                self.states[party] = party_after(self.states[party], step.kind)
            self.formed = max(self.formed, _ENTRY.get(step.kind, Formal.UNKNOWN), key=_rank)
        self.ever_in_force.update(party for party in self.subjects if self.states[party] is Formal.IN_FORCE)
        if self.formal is Formal.IN_FORCE and self.began is None:
            self.began = step.occurred
        changed = tuple(party for party in self.subjects if self.states[party] is not states[party])
        if changed or self.formal is not formal:
            self.transitions.append(self._transition(step, changed))
        self._mark_periods(step)

    def _transition(self, step: Taken, changed: tuple[str, ...]) -> Transition:
        status = self.states[changed[0]] if changed else self.formal
        return Transition(step, () if changed == self.subjects else changed, status, self.formal)

    def _mark_periods(self, step: Taken) -> None:
        whole = self.formal is Formal.IN_FORCE
        in_force = {party for party in self.subjects if whole and self.states[party] is Formal.IN_FORCE}
        if whole:
            in_force.add(WHOLE)
        for party in sorted(set(self._open) - in_force):
            self.periods.append(Period(party, self._open.pop(party), step.last_day_before))
        for party in in_force - set(self._open):
            self._open[party] = step.day


def _rank(state: Formal) -> int:
    return _FORMED.index(state) if state in _FORMED else -1
