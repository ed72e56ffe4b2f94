"""Values of the contract in words for people: dates with their precision, counts as stated, codes, flags.
An open or unstated bound is shown as such and never as a number."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from incident.ledger.v1 import casualty_service_pb2, ceasefire_service_pb2, claims_pb2, values_pb2
from incident.ledger.v1 import projection_service_pb2 as projections_pb2
from ledger.api.fields import enum_words

UNSTATED = "…"
OPEN = "open"

FLAGS = {
    "PARTY_CLAIM": "party's own claim",
    "SINGLE_SOURCE": "1 source",
    "AGGREGATE": "aggregate",
    "LOW_ABOVE_BEST": "low is above best",
    "BEST_ABOVE_HIGH": "best is above high",
    "UNREGISTERED_ACTOR": "unregistered actor",
    "IMPRECISE_DATE": "imprecise date",
    "IMPRECISE_PLACE": "imprecise place",
    "BOUNDS_OF_WHOLES": "bounds of whole incidents",
}

_NUMBER_BEFORE = {
    values_pb2.COUNT_QUALIFIER_EXACT: "{}",
    values_pb2.COUNT_QUALIFIER_AT_LEAST: "at least {}",
    values_pb2.COUNT_QUALIFIER_MORE_THAN: "more than {}",
    values_pb2.COUNT_QUALIFIER_AT_MOST: "at most {}",
    values_pb2.COUNT_QUALIFIER_LESS_THAN: "fewer than {}",
    values_pb2.COUNT_QUALIFIER_ABOUT: "about {}",
}


class _Words:
    """Numbers of one enumeration as words with spaces; unspecified is what the reader is told instead."""

    def __init__(self, enum: EnumDescriptor, unspecified: str = "") -> None:
        self._words = {number: word.replace("_", " ") for number, word in enum_words(enum).items()}
        self._unspecified = unspecified

    def __call__(self, number: int) -> str:
        return self._words.get(number, self._unspecified if number == 0 else f"number {number}")


_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F)), "·")
_CONTROL_BUT_BREAKS = {code: shown for code, shown in _CONTROL.items() if code != ord("\n")}


def visible(text: str, breaks: bool = True) -> str:
    """Text that moves no cursor, sets no colour and turns no direction: recorded words are shown, never obeyed."""
    return text.translate(_CONTROL_BUT_BREAKS) if breaks else text.replace("\n", " ").translate(_CONTROL)


def _enum(file: Any, name: str) -> EnumDescriptor:
    found: EnumDescriptor = file.DESCRIPTOR.enum_types_by_name[name]
    return found


date_precision = _Words(_enum(values_pb2, "DatePrecision"))
place_precision = _Words(_enum(values_pb2, "PlacePrecision"))
verification = _Words(_enum(values_pb2, "Verification"), "reported")
victim_class = _Words(_enum(values_pb2, "VictimClass"))
toll_class = _Words(_enum(values_pb2, "VictimClass"), "persons of all classes")
outcome = _Words(_enum(values_pb2, "Outcome"))
actor_kind = _Words(_enum(values_pb2, "ActorKind"))
standing = _Words(_enum(claims_pb2, "ViolationStanding"), "alleged")
ending = _Words(_enum(claims_pb2, "CeasefireEnding"), "nobody says how")
threat_kind = _Words(_enum(claims_pb2, "ThreatKind"))
formal_status = _Words(_enum(ceasefire_service_pb2, "FormalStatus"), "unknown")
observance = _Words(_enum(ceasefire_service_pb2, "Observance"), "not in force")
threat_status = _Words(_enum(ceasefire_service_pb2, "ThreatStatus"))
grouping = _Words(_enum(casualty_service_pb2, "CasualtyGrouping"))
projection_state = _Words(_enum(projections_pb2, "ProjectionState"), "unknown")
difference = _Words(_enum(projections_pb2, "DifferenceKind"))
projection_operation = _Words(_enum(claims_pb2, "ProjectionOperation"))
rebuild_result = _Words(_enum(claims_pb2, "RebuildResult"))
rebuild_phase = _Words(_enum(projections_pb2, "RebuildPhase"), "starting")


def number(value: int) -> str:
    """With separators: 1,800."""
    return f"{value:,}"


def bound(figure: Any, name: str) -> str:
    """`low`, `best` or `high` of a figure; an absent high is open."""
    if figure.HasField(name):
        return number(getattr(figure, name))
    return OPEN if name == "high" else UNSTATED


def count(stated: Any) -> str:
    """A count as its source stated it."""
    if stated.words:
        return f"“{stated.words}”"
    if stated.HasField("stated") and stated.qualifier in _NUMBER_BEFORE:
        return _NUMBER_BEFORE[stated.qualifier].format(number(stated.stated))
    if stated.HasField("low") or stated.HasField("best") or stated.HasField("high"):
        low, best, high = (bound(stated, name) for name in ("low", "best", "high"))
        return f"{low} to {high}" if best == UNSTATED else f"{low} to {high}, best {best}"
    return "an unknown number"


def interval(occurred: Any, between: str = " ") -> str:
    """A day, or first and last day; with the precision where it is not one exact day."""
    if not occurred.start:
        return ""
    one_day = occurred.end in ("", occurred.start)
    days = occurred.start if one_day else f"{occurred.start} to{between}{occurred.end}"
    if occurred.precision in (0, values_pb2.DATE_PRECISION_DAY):
        return days
    return f"{days} ({date_precision(occurred.precision)})"


def narrow_interval(occurred: Any) -> str:
    """The same on two lines, for tables."""
    return interval(occurred, between="\n")


def moment(stamp: Timestamp) -> str:
    """A moment of the record, UTC, to the second."""
    return stamp.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def place(where: Any) -> str:
    """A place with its precision where it is not exact."""
    if not where.name:
        return ""
    precise = where.precision in (0, values_pb2.PLACE_PRECISION_EXACT)
    return where.name if precise else f"{where.name} ({place_precision(where.precision)})"


def flags(words: Iterable[str]) -> str:
    """Fixed words as people say them."""
    return ", ".join(FLAGS.get(word, word.lower().replace("_", " ")) for word in words)


def ids(names: Iterable[str]) -> str:
    """Several ids."""
    return ", ".join(names)


def seconds(duration: float) -> str:
    """A duration, roughly."""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
