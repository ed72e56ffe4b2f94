"""`replay --explain`: replays what concerns the things that are asked for, and tells their story."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import click
from google.protobuf.json_format import MessageToDict

from incident.ledger.v1 import ledger_service_pb2, records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.cli import wording
from ledger.cli.failures import Refused
from ledger.cli.session import Session
from ledger.cli.story.forms import Stated, differences
from ledger.cli.story.gathering import Gathering, Part
from ledger.cli.story.selecting import Asked, Step, Story
from ledger.cli.story.sentences import Sentences, ranges
from ledger.cli.working import Working
from ledger.domain.claim import INCIDENTS, REPORTS

KINDS = ("incidents/", "agreements/", "threats/", "tolls/", "actors/", REPORTS)


def asked_for(incidents: Sequence[str], reports: Sequence[str], streams: Sequence[str]) -> Asked:
    """Whose story the options ask for; a usage error where there is nobody, or no such thing."""
    for stream in streams:
        kind, _, thing = stream.partition("/")
        if f"{kind}/" not in KINDS or not thing:
            raise click.BadParameter(
                f"`{stream}` is no one thing's stream; give for example agreements/ID", param_hint="--stream"
            )
    filed = {each.removeprefix(REPORTS) for each in streams if each.startswith(REPORTS)}
    things = {INCIDENTS + each for each in incidents} | {each for each in streams if not each.startswith(REPORTS)}
    asked = Asked(frozenset(things), frozenset({*reports, *filed}))
    if not asked:
        raise click.UsageError(
            "--explain tells the story of something: name it with --incident ID, --report ID, or --stream, "
            "for example --stream agreements/ID"
        )
    return asked


class _Replaying:
    """Replays of one ledger that all end at the same head."""

    def __init__(self, session: Session, last: int) -> None:
        self._session = session
        self.last = last
        self.head = 0

    def __call__(self, part: Part) -> Iterator[Any]:
        last = self.head if part.last is None else part.last
        request = ledger_service_pb2.ReplayHistoryRequest(
            ledger=self._session.ledger,
            from_position=part.first,
            to_position=last or self.last,
            filter=records_pb2.EventFilter(types=part.types, streams=part.streams, report_ids=part.reports),
            view=records_pb2.EVENT_VIEW_FULL,
        )
        stub = self._session.stub(LedgerServiceStub)
        for batch in stub.ReplayHistory(request, timeout=self._session.timeout):
            self.head = self.head or min(batch.head_position, self.last or batch.head_position)
            yield from batch.events


def explain(session: Session, asked: Asked, last: int | None) -> None:
    """Tell the story of what was asked for, up to a position or the head."""
    replay = _Replaying(session, last or 0)
    with Working(session.err) as working, working.step("replayed") as advance:

        def counted(part: Part) -> Iterator[Any]:
            for event in replay(part):
                advance()
                yield event

        events = Gathering(asked, counted).events
    story = Story(asked, events)
    if not story.steps:
        named = wording.ids(sorted([*asked.streams, *(REPORTS + each for each in asked.reports)]))
        raise Refused(f"nothing is recorded of {named} up to position {replay.head}")
    if session.as_json:
        for line in lines(story, replay.head):
            session.out.file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    sentences = Sentences(story)
    for step in story.steps:
        session.out.print(wording.visible(sentences.step(step), breaks=False), soft_wrap=True)
    session.out.print()
    for sentence in ending(story, sentences, replay.head):
        session.out.print(wording.visible(sentence, breaks=False), soft_wrap=True)


def ending(story: Story, sentences: Sentences, head: int) -> Iterator[str]:
    """What holds in the end."""
    yield f"What holds after position {head}:"
    for thing, name in renamed(story).items():
        yield f"{thing} is merged into {name}, whose story goes on under that name."
    for report in sorted(story.asked.reports):
        if not story.course.report_holds(report):
            yield f"{sentences.report(report)} is retracted."
    for held in story.holding:
        yield sentences.holding(held)
    for actor in story.registered:
        yield f"{actor.event.position} · registered: {actor.content.name}"
    if not (story.holding or story.registered):
        yield "No claim holds."
    if story.not_holding:
        yield f"No longer held, or of something else by now: {ranges(story.not_holding)}."
    if story.lost:
        yield f"Redacted, so that nobody can tell: {ranges(story.lost)}."


def renamed(story: Story) -> dict[str, str]:
    """The incidents that were asked for and are another one by now."""
    names = {each: story.course.name(each) for each in sorted(story.asked.streams)}
    return {each: name for each, name in names.items() if name != each}


def lines(story: Story, head: int) -> Iterator[dict[str, Any]]:
    """The story for machines: a line for each step, and one for what holds in the end."""
    for step in story.steps:
        yield _line(story, step)
    yield {
        "as_of_position": head,
        "merged_into": renamed(story),
        "holding": [
            {
                "claim": each.event.position,
                "event_id": each.event.event_id,
                "form_position": each.form.position,
                "about": each.form.about,
                **({"preferred_at": each.form.preferred_at} if each.form.preferred_at else {}),
                "content": MessageToDict(each.form.claim, preserving_proto_field_name=True),
            }
            for each in story.holding
        ],
        "not_holding": story.not_holding,
        "redacted": story.lost,
    }


def _line(story: Story, step: Step) -> dict[str, Any]:
    event = step.taken.event
    filing = story.filings.get(event.report_id)
    source = filing.content if filing is not None and filing.body else None
    target = story.course.taken.get(step.taken.target)
    line: dict[str, Any] = {
        "position": event.position,
        "recorded_at": event.recorded_at.ToJsonString(),
        "type": event.type,
        "stream": event.stream,
        "event_id": event.event_id,
        "report_id": event.report_id,
        "source": source.source.name if source is not None else None,
        "recorded_by": source.recorded_by if source is not None else None,
        "recorder": event.recorder,
        "client": event.client,
    }
    if target is not None:
        line["target_position"] = target.event.position
    if event.redacted:
        act = story.redactions.get(event.event_id)
        line["redacted_at"] = act.event.position if act is not None else None
    elif not step.taken.is_claim:
        line["act"] = MessageToDict(step.taken.content, preserving_proto_field_name=True)
    line["changes"] = [
        {"claim": change.claim, "field": each.field, "before": _value(each.before), "after": _value(each.after)}
        for change in step.changes
        for each in differences(change.before, change.after)
    ]
    return line


def _value(stated: Stated | None) -> Any:
    return None if stated is None else stated.value
