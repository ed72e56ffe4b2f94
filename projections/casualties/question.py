"""A question about casualties as plain data: which claims, grouped how, by which policy and rule. It knows the
parameters that the queries take, and neither protobuf nor the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from ledger.domain.codes import (
    DatePrecision,
    KindOfViolence,
    Outcome,
    PlacePrecision,
    Verification,
    VictimClass,
)

GRADES = (
    Verification.DISCOUNTED,
    Verification.CONTESTED,
    Verification.REPORTED,
    Verification.WEAK,
    Verification.FAIR,
    Verification.CONFIRMED,
)
"""From the lowest to the highest. What was found not to hold counts only where a question asks for it."""

LOWEST_BY_DEFAULT = Verification.CONTESTED
ASKED_BY_DEFAULT = GRADES[GRADES.index(LOWEST_BY_DEFAULT) :]

JOINT = " + "
"""Joins several perpetrators of one claim: they are one group of their own, so that nobody is counted twice."""

MOST_POSITIONS = 100
"""Positions that a figure names; the claims behind it can be paged."""
MOST_GROUPS = 5_000
"""Figures in one answer."""
MOST_TOLLS = 1_000
"""Tolls in one answer; the rest is counted as left out."""


class CountPolicy(StrEnum):
    """How words become numbers."""

    VERBATIM_1 = "verbatim-1"
    ACLED_2019 = "acled-2019"
    UCDP_RANGE = "ucdp-range"


class ResolutionRule(StrEnum):
    """How one number comes out of several claims."""

    LATEST = "latest"
    MOST_RELIABLE = "most_reliable"
    ENVELOPE = "envelope"
    ANALYST = "analyst"


class Grouping(StrEnum):
    """What figures are grouped by, in the order of the queries' key."""

    PARTY = "party"
    CLASS = "class"
    OUTCOME = "outcome"
    PERPETRATOR = "perpetrator"
    ADMIN1 = "admin1"
    ADMIN2 = "admin2"
    COUNTRY = "country"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    INCIDENT = "incident"
    SOURCE = "source"
    VERIFICATION = "verification"


KEY_ORDER: tuple[Grouping, ...] = tuple(Grouping)
PERIODS = (Grouping.DAY, Grouping.WEEK, Grouping.MONTH, Grouping.YEAR)
INTERVAL = "/"
"""Joins the first and the last period that a claim may belong to, where imprecise dates are spread."""
SHARED = frozenset((Grouping.PARTY, Grouping.CLASS, Grouping.OUTCOME, Grouping.INCIDENT))
"""What all claims about one number have in common; by the other groupings they can differ."""
BY_DEFAULT = (Grouping.PARTY, Grouping.CLASS, Grouping.OUTCOME)


@dataclass(frozen=True)
class Box:
    """A rectangle in degrees; west is greater than east where it crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True)
class Circle:
    """A circle in degrees and kilometres."""

    latitude: float
    longitude: float
    radius_km: float


@dataclass(frozen=True)
class ClaimFilter:
    """Which claims: all conditions hold; of several values in one condition, one. Empty asks for nothing."""

    victim_parties: Sequence[str] = ()
    victim_classes: Sequence[VictimClass] = ()
    outcomes: Sequence[Outcome] = ()
    perpetrators: Sequence[str] = ()
    countries: Sequence[str] = ()
    admin1: Sequence[str] = ()
    admin2: Sequence[str] = ()
    places: Sequence[str] = ()
    box: Box | None = None
    circle: Circle | None = None
    occurred_from: date | None = None
    occurred_to: date | None = None
    incident_ids: Sequence[str] = ()
    sources: Sequence[str] = ()
    attributed_to: Sequence[str] = ()
    min_verification: Verification | None = None
    kinds_of_violence: Sequence[KindOfViolence] = ()
    max_date_precision: DatePrecision | None = None
    max_place_precision: PlacePrecision | None = None
    exclude_aggregates: bool = False
    involving: Sequence[str] = ()

    def parameters(self) -> dict[str, Any]:
        """The values of the queries' parameters; None where nothing is asked."""
        lowest = GRADES.index(self.min_verification or LOWEST_BY_DEFAULT)
        lists = {name: list(values) or None for name, values in self._lists().items()}
        kinds = [kind.code for kind in self.kinds_of_violence] or None
        return {
            **lists,
            **{name: getattr(self.box, name, None) for name in ("south", "west", "north", "east")},
            **{name: getattr(self.circle, name, None) for name in ("latitude", "longitude", "radius_km")},
            "occurred_from": self.occurred_from,
            "occurred_to": self.occurred_to,
            "grades": list(GRADES[lowest:]),
            "kinds_of_violence": kinds,
            "max_date_precision": self.max_date_precision and self.max_date_precision.code,
            "max_place_precision": self.max_place_precision and self.max_place_precision.code,
            "exclude_aggregates": self.exclude_aggregates,
        }

    def _lists(self) -> dict[str, Sequence[str]]:
        return {
            "victim_parties": self.victim_parties,
            "victim_classes": self.victim_classes,
            "outcomes": self.outcomes,
            "perpetrators": self.perpetrators,
            "countries": self.countries,
            "admin1": self.admin1,
            "admin2": self.admin2,
            "places": self.places,
            "incident_ids": self.incident_ids,
            "sources": self.sources,
            "attributed_to": self.attributed_to,
            "involving": self.involving,
        }

    def beside_tolls(
        self, classes: Sequence[VictimClass], outcomes: Sequence[Outcome], incident_ids: Sequence[str]
    ) -> "ClaimFilter":
        """The same demands on the evidence, of all claims that could be inside tolls of these classes and outcomes;
        of these incidents, where each toll is of one."""
        evidence = replace(
            ClaimFilter(),
            sources=self.sources,
            attributed_to=self.attributed_to,
            min_verification=self.min_verification,
            kinds_of_violence=self.kinds_of_violence,
            max_date_precision=self.max_date_precision,
            max_place_precision=self.max_place_precision,
            exclude_aggregates=self.exclude_aggregates,
        )
        every_class = not classes or VictimClass.UNKNOWN in classes
        return replace(
            evidence,
            victim_classes=() if every_class else tuple(classes),
            outcomes=tuple(outcomes),
            incident_ids=tuple(incident_ids),
        )


@dataclass(frozen=True)
class Question:
    """What GetCasualties asks, and ListClaims of one group."""

    filter: ClaimFilter = field(default_factory=ClaimFilter)
    group_by: Sequence[Grouping] = BY_DEFAULT
    count_policy: CountPolicy = CountPolicy.VERBATIM_1
    resolution_rule: ResolutionRule = ResolutionRule.LATEST
    count_aggregates: bool = False
    """Whether aggregates count too: tolls of one incident of which nothing is itemised."""
    spread: bool = False
    """Whether claims that are not dated precisely enough for a period are in the group of their interval."""

    def parameters(self, position: int) -> Mapping[str, Any]:
        """The values of the queries' parameters, as of a position."""
        periods = [grouping for grouping in self.group_by if self.spread and grouping in PERIODS]
        return {
            **self.filter.parameters(),
            "position": position,
            "groupings": [grouping.value for grouping in self.group_by if grouping not in periods],
            "periods": [grouping.value for grouping in periods],
            "joint": JOINT,
            "by_wholes": self.count_policy is CountPolicy.UCDP_RANGE,
            "by_acled": self.count_policy is CountPolicy.ACLED_2019,
            "rule": self.resolution_rule.value,
            "count_aggregates": self.count_aggregates,
        }
