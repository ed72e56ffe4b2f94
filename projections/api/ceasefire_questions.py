"""Requests about ceasefires and threats as the read models' questions. What does not hold is told by its path, all
of it at once; nothing is repaired."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from incident.ledger.v1 import ceasefire_service_pb2 as pb
from ledger.api.fields import enum_words
from ledger.domain.codes import ThreatKind, ViolationStanding
from projections.api.casualty_questions import Reading
from projections.ceasefires.lifecycle import Formal
from projections.ceasefires.violations import SeriesStep, ViolationQuestion
from projections.threats.reading import Question as ThreatQuestion
from projections.threats.status import Fate

MAX_WINDOW_DAYS = 36_600
"""A century: longer than any ceasefire on record has been watched."""

FORMALS: Mapping[int, Formal] = MappingProxyType(
    {number: Formal(word.replace("_", " ")) for number, word in enum_words(pb.FormalStatus.DESCRIPTOR).items()}
)
FATES: Mapping[int, Fate] = MappingProxyType(
    {number: Fate(word) for number, word in enum_words(pb.ThreatStatus.DESCRIPTOR).items()}
)
SERIES: Mapping[int, SeriesStep | None] = MappingProxyType(
    {
        pb.VIOLATION_SERIES_UNSPECIFIED: None,
        pb.VIOLATION_SERIES_DAY: SeriesStep.DAY,
        pb.VIOLATION_SERIES_WEEK: SeriesStep.WEEK,
    }
)


@dataclass(frozen=True)
class StatusQuestion:
    """What GetCeasefireStatus and ListCeasefires ask; `at` is None where the record's own day is meant."""

    at: date | None
    window_days: int
    agreement_id: str = ""
    parties: frozenset[str] = frozenset()
    formal: frozenset[Formal] = frozenset()


def status_of(request: pb.GetCeasefireStatusRequest) -> StatusQuestion:
    """What GetCeasefireStatus asks."""
    reading = Reading()
    if not request.agreement_id:
        reading.refuse("agreement_id", "is empty; name the agreement, or list them with ListCeasefires")
    if "\0" in request.agreement_id:
        reading.refuse("agreement_id", "holds a NUL character; remove it")
    question = StatusQuestion(reading.day(request.at, "at"), _window_days(reading, request), request.agreement_id)
    reading.finish()
    return question


def statuses_of(request: pb.ListCeasefiresRequest) -> StatusQuestion:
    """What ListCeasefires asks."""
    reading = Reading()
    question = StatusQuestion(
        at=reading.day(request.at, "at"),
        window_days=_window_days(reading, request),
        parties=frozenset(reading.texts(request.parties, "parties")),
        formal=frozenset(_choices(reading, FORMALS, request.formal, "formal")),
    )
    reading.finish()
    return question


def violations_of(request: pb.ListViolationsRequest) -> tuple[ViolationQuestion, SeriesStep | None]:
    """What ListViolations asks."""
    reading = Reading()
    first, last = reading.period(request, "")
    date_precision, place_precision = reading.precisions(request, "")
    step: SeriesStep | None = reading.choice(SERIES, request.series, "series")
    question = ViolationQuestion(
        agreement_ids=_texts(reading, request.agreement_ids, "agreement_ids"),
        violators=_texts(reading, request.violators, "violators"),
        standings=_some(reading.codes(ViolationStanding, request.standings, "standings")),
        kinds=_lower(_texts(reading, request.violation_kinds, "violation_kinds")),
        places=_lower(_texts(reading, request.places, "places")),
        occurred_from=first,
        occurred_to=last,
        max_date_precision=date_precision.code if date_precision else None,
        max_place_precision=place_precision.code if place_precision else None,
    )
    reading.finish()
    return question, step


def threats_of(request: pb.ListThreatsRequest) -> tuple[date | None, ThreatQuestion]:
    """What ListThreats asks: the day, where one is given, and which threats."""
    reading = Reading()
    at = reading.day(request.at, "at")
    question = ThreatQuestion(
        at=at or date.max,
        fates=_some(_choices(reading, FATES, request.statuses, "statuses")),
        kinds=_some(reading.codes(ThreatKind, request.kinds, "kinds")),
        issued_by=_texts(reading, request.issued_by, "issued_by"),
        against=_texts(reading, request.against, "against"),
    )
    reading.finish()
    return at, question


def _window_days(reading: Reading, request: Any) -> int:
    days: int = request.window_days
    if not 0 <= days <= MAX_WINDOW_DAYS:
        why = f"is {days}; give 1 to {MAX_WINDOW_DAYS}, or 0 for the whole time in force"
        reading.refuse("window_days", why)
    return days


def _choices(reading: Reading, choices: Mapping[int, Any], numbers: Iterable[int], path: str) -> list[Any]:
    found = []
    for index, number in enumerate(numbers):
        if number == 0:
            reading.refuse(f"{path}[{index}]", "is unspecified; give a value or leave it out")
        else:
            found.append(reading.choice(choices, number, f"{path}[{index}]"))
    return found


def _texts(reading: Reading, values: Iterable[str], path: str) -> list[str] | None:
    return _some(reading.texts(values, path))


def _some(values: Sequence[Any]) -> list[Any] | None:
    """A condition without values is no condition."""
    return list(values) or None


def _lower(values: list[str] | None) -> list[str] | None:
    return None if values is None else [value.lower() for value in values]
