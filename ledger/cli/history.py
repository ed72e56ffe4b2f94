"""`report`, `event` and `replay`: the record itself, as it was recorded."""

from datetime import UTC, datetime
from typing import Any

import click

from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.messages import timestamp_to_proto
from ledger.cli import wording
from ledger.cli.events import detail_rows, event_filter, filter_options, placed, print_event, print_events
from ledger.cli.parameters import position_from, position_in
from ledger.cli.session import Session, connected, example
from ledger.cli.story.explaining import asked_for, explain
from ledger.cli.tables import print_json, print_table, table


@click.command(epilog=example("incident-ledger report idlib-2020-02-12"))
@click.argument("report_id")
@connected
def report(session: Session, report_id: str) -> None:
    """Show a report with its claims, as recorded.

    What became of the claims later is told by the other commands.
    """
    request = messages.GetReportRequest(ledger=session.ledger, report_id=report_id)
    answer = session.stub(LedgerServiceStub).GetReport(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    filing, claims = answer.events[0], answer.events[1:]
    made = table("report", report_id)
    for name, value in detail_rows(filing):
        made.add_row(name, value)
    print_table(session.out, made, "")
    session.out.print()
    print_events(session.out, claims)


@click.command(epilog=example("incident-ledger event 12", "incident-ledger event 12 --raw --json"))
@click.argument("which", metavar="POSITION|EVENT_ID")
@click.option("--raw", is_flag=True, help="The exact stored bytes instead of the claim.")
@connected
def event(session: Session, which: str, raw: bool) -> None:
    """Show one event, by its position or its event id."""
    view = records_pb2.EVENT_VIEW_RAW if raw else records_pb2.EVENT_VIEW_FULL
    request = messages.GetEventRequest(ledger=session.ledger, view=view)
    position = position_in(which)
    if position is not None:
        request.position = position
    elif which.isdigit():
        raise click.BadParameter(f"`{which}` is neither a position nor an event id")
    else:
        request.event_id = which
    answer = session.stub(LedgerServiceStub).GetEvent(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    shown = placed(answer.event)
    made = table("event", shown.event_id)
    for name, value in detail_rows(shown):
        made.add_row(name, value)
    print_table(session.out, made, "")


@click.command(
    epilog=example(
        "incident-ledger replay --type CeasefireViolated",
        "incident-ledger replay --stream agreements/ --from 100 --to 200",
        "incident-ledger --json replay --raw > history.jsonl",
        "incident-ledger replay --explain --incident idlib-2020-02-10",
    )
)
@click.option("--from", "first", type=position_from(1), metavar="N", help="First position [1].")
@click.option("--to", "last", type=position_from(1), metavar="N", help="Last position [the head].")
@filter_options
@click.option("--recorded-from", type=click.DateTime(), metavar="TIME", help="Recorded at or after this time, UTC.")
@click.option("--recorded-before", type=click.DateTime(), metavar="TIME", help="Recorded before this time, UTC.")
@click.option("--raw", is_flag=True, help="The exact stored bytes; with --json, in base 64.")
@click.option("--explain", is_flag=True, help="Tell the story of an incident, a report or a stream instead.")
@click.option("--incident", "incidents", multiple=True, metavar="ID", help="With --explain: of this incident.")
@connected
def replay(session: Session, first: int | None, last: int | None, raw: bool, **options: Any) -> None:
    """Replay the history in order, and end at the head found when it began.

    With --json, one line for each event.

    With --explain it tells, act by act and in order of position, what became of each thing that --incident,
    --report or --stream names: who recorded what, what corrected it and how, and what holds in the end, or after
    position --to. It asks no read model. With --json, one line for each step, and one for what holds.
    """
    incidents = options.pop("incidents")
    if options.pop("explain"):
        _refuse_with_explain(first=first, raw=raw, **options)
        explain(session, asked_for(incidents, options["report_ids"], options["streams"]), last)
        return
    if incidents:
        raise click.UsageError("--incident is for --explain; without it, give --stream incidents/ID")
    request = messages.ReplayHistoryRequest(
        ledger=session.ledger,
        from_position=first or 0,
        to_position=last or 0,
        filter=_replay_filter(options),
        view=records_pb2.EVENT_VIEW_RAW if raw else records_pb2.EVENT_VIEW_FULL,
    )
    shown, through, head = 0, 0, 0
    for batch in session.stub(LedgerServiceStub).ReplayHistory(request, timeout=session.timeout):
        for each in batch.events:
            print_event(session, each)
        shown += len(batch.events)
        through, head = batch.through_position, batch.head_position
    if not session.as_json:
        session.out.print(_replayed(shown, through, head), style="dim")


def _refuse_with_explain(**options: Any) -> None:
    """A story from which something is filtered out would be another story."""
    named = {"first": "--from", "raw": "--raw", "types": "--type", "actor_ids": "--actor"}
    named |= {"recorded_from": "--recorded-from", "recorded_before": "--recorded-before"}
    given = [flag for name, flag in named.items() if options[name]]
    if given:
        raise click.UsageError(f"--explain leaves nothing out: drop {wording.ids(given)}; --to ends the story")


def _replay_filter(options: dict[str, Any]) -> records_pb2.EventFilter:
    moments: dict[str, datetime | None] = {name: options.pop(name) for name in ("recorded_from", "recorded_before")}
    chosen = event_filter(**options)
    for name, moment in moments.items():
        if moment is not None:
            getattr(chosen, name).CopyFrom(timestamp_to_proto(moment.replace(tzinfo=UTC)))
    return chosen


def _replayed(shown: int, through: int, head: int) -> str:
    events = "No event" if shown == 0 else "1 event" if shown == 1 else f"{wording.number(shown)} events"
    return f"{events}; looked at everything through position {through}, head {head}."
