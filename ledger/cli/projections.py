"""`projections` and `rebuild`: how far the read models are, what they could not take, and building one anew beside
the live one."""

from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from incident.ledger.v1 import projection_service_pb2 as messages
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli import wording
from ledger.cli.failures import REFUSED, Refused
from ledger.cli.options import limit_option
from ledger.cli.paging import whole
from ledger.cli.parameters import position_from
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json, print_more, print_table, table

SHORT_DIGEST = 12

_NOT_DONE = {
    messages.REBUILD_PHASE_CANCELLED: "cancelled; the live generation goes on serving",
    messages.REBUILD_PHASE_FAILED: "failed; the live generation goes on serving",
    messages.REBUILD_PHASE_INTERRUPTED: "was interrupted; a process that follows goes on with it",
}


@click.group(
    invoke_without_command=True,
    epilog=example("incident-ledger projections", "incident-ledger projections parked casualties"),
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


@click.command(epilog=example("incident-ledger rebuild casualties", "incident-ledger rebuild casualties --cancel"))
@click.argument("name")
@click.option(
    "--at-position", type=position_from(1), metavar="N", help="Build a frozen generation at this position."
)
@click.option("--cancel", is_flag=True, help="End the rebuild that runs, whoever began it.")
@connected
def rebuild(session: Session, name: str, at_position: int | None, cancel: bool) -> None:
    """Build a projection anew beside the live one, and swap it in; answers go on meanwhile.

    It goes on when this command ends; `incident-ledger projections` shows how far it is. With --json, one line for
    each step of progress.
    """
    if cancel:
        _cancel(session, name)
        return
    request = messages.RebuildProjectionRequest(ledger=session.ledger, name=name, at_position=at_position or 0)
    steps = session.stub(ProjectionServiceStub).RebuildProjection(request, timeout=session.timeout)
    if session.as_json:
        last = _print_steps(session.out, steps)
    elif session.out.is_terminal:
        last = _show_bar(session.out, steps, name)
    else:
        last = _print_lines(session.out, steps)
    if last is None or last.phase in _NOT_DONE:
        why = f": {last.error}" if last is not None and last.error else ""
        outcome = _NOT_DONE.get(last.phase, "") if last is not None else "ended without a word"
        raise Refused(f"the rebuild of {name} {outcome}{why}")
    if not session.as_json:
        _print_result(session.out, name, last)


def _cancel(session: Session, name: str) -> None:
    request = messages.CancelRebuildRequest(ledger=session.ledger, name=name)
    answer = session.stub(ProjectionServiceStub).CancelRebuild(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    session.out.print(f"The rebuild of {name} is cancelled; generation {answer.projection.generation} serves.")


def _print_steps(console: Console, steps: Any) -> Any:
    last = None
    for step in steps:
        print_json(console, step, indent=None)
        last = step.progress
    return last


def _print_lines(console: Console, steps: Any) -> Any:
    last = None
    for step in steps:
        last = step.progress
        console.print(f"{wording.rebuild_phase(last.phase)}: {_counts(last)}")
    return last


def _show_bar(console: Console, steps: Any, name: str) -> Any:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    last = None
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=None, counts="")
        for step in steps:
            last = step.progress
            phase = f"{name}: {wording.rebuild_phase(last.phase)}"
            bar.update(task, description=phase, total=last.total, completed=last.done, counts=_counts(last))
    return last


def _counts(progress: Any) -> str:
    said = f"{wording.number(progress.done)} of {wording.number(progress.total)} events"
    if progress.events_per_second:
        said += f", {wording.number(round(progress.events_per_second))}/s"
    return f"{said}, {wording.seconds(progress.remaining_seconds)} left" if progress.remaining_seconds else said


def _print_result(console: Console, name: str, last: Any) -> None:
    console.print(f"{name}: generation {last.generation} serves now, built from {_counts(last)}.")
    if last.state_digest and last.replaced_digest:
        same = last.state_digest == last.replaced_digest
        verdict = "equal to" if same else "different from"
        console.print(f"Its content is {verdict} that of the generation before (digest {last.state_digest[:16]}).")
