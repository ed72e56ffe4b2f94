"""Answers about casualties and incidents as messages. What is open or unstated stays unset; nothing is added up."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import records_pb2, values_pb2
from ledger.api.fields import Converters
from projections.api.casualty_questions import GROUPINGS
from projections.api.claim_records import claim_record, recorded_event
from projections.casualties.answering import FormKey, GroupFigure, TollBeside
from projections.casualties.figures import Figure, LeftOut
from projections.casualties.listing import Part
from projections.casualties.question import Grouping
from projections.incidents.answering import Link, Summary

Row = Mapping[str, Any]
Forms = Mapping[FormKey, Row]

MOST_PAGE_BYTES = 3 * 1024 * 1024
"""Of incidents with their claims; a client takes messages of 4 MiB unless it says otherwise."""

GROUPING_NUMBERS: Mapping[Grouping, Any] = MappingProxyType(
    {grouping: number for number, grouping in GROUPINGS.items()}
)
_WRITE_PLACE = Converters({}).writer(values_pb2.Place.DESCRIPTOR)


def figure_to_proto(figure: Figure) -> pb.Figure:
    """A figure; an absent bound is unset, never zero."""
    return pb.Figure(low=figure.low, best=figure.best, high=figure.high, text=figure.text)


def left_out_to_proto(left_out: Sequence[LeftOut]) -> list[records_pb2.LeftOut]:
    """What is left out, and why."""
    return [
        records_pb2.LeftOut(reason=each.reason, claims=each.claims, description=each.description)
        for each in left_out
    ]


def group_to_proto(group: GroupFigure) -> pb.CasualtyFigure:
    """The figure of one group."""
    return pb.CasualtyFigure(
        key=[pb.GroupKey(grouping=GROUPING_NUMBERS[name], value=value) for name, value in group.key],
        figure=figure_to_proto(group.figure),
        incidents=group.incidents,
        claims=group.claims,
        left_out=left_out_to_proto(group.left_out),
        flags=group.flags,
        positions=group.positions,
    )


def toll_to_proto(toll: TollBeside, forms: Forms) -> pb.Toll:
    """A toll beside the itemised claims inside it."""
    return pb.Toll(
        event=recorded_event(forms[toll.form]),
        claimed=figure_to_proto(toll.claimed),
        itemised=figure_to_proto(toll.itemised),
        itemised_claims=toll.itemised_claims,
        residual=figure_to_proto(toll.residual),
        conflict=toll.conflict,
    )


def parts_to_proto(parts: Sequence[Part], forms: Forms) -> list[pb.ClaimRecord]:
    """Claims with what they are in their figures."""
    claims = claims_to_proto([part.form for part in parts], forms)
    for claim, part in zip(claims, parts, strict=True):
        claim.left_out = part.left_out
        if part.adds is not None:
            claim.adds.CopyFrom(figure_to_proto(part.adds))
    return claims


def claims_to_proto(keys: Sequence[FormKey], forms: Forms) -> list[pb.ClaimRecord]:
    """Claims in the forms asked for, each with what it deserves a look for."""
    return [claim_record(forms[key], _claim_flags(forms[key])) for key in keys]


def _claim_flags(row: Row) -> list[str]:
    low, best, high = row.get("low"), row.get("best"), row.get("high")
    flags = []
    if low is not None and best is not None and low > best:
        flags.append("LOW_ABOVE_BEST")
    if best is not None and high is not None and best > high:
        flags.append("BEST_ABOVE_HIGH")
    if row["unregistered"]:
        flags.append("UNREGISTERED_ACTOR")
    return flags


def summary_to_proto(summary: Summary) -> pb.IncidentSummary:
    """An incident in short; without an interval where no claim holds any more."""
    message = pb.IncidentSummary(
        incident_id=summary.incident_id,
        claim_types=summary.claim_types,
        claims=summary.claims,
        reports=summary.reports,
        merged_incident_ids=summary.merged_incident_ids,
    )
    if summary.first_day is not None and summary.last_day is not None:
        message.occurred.start = summary.first_day.isoformat()
        message.occurred.end = summary.last_day.isoformat()
        message.occurred.precision = values_pb2.DatePrecision.ValueType(summary.date_precision or 0)
    if summary.place is not None:
        place = _WRITE_PLACE(summary.place) if _WRITE_PLACE else summary.place
        message.place.CopyFrom(values_pb2.Place(**place))
    return message


def summaries_with_claims(
    summaries: Sequence[Summary], claims: Mapping[str, Sequence[FormKey]], forms: Forms
) -> list[pb.IncidentSummary]:
    """Incidents with their claims, as long as they fit into MOST_PAGE_BYTES together; one at least."""
    messages: list[pb.IncidentSummary] = []
    size = 0
    for summary in summaries:
        message = summary_to_proto(summary)
        message.claim_records.extend(claims_to_proto(claims[summary.incident_id], forms))
        size += message.ByteSize()
        if messages and size > MOST_PAGE_BYTES:
            break
        messages.append(message)
    return messages


def links_to_proto(links: Sequence[Link]) -> list[pb.IncidentLink]:
    """The links of an incident."""
    return [
        pb.IncidentLink(kind=each.kind, stream=each.stream, event_id=str(each.event_id), position=each.position)
        for each in links
    ]
