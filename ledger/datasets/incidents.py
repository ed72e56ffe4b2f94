"""An incident as exports see it: the claims that hold of it as plain data, its figures, and what follows from the
claims together. Where claims differ it says so; it settles nothing, and counts nobody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

from ledger.domain.codes import DatePrecision, EventClarity, Verification

Content = Mapping[str, Any]
"""A claim as in a report document: its `type`, and words for codes."""

ROLES = ("attackers", "targets", "backers", "perpetrators", "taken_by", "taken_from")
"""In which actors take part, beside the victims' party."""
FORCE = ("AttackReported", "Retaliation", "OffensiveReported")
"""Claims that say who used force against whom."""
ALL_CLASSES = "all"
"""The class of a toll that is of all classes together."""
MIXED = "mixed"
CLAIMS_CUT = "CLAIMS_CUT"
ABOUT_CLAIMS_CUT = "It has more claims than a list gives; the oldest of them are read, and figures are of all."
LONGEST = (
    (1, DatePrecision.DAY),
    (6, DatePrecision.DAYS),
    (7, DatePrecision.WEEK),
    (31, DatePrecision.MONTH),
    (366, DatePrecision.YEAR),
)
"""Days of the longest interval of each precision."""


@dataclass(frozen=True, slots=True)
class HeldClaim:
    """A claim that holds, with the source of its report."""

    content: Content
    position: int
    report_id: str
    corrected: bool = False
    source: str = ""
    source_ids: Mapping[str, str] = field(default_factory=dict)
    """Its ids in registers of sources, by scheme."""
    source_count: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of claims that count. None is open or unstated, never zero."""

    low: int | None
    best: int | None
    high: int | None
    flags: Sequence[str] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Claims that are not part of it, by the reason."""


class ByClass(NamedTuple):
    """What a figure of one incident is of."""

    outcome: str
    victim_class: str


class ByParty(NamedTuple):
    """Whom a figure of the killed of one incident is of; the party is empty where it is not stated."""

    party: str
    victim_class: str


@dataclass(frozen=True)
class Figures:
    """The figures of one incident: by outcome, by outcome and class, and of the killed by party and class."""

    by_outcome: dict[str, Figure] = field(default_factory=dict)
    by_class: dict[ByClass, Figure] = field(default_factory=dict)
    killed: dict[ByParty, Figure] = field(default_factory=dict)


class Occurred(NamedTuple):
    """First and last day, and how precisely they are known."""

    start: date
    end: date
    precision: DatePrecision


class Sides(NamedTuple):
    """The two actors of an incident in which exactly two took part, in the order in which they are stated."""

    a: str
    b: str
    both_ways: bool
    """Nobody is said to have attacked: each is an attacker and a target."""


@dataclass(frozen=True)
class Incident:
    """One incident. The interval and the place are those of all its claims together."""

    incident_id: str
    claims: Sequence[HeldClaim]
    first_day: date
    last_day: date
    date_precision: DatePrecision
    """That of the latest claim."""
    place: Content | None = None
    """That of the latest claim that states one."""
    claim_count: int = 0
    report_count: int = 0
    merged_incident_ids: Sequence[str] = ()

    @property
    def is_cut(self) -> bool:
        """Whether it has more claims than are here."""
        return self.claim_count > len(self.claims)

    @cached_property
    def _contents(self) -> Sequence[Content]:
        """What claims say that were not found not to hold; of all, where all were."""
        contents = [claim.content for claim in self.claims]
        return [each for each in contents if each.get("verification") != Verification.DISCOUNTED] or contents

    @cached_property
    def occurred(self) -> Occurred:
        """The interval, as precise as its claims state it; where they differ, no more precise than it is long."""
        stated = {_occurred(content) for content in self._contents}
        if len(stated) == 1:
            return stated.pop()
        precision = max(self.date_precision, _precision_of(self.first_day, self.last_day), key=_code)
        return Occurred(self.first_day, self.last_day, precision)

    @cached_property
    def sides(self) -> Sides | None:
        """Its two sides; None where claims name other than two, or different ones."""
        stated = list(filter(None, map(_sides, self._contents)))
        unequal = {frozenset((each.a, each.b)) for each in stated}
        of_force = [each for each in self._contents if each["type"] in FORCE]
        return stated[0] if len(unequal) == 1 and len(stated) == len(of_force) else None

    @property
    def parties(self) -> Sequence[str]:
        """Who took part, as attacker, target, backer, perpetrator, taker or victims' party."""
        return _sorted(_parties(self._contents))

    @property
    def kinds_of_violence(self) -> Sequence[str]:
        """The kinds that its claims state."""
        return _sorted(content.get("kind_of_violence", "") for content in self._contents)

    @property
    def clarity(self) -> str:
        """`single`, `aggregate`, or `mixed` where claims differ."""
        stated = {content.get("clarity", EventClarity.SINGLE.value) for content in self._contents}
        return str(stated.pop()) if len(stated) == 1 else MIXED

    @property
    def remarks(self) -> Iterator[str]:
        """In what its claims differ, and whether some of them are not here."""
        if len({_occurred(content) for content in self._contents}) > 1:
            yield "DATES_DIFFER"
        places = [content["place"] for content in self._contents if content.get("place")]
        if any(place != places[0] for place in places):
            yield "PLACES_DIFFER"
        if len(self.kinds_of_violence) > 1:
            yield "KINDS_DIFFER"
        if self.is_cut:
            yield CLAIMS_CUT


def _sorted(texts: Iterable[str]) -> Sequence[str]:
    return sorted({text for text in texts if text})


def _code(precision: DatePrecision) -> int:
    return precision.code or 0


def _occurred(content: Content) -> Occurred:
    stated = content["occurred"]
    end = stated.get("end") or stated["start"]
    return Occurred(
        date.fromisoformat(stated["start"]), date.fromisoformat(end), DatePrecision(stated["precision"])
    )


def _precision_of(first: date, last: date) -> DatePrecision:
    """How precise an interval is by its length alone."""
    days = (last - first).days + 1
    return next((precision for most, precision in LONGEST if days <= most), DatePrecision.YEARS)


def _sides(content: Content) -> Sides | None:
    """The two sides that a claim of force names."""
    if content["type"] not in FORCE:
        return None
    attackers, targets = (list(dict.fromkeys(content.get(role, ()))) for role in ("attackers", "targets"))
    if attackers == targets and len(attackers) == 2:
        return Sides(attackers[0], attackers[1], both_ways=True)
    if len(attackers) == len(targets) == 1 and attackers != targets:
        return Sides(attackers[0], targets[0], both_ways=False)
    return None


def _parties(contents: Iterable[Content]) -> Iterator[str]:
    for content in contents:
        yield content.get("victim_party") or ""
        for role in ROLES:
            yield from content.get(role, ())
