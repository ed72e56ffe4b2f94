"""Recorded events on a terminal: one line each in a list or stream, all fields in a detail; and the filter options
that replays and subscriptions share."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from incident.ledger.v1 import records_pb2
from ledger.api.messages import timestamp_to_proto
from ledger.audit.envelope import decode, parse_recorded_at
from ledger.cli import wording
from ledger.cli.session import Session
from ledger.cli.summaries import summary
from ledger.cli.tables import print_json, print_table, table

POSITION_WIDTH = 7
TYPE_WIDTH = 22

_FILTERS = (
    ("--type", "types", "Only events of this type, for example TroopsKilled."),
    ("--stream", "streams", "Only this stream; `agreements/` takes all that begin so."),
    ("--report", "report_ids", "Only events of this report."),
    ("--actor", "actor_ids", "Only events that name this actor, in any role."),
)


def filter_options(function: Callable[..., None]) -> Callable[..., None]:
    """Options for which events; each can be given several times."""
    for flag, name, text in reversed(_FILTERS):
        function = click.option(flag, name, multiple=True, help=text)(function)
    return function


def event_filter(**options: Any) -> records_pb2.EventFilter:
    """The filter of those options."""
    return records_pb2.EventFilter(**options)


def print_event(session: Session, event: Any) -> None:
    """One event of a stream: a line of JSON, or position, type, stream and what it says."""
    if session.as_json:
        print_json(session.out, event, indent=None)
        return
    event = placed(event)
    line = Text(f"{event.position:>{POSITION_WIDTH}}  {event.type:<{TYPE_WIDTH}}  ")
    line.append(event.stream, style="cyan")
    line.append(f"  {_raw(event) if event.envelope else wording.visible(summary(event), breaks=False)}")
    if session.out.is_terminal:
        session.out.print(line, no_wrap=True, overflow="ellipsis")
    else:
        session.out.print(line, soft_wrap=True)


def print_events(console: Console, events: Iterable[Any]) -> None:
    """Events of one report or incident as a table."""
    made = table("position", "type", "about", numbers=("position",))
    for event in events:
        made.add_row(str(event.position), event.type, f"{event.stream}\n{summary(event)}")
    print_table(console, made, "It makes no claim.")


def detail_rows(event: Any) -> Iterator[tuple[str, str]]:
    """All that is recorded of an event, by name; nested parts by their path."""
    yield "position", str(event.position)
    yield "type", event.type
    yield "stream", f"{event.stream}, revision {event.revision}"
    yield "event id", event.event_id
    yield "report", event.report_id
    yield "recorded", wording.moment(event.recorded_at)
    if event.recorder:
        yield "recorder", event.recorder
    if event.client:
        yield "client", event.client
    if event.redacted:
        yield "claim", "redacted"
    if event.envelope:
        yield "stored", _raw(event)
    if event.HasField("claim"):
        body = event.claim.WhichOneof("body")
        yield from ((path.removeprefix(f"{body}."), value) for path, value in _fields(event.claim, ""))


def placed(event: Any) -> Any:
    """An event with its place; in a RAW view, only the envelope tells it."""
    if not event.envelope:
        return event
    said = decode(event.envelope)
    return records_pb2.RecordedEvent(
        position=event.position,
        stream=said.stream,
        revision=said.revision,
        event_id=str(said.event_id),
        type=said.type,
        report_id=said.report_id,
        recorded_at=timestamp_to_proto(parse_recorded_at(said.recorded_at)),
        recorder=said.recorder,
        client=said.client or "",
        redacted=event.redacted,
        envelope=event.envelope,
        salt=event.salt,
        payload=event.payload,
    )


def _raw(event: Any) -> str:
    return f"envelope {len(event.envelope)} bytes, payload {len(event.payload)} bytes, salt {len(event.salt)} bytes"


WORDED: dict[str, Callable[[Any], str]] = {
    "incident.ledger.v1.OccurredInterval": wording.interval,
    "incident.ledger.v1.Count": wording.count,
    "incident.ledger.v1.Place": wording.place,
}
"""Parts of a claim that are said as one."""


def _fields(message: Message, path: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        inner = f"{path}{field.name}"
        if field.message_type is None or field.message_type.full_name in WORDED:
            yield inner, worded(field, value)
        elif field.is_repeated:
            for index, item in enumerate(value):
                yield from _fields(item, f"{inner}[{index}].")
        else:
            yield from _fields(value, f"{inner}.")


def worded(field: Any, value: Any) -> str:
    """A field's value in words: of a plain field, or of a part that is said as one."""
    if field.message_type is not None:
        return WORDED[field.message_type.full_name](value)
    if field.enum_type is not None:
        prefix = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
        label = field.enum_type.values_by_number.get(value)
        return label.name.removeprefix(prefix).lower().replace("_", " ") if label else str(value)
    return ", ".join(map(str, value)) if field.is_repeated else str(value)
