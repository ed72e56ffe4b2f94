"""Requests about casualties and incidents as the read models' questions. What does not hold is told by its path,
all of it at once; nothing is repaired."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, TypeVar

from incident.ledger.v1 import casualty_service_pb2 as pb
from ledger.api.fields import enum_words
from ledger.api.messages import code_from_proto
from ledger.domain.codes import (
    Code,
    DatePrecision,
    KindOfViolence,
    Outcome,
    PlacePrecision,
    Verification,
    VictimClass,
)
from ledger.domain.reports import CLAIM_TYPES
from ledger.errors import InvalidRequestError, Violation
from projections.api.page_tokens import page_size_of
from projections.casualties.question import (
    BY_DEFAULT,
    Box,
    Circle,
    ClaimFilter,
    CountPolicy,
    Grouping,
    Question,
    ResolutionRule,
)
from projections.incidents.answering import IncidentFilter

MOST_VALUES = 1_000
"""Values in one condition of a filter."""
MAX_PAGE_SIZE_WITH_CLAIMS = 200
"""Incidents of one page, where each comes with its claims."""
HALF_CIRCUMFERENCE_KM = 20_038.0
"""No two points on the globe are further apart."""

CodeType = TypeVar("CodeType", bound=Code)
TYPES = frozenset(each.__name__ for each in CLAIM_TYPES)

POLICIES: Mapping[int, CountPolicy] = MappingProxyType(
    {
        pb.COUNT_POLICY_UNSPECIFIED: CountPolicy.VERBATIM_1,
        pb.COUNT_POLICY_VERBATIM_1: CountPolicy.VERBATIM_1,
        pb.COUNT_POLICY_ACLED_2019: CountPolicy.ACLED_2019,
        pb.COUNT_POLICY_UCDP_RANGE: CountPolicy.UCDP_RANGE,
    }
)
RULES: Mapping[int, ResolutionRule] = MappingProxyType(
    {
        pb.RESOLUTION_RULE_UNSPECIFIED: ResolutionRule.LATEST,
        pb.RESOLUTION_RULE_LATEST: ResolutionRule.LATEST,
        pb.RESOLUTION_RULE_MOST_RELIABLE: ResolutionRule.MOST_RELIABLE,
        pb.RESOLUTION_RULE_ENVELOPE: ResolutionRule.ENVELOPE,
        pb.RESOLUTION_RULE_ANALYST: ResolutionRule.ANALYST,
    }
)
_GROUPING_WORDS = enum_words(pb.CasualtyGrouping.DESCRIPTOR)
GROUPINGS: Mapping[int, Grouping] = MappingProxyType(
    {number: Grouping(word) for number, word in _GROUPING_WORDS.items()}
)


class Reading:
    """Reads the fields of one request and gathers what does not hold."""

    def __init__(self) -> None:
        self.faults: list[Violation] = []

    def refuse(self, path: str, why: str) -> None:
        """Take note of a field that does not hold."""
        self.faults.append(Violation(path, why))

    def finish(self) -> None:
        """Refuse the request with everything that was noted."""
        if self.faults:
            raise InvalidRequestError(self.faults)

    def texts(self, values: Iterable[str], path: str) -> tuple[str, ...]:
        """Values of one condition: not empty, not too many."""
        given = tuple(values)
        for index, value in enumerate(given):
            if not value or "\0" in value:
                self.refuse(f"{path}[{index}]", "is empty or holds a NUL character; give a value or leave it out")
        if len(given) > MOST_VALUES:
            self.refuse(path, f"has {len(given)} values; give at most {MOST_VALUES}")
        return given

    def code(self, code_type: type[CodeType], number: int, path: str) -> CodeType | None:
        """A code; None where it is unspecified."""
        try:
            return code_from_proto(code_type, number, path)
        except InvalidRequestError as error:
            self.faults += error.violations
            return None

    def codes(self, code_type: type[CodeType], numbers: Iterable[int], path: str) -> tuple[CodeType, ...]:
        """The codes of one condition; one that is unspecified is refused."""
        found = []
        for index, number in enumerate(numbers):
            code = self.code(code_type, number, f"{path}[{index}]")
            if code is not None:
                found.append(code)
            elif number == 0:
                self.refuse(f"{path}[{index}]", "is unspecified; give a value or leave it out")
        return tuple(found)

    def choice(self, choices: Mapping[int, Any], number: int, path: str) -> Any:
        """One of several numbers that the contract defines."""
        if number not in choices:
            self.refuse(path, f"is `{number}`, which the contract does not define")
        return choices.get(number)

    def day(self, text: str, path: str) -> date | None:
        """A day; None where nothing is given."""
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.refuse(path, f"is `{text[:40]}`, which is not a date; write it as YYYY-MM-DD")
            return None

    def period(self, asked: Any, path: str) -> tuple[date | None, date | None]:
        """`occurred_from` and `occurred_to` of a message."""
        first = self.day(asked.occurred_from, f"{path}occurred_from")
        last = self.day(asked.occurred_to, f"{path}occurred_to")
        if first is not None and last is not None and last < first:
            self.refuse(f"{path}occurred_to", f"is {last}, before {first}; exchange the two")
        return first, last

    def number(self, value: float, path: str, least: float, most: float) -> float:
        """A finite number within bounds."""
        if not math.isfinite(value) or not least <= value <= most:
            self.refuse(path, f"is {value:g}; give a number from {least:g} to {most:g}")
        return value

    def precisions(self, asked: Any, path: str) -> tuple[DatePrecision | None, PlacePrecision | None]:
        """`max_date_precision` and `max_place_precision` of a message."""
        return (
            self.code(DatePrecision, asked.max_date_precision, f"{path}max_date_precision"),
            self.code(PlacePrecision, asked.max_place_precision, f"{path}max_place_precision"),
        )


def question_of(request: pb.GetCasualtiesRequest) -> Question:
    """What GetCasualties asks."""
    reading = Reading()
    question = Question(
        filter=_claim_filter(reading, request.filter),
        group_by=_groupings(reading, request.group_by) or BY_DEFAULT,
        count_policy=reading.choice(POLICIES, request.count_policy, "count_policy"),
        resolution_rule=reading.choice(RULES, request.resolution_rule, "resolution_rule"),
        count_aggregates=request.count_aggregates,
        spread=request.spread_imprecise_dates,
    )
    reading.finish()
    return question


def claims_of_group(request: pb.ListClaimsRequest) -> tuple[Question, dict[Grouping, str]]:
    """What ListClaims asks: which claims, and of which group where one is given."""
    reading = Reading()
    asked = _claim_filter(reading, request.filter)
    group: dict[Grouping, str] = {}
    for index, part in enumerate(request.group):
        path = f"group[{index}]"
        grouping = reading.choice(GROUPINGS, part.grouping, f"{path}.grouping")
        if grouping in group:
            reading.refuse(f"{path}.grouping", f"{grouping} is given twice; give each once")
        if "\0" in part.value:
            reading.refuse(f"{path}.value", "holds a NUL character; remove it")
        group[grouping] = part.value
    question = Question(
        filter=asked,
        group_by=tuple(group),
        count_policy=reading.choice(POLICIES, request.count_policy, "count_policy"),
        resolution_rule=reading.choice(RULES, request.resolution_rule, "resolution_rule"),
        count_aggregates=request.count_aggregates,
        spread=request.spread_imprecise_dates,
    )
    reading.finish()
    return question, group


def incidents_page_of(request: pb.ListIncidentsRequest) -> int:
    """How many incidents a page of ListIncidents holds."""
    if request.with_claims:
        return page_size_of(request, MAX_PAGE_SIZE_WITH_CLAIMS, " with claims")
    return page_size_of(request)


def incidents_of(request: pb.ListIncidentsRequest | pb.ListTimelineRequest) -> IncidentFilter:
    """What ListIncidents and ListTimeline ask."""
    reading = Reading()
    first, last = reading.period(request, "")
    date_precision, place_precision = reading.precisions(request, "")
    for index, name in enumerate(request.types):
        if name not in TYPES:
            reading.refuse(f"types[{index}]", f"is `{name[:40]}`, which is no type of claim")
    asked = IncidentFilter(
        occurred_from=first,
        occurred_to=last,
        places=reading.texts(request.places, "places"),
        actor_ids=reading.texts(request.actor_ids, "actor_ids"),
        types=reading.texts(request.types, "types"),
        max_date_precision=date_precision,
        max_place_precision=place_precision,
    )
    reading.finish()
    return asked


def _claim_filter(reading: Reading, asked: pb.CasualtyFilter) -> ClaimFilter:
    path = "filter."
    first, last = reading.period(asked, path)
    date_precision, place_precision = reading.precisions(asked, path)
    grade = reading.code(Verification, asked.min_verification, f"{path}min_verification")
    if grade is Verification.RETRACTED:
        reading.refuse(f"{path}min_verification", "is `retracted`, which no claim that counts is")
    texts = {name: reading.texts(getattr(asked, name), f"{path}{name}") for name in _TEXT_CONDITIONS}
    return ClaimFilter(
        **texts,
        victim_classes=reading.codes(VictimClass, asked.victim_classes, f"{path}victim_classes"),
        outcomes=reading.codes(Outcome, asked.outcomes, f"{path}outcomes"),
        box=_box(reading, asked.box, f"{path}box") if asked.HasField("box") else None,
        circle=_circle(reading, asked.circle, f"{path}circle") if asked.HasField("circle") else None,
        occurred_from=first,
        occurred_to=last,
        min_verification=grade,
        kinds_of_violence=reading.codes(KindOfViolence, asked.kinds_of_violence, f"{path}kinds_of_violence"),
        max_date_precision=date_precision,
        max_place_precision=place_precision,
        exclude_aggregates=asked.exclude_aggregates,
    )


_TEXT_CONDITIONS = (
    *("victim_parties", "perpetrators", "countries", "admin1", "admin2", "places"),
    *("incident_ids", "sources", "attributed_to", "involving"),
)


def _box(reading: Reading, box: pb.GeoBox, path: str) -> Box:
    south = reading.number(box.south, f"{path}.south", -90, 90)
    north = reading.number(box.north, f"{path}.north", -90, 90)
    if north < south:
        reading.refuse(f"{path}.north", f"is {north:g}, south of {south:g}; exchange south and north")
    west = reading.number(box.west, f"{path}.west", -180, 180)
    east = reading.number(box.east, f"{path}.east", -180, 180)
    return Box(south, west, north, east)


def _circle(reading: Reading, circle: pb.GeoCircle, path: str) -> Circle:
    return Circle(
        reading.number(circle.latitude, f"{path}.latitude", -90, 90),
        reading.number(circle.longitude, f"{path}.longitude", -180, 180),
        reading.number(circle.radius_km, f"{path}.radius_km", 0, HALF_CIRCUMFERENCE_KM),
    )


def _groupings(reading: Reading, given: Sequence[int]) -> tuple[Grouping, ...]:
    found: list[Grouping] = []
    for index, number in enumerate(given):
        grouping = reading.choice(GROUPINGS, number, f"group_by[{index}]")
        if grouping in found:
            reading.refuse(f"group_by[{index}]", f"{grouping} is given twice; give each once")
        found.append(grouping)
    return tuple(found)
