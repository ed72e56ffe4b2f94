"""Answers of the server in the terms of datasets: incidents with their claims, figures, the register of actors.
Plain data; nothing is chosen or counted here."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1 import claims_pb2, records_pb2
from ledger.api.fields import enum_words
from ledger.api.messages import claim_from_proto
from ledger.datasets.incidents import Content, Figure, HeldClaim, Incident
from ledger.datasets.named_actors import Recorded
from ledger.domain.codes import DatePrecision
from ledger.domain.reports import EVENT_TYPES

GROUPING_WORDS: Mapping[int, str] = enum_words(messages.CasualtyGrouping.DESCRIPTOR)
Key = dict[str, str]
"""The values of a group's key, by the words of its groupings."""


def incident_of(summary: Any) -> Incident:
    """An incident as a list with claims gives it."""
    return Incident(
        incident_id=summary.incident_id,
        claims=[_claim(record) for record in summary.claim_records],
        first_day=date.fromisoformat(summary.occurred.start),
        last_day=date.fromisoformat(summary.occurred.end),
        date_precision=DatePrecision(summary.occurred.precision),
        place=_latest_place(summary),
        claim_count=summary.claims,
        report_count=summary.reports,
        merged_incident_ids=list(summary.merged_incident_ids),
    )


def figures_of(answer: Any) -> Iterator[tuple[Key, Figure]]:
    """The figures of an answer with their keys."""
    for each in answer.figures:
        yield key_of(each), figure_of(each)


def key_of(group: Any) -> Key:
    """A group's key."""
    return {GROUPING_WORDS[part.grouping]: part.value for part in group.key}


def figure_of(group: Any) -> Figure:
    """A group's figure; a bound that is not set is None."""
    low, best, high = (
        getattr(group.figure, name) if group.figure.HasField(name) else None for name in ("low", "best", "high")
    )
    left_out = {each.reason: each.claims for each in group.left_out}
    return Figure(low, best, high, tuple(group.flags), left_out)


def registrations_of(events: Iterable[records_pb2.RecordedEvent]) -> Iterator[Recorded]:
    """Events of the register; of what was redacted nothing is left."""
    for event in events:
        if not event.redacted:
            content = claim_from_proto(event.claim)
            yield Recorded(event.event_id, EVENT_TYPES[event.type].model_validate(content))


def _claim(record: Any) -> HeldClaim:
    event = record.event
    ids: dict[str, str] = {}
    for each in record.source.external_ids:
        ids.setdefault(each.scheme, each.id)
    return HeldClaim(
        content=claim_from_proto(event.claim),
        position=event.position,
        report_id=event.report_id,
        corrected=bool(record.original_event_id),
        source=record.source.name,
        source_ids=ids,
        source_count=record.source_count if record.HasField("source_count") else None,
    )


def _latest_place(summary: Any) -> Content | None:
    """The place as the list gives it, in the words of a claim."""
    if not summary.HasField("place"):
        return None
    place: Content = claim_from_proto(claims_pb2.Claim(place=summary.place))["place"]
    return place
