"""Reads the small parts of requests: ledger names, bounds, filters, expected revisions. What does not hold is told
by its path. Reports are read by the messages module."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from incident.ledger.v1 import records_pb2
from ledger.domain.reports import ALL_TYPES
from ledger.errors import InvalidRequestError, Violation
from ledger.persistence.history import HistoryFilter
from ledger.persistence.records import ANY_REVISION, EXISTING_STREAM

DEFAULT_LEDGER = "main"
LEDGER_NAME = re.compile(r"(?!.*(_projections|_g[0-9]+)$)[a-z][a-z0-9_]{0,39}")
"""The endings are those of the schemas of read models, which are named after their ledger."""
MAX_FILTER_VALUES = 100
DEFAULT_SECONDS = 30.0
"""How long a call without a deadline may take."""
MAX_MARGIN_SECONDS = 0.25
MARGIN_SHARE = 0.1
"""What is kept of a deadline for the answer to travel."""
ANONYMOUS = "anonymous"
"""The recorder of calls without credentials."""
MAX_CLIENT_CHARACTERS = 200
"""Of what a client calls itself: it stands in every one of its events."""
_UNFIT = re.compile(r"[^ -~]")


def ledger_name(given: str, field: str = "ledger") -> str:
    """The ledger that a request names."""
    name = given or DEFAULT_LEDGER
    if not LEDGER_NAME.fullmatch(name):
        sentence = (
            "is 1 to 40 characters of a-z, 0-9 and _, beginning with a letter, not ending in _projections or _g1"
        )
        raise InvalidRequestError([Violation(field, f"{name!r} is not a ledger's name, which {sentence}")])
    return name


def bounded(given: int, field: str, default: int, most: int, setting: str = "") -> int:
    """A page or batch size: the default for 0, refused beyond the bound."""
    if given < 0 or given > most:
        raise InvalidRequestError([Violation(field, f"is {given}; give 1 to {most}{setting}, or 0 for {default}")])
    return given or default


def not_negative(given: int, field: str) -> int:
    """A position or size."""
    if given < 0:
        raise InvalidRequestError(
            [Violation(field, f"is {given}; a position is 1 or more, 0 stands for the default")]
        )
    return given


def expected_revisions(given: Iterable[records_pb2.ExpectedRevision]) -> Mapping[str, int]:
    """Streams and the revisions expected of them, in the lane's terms."""
    found: dict[str, int] = {}
    faults = []
    for index, each in enumerate(given):
        path = f"expected[{index}]"
        if not each.stream:
            faults.append(Violation(f"{path}.stream", "is empty; name the stream, for example incidents/x"))
        if each.stream in found:
            faults.append(Violation(f"{path}.stream", f"{each.stream} is named twice; name each stream once"))
        match each.WhichOneof("expectation"):
            case "revision" if each.revision < 0:
                faults.append(Violation(f"{path}.revision", f"is {each.revision}; a revision is 1 or more"))
            case "revision":
                found[each.stream] = each.revision
            case "no_stream":
                found[each.stream] = 0
            case "stream_exists":
                found[each.stream] = EXISTING_STREAM
            case _:
                found[each.stream] = ANY_REVISION
    if faults:
        raise InvalidRequestError(faults)
    return found


def history_filter(given: Any, path: str = "filter") -> HistoryFilter:
    """The filter of a replay or subscription."""
    faults = [
        Violation(f"{path}.types[{index}]", f"{name!r} is no type of event; see the reference of events")
        for index, name in enumerate(given.types)
        if name not in ALL_TYPES
    ]
    for field in ("types", "streams", "actor_ids", "report_ids"):
        if len(getattr(given, field)) > MAX_FILTER_VALUES:
            faults.append(Violation(f"{path}.{field}", f"has more than {MAX_FILTER_VALUES} values; ask in parts"))
    if faults:
        raise InvalidRequestError(faults)
    return HistoryFilter(
        types=tuple(given.types),
        streams=tuple(given.streams),
        actor_ids=tuple(given.actor_ids),
        report_ids=tuple(given.report_ids),
        recorded_from=given.recorded_from.ToDatetime(tzinfo=UTC) if given.HasField("recorded_from") else None,
        recorded_before=given.recorded_before.ToDatetime(tzinfo=UTC) if given.HasField("recorded_before") else None,
    )


def seconds_left(context: Any) -> float:
    """How long a call may work, in seconds: until shortly before its deadline, so that what is said of it still
    arrives; bounded where the client gave none."""
    left = context.time_remaining()
    if left is None:
        return DEFAULT_SECONDS
    return max(0.0, float(left) - min(MAX_MARGIN_SECONDS, float(left) * MARGIN_SHARE))


def client_of(context: Any) -> str:
    """What a client calls itself: the `user-agent` of its call, whose beginning a client of gRPC may choose. Never
    its address: that would say of a person where they were, and could not be taken back."""
    said = next((value for key, value in context.invocation_metadata() or () if key == "user-agent"), "")
    cut = str(said)[:MAX_CLIENT_CHARACTERS]
    # Whatever a client sends must be such that the record can hold it.
    return cut if cut.isascii() and cut.isprintable() else _UNFIT.sub("?", cut)
