"""`projections`: how far the read models are, what they could not take, whether they are what the ledger says."""

from typing import Any

import click

from incident.ledger.v1 import projection_service_pb2 as messages
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli import wording
from ledger.cli.failures import REFUSED
from ledger.cli.generations import drop
from ledger.cli.options import limit_option
from ledger.cli.paging import whole
from ledger.cli.rebuilds import roll_back
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json, print_more, print_table, table
from ledger.cli.verification import verify

SHORT_DIGEST = 12


@click.group(
    invoke_without_command=True,
    epilog=example(
        "incident-ledger projections",
        "incident-ledger projections parked casualties",
        "incident-ledger projections verify casualties",
    ),
)
@connected
def projections(session: Session) -> None:
    """List the read models: their generation, position and lag.

    The commands below concern one of them.
    """
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        context.obj = session.options
        return
    request = messages.ListProjectionsRequest(ledger=session.ledger)
    answer = session.stub(ProjectionServiceStub).ListProjections(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    numbers = ("version", "generation", "position", "head", "parked")
    made = table("projection", "state", *numbers, "lag", "remarks", numbers=numbers)
    for each in answer.projections:
        made.add_row(
            each.name,
            wording.projection_state(each.state),
            *(wording.number(getattr(each, name)) for name in numbers),
            _lag(each),
            _remarks(each),
        )
    print_table(session.out, made, "There is no projection.")


def _lag(each: Any) -> str:
    age = wording.seconds(each.lag_seconds)
    return f"{wording.number(each.lag_events)} events, {age}" if each.lag_events else age


def _remarks(each: Any) -> str:
    parts = [each.halted_because, "" if each.leader else "no process follows"]
    if each.HasField("rebuild"):
        phase = wording.rebuild_phase(each.rebuild.phase)
        parts.append(f"generation {each.rebuild.generation} {phase}: {each.rebuild.done} of {each.rebuild.total}")
    parts += [f"generation {one.number} is frozen at {wording.number(one.position)}" for one in each.frozen]
    return "; ".join(part for part in parts if part)


@projections.command(epilog=example("incident-ledger projections parked casualties"))
@click.argument("name")
@limit_option
@connected
def parked(session: Session, name: str, limit: int) -> None:
    """List the events that a read model has put aside because it could not take them, with why.

    Equal faults have equal digests. A read model that is not told to park halts at such an event instead.
    """
    request = messages.ListParkedEventsRequest(ledger=session.ledger, name=name)
    ask = session.stub(ProjectionServiceStub).ListParkedEvents
    answer = whole(ask, request, "events", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    made = table("position", "type", "fault", "reason", numbers=("position",))
    for each in answer.events:
        made.add_row(wording.number(each.position), each.type, each.traceback_digest[:SHORT_DIGEST], each.reason)
    print_table(session.out, made, f"{name} has put nothing aside.")
    print_more(session.out, answer)


@projections.command(epilog=example("incident-ledger projections retry casualties"))
@click.argument("name")
@connected
def retry(session: Session, name: str) -> None:
    """Take again what a read model has put aside, in order, and what it is halted at: after a fix.

    Exit code 1 where something still cannot be taken.
    """
    request = messages.RetryParkedEventsRequest(ledger=session.ledger, name=name)
    answer = session.stub(ProjectionServiceStub).RetryParkedEvents(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        said = f"{wording.number(answer.taken)} taken, {wording.number(answer.parked)} still put aside"
        halted = f"; halted: {answer.halted_because}" if answer.halted_because else ""
        session.out.print(wording.visible(f"{name}: {said}{halted}."), soft_wrap=True)
    if answer.parked or answer.halted_because:
        click.get_current_context().exit(REFUSED)


for each in (verify, drop, roll_back):
    projections.add_command(each)
