"""`rebuild`: builds a read model anew beside the live one, shows how far that is, and ends it on request."""

from typing import Any

import click
from rich.console import Console

from incident.ledger.v1 import projection_service_pb2 as messages
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli.build_steps import counts, shown
from ledger.cli.failures import Refused
from ledger.cli.parameters import position_from
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json

_NOT_DONE = {
    messages.REBUILD_PHASE_CANCELLED: "cancelled; the live generation goes on serving",
    messages.REBUILD_PHASE_FAILED: "failed; the live generation goes on serving",
    messages.REBUILD_PHASE_INTERRUPTED: "was interrupted; a process that follows goes on with it",
}


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
    last = shown(session, steps).get(name)
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


def _print_result(console: Console, name: str, last: Any) -> None:
    console.print(f"{name}: generation {last.generation} serves now, built from {counts(last)}.")
    if last.state_digest and last.replaced_digest:
        same = last.state_digest == last.replaced_digest
        verdict = "equal to" if same else "different from"
        console.print(f"Its content is {verdict} that of the generation before (digest {last.state_digest[:16]}).")
