"""`rebuild` and `projections roll-back`: builds read models anew beside the live ones, shows how far that is, ends
it on request, and goes back to an older version."""

from typing import Any

import click
from rich.console import Console

from incident.ledger.v1 import projection_service_pb2 as messages
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli import wording
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

_CUT_OFF = "was not told to its end; `incident-ledger projections` shows how far it is"


@click.command(
    epilog=example(
        "incident-ledger rebuild casualties",
        "incident-ledger rebuild --all",
        "incident-ledger rebuild casualties --at-position 2037",
        "incident-ledger rebuild casualties --cancel",
    )
)
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All read models, in one pass over the ledger.")
@click.option(
    "--at-position",
    type=position_from(1),
    metavar="N",
    help="Build a frozen generation that ends at this position, for an audit, and leave the live one alone.",
)
@click.option("--cancel", is_flag=True, help="End the rebuild that runs, whoever began it.")
@connected
def rebuild(session: Session, name: str | None, every: bool, at_position: int | None, cancel: bool) -> None:
    """Build a read model anew beside the live one, and swap it in; answers go on meanwhile.

    It goes on when this command ends; `incident-ledger projections` shows how far it is. With --json, one line for
    each step of progress.
    """
    if (name is None) != every:
        raise click.UsageError("name one read model, or give --all")
    if cancel:
        if name is None:
            raise click.UsageError("--cancel needs the name of a read model")
        _cancel(session, name)
        return
    request = messages.RebuildProjectionRequest(
        ledger=session.ledger, name=name or "", all=every, at_position=at_position or 0
    )
    steps = session.stub(ProjectionServiceStub).RebuildProjection(request, timeout=session.timeout)
    last = shown(session, steps)
    if not session.as_json:
        for each in last.values():
            _print_result(session.out, each)
    _refuse_undone(last)


@click.command("roll-back", epilog=example("incident-ledger projections roll-back casualties"))
@click.argument("name")
@connected
def roll_back(session: Session, name: str) -> None:
    """Go back to the version of the program that is asked, after a newer one has replaced it.

    Deploy the older program, then ask it. The generation that was replaced is kept for a day; it is brought level
    and swapped in. The newer version is not built again by itself, but by `rebuild`, asked of the newer program.
    """
    request = messages.RollBackProjectionRequest(ledger=session.ledger, name=name)
    last = shown(session, session.stub(ProjectionServiceStub).RollBackProjection(request, timeout=session.timeout))
    if not session.as_json:
        for each in last.values():
            _print_result(session.out, each)
    _refuse_undone(last)


def _refuse_undone(last: dict[str, Any]) -> None:
    """Tell what has not become of the rebuilds."""
    undone = [
        f"the rebuild of {name} {_NOT_DONE.get(each.phase, _CUT_OFF)}{f': {each.error}' if each.error else ''}"
        for name, each in last.items()
        if each.phase != messages.REBUILD_PHASE_DONE
    ]
    if undone or not last:
        raise Refused("; ".join(undone) or "the rebuild ended without a word")


def _cancel(session: Session, name: str) -> None:
    request = messages.CancelRebuildRequest(ledger=session.ledger, name=name)
    answer = session.stub(ProjectionServiceStub).CancelRebuild(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    session.out.print(f"The rebuild of {name} is cancelled; generation {answer.projection.generation} serves.")


def _print_result(console: Console, last: Any) -> None:
    if last.phase != messages.REBUILD_PHASE_DONE:
        return
    if last.purpose == messages.REBUILD_PURPOSE_FREEZE:
        said = f"{last.name}: generation {last.generation} is frozen at position {wording.number(last.done)}"
        console.print(f"{said} (digest {last.state_digest[:16]}).")
        return
    if last.purpose == messages.REBUILD_PURPOSE_ROLL_BACK:
        console.print(f"{last.name}: generation {last.generation} serves again, at {wording.number(last.done)}.")
        return
    console.print(f"{last.name}: generation {last.generation} serves now, built from {counts(last)}.")
    if last.state_digest and last.replaced_digest:
        same = last.state_digest == last.replaced_digest
        verdict = "equal to" if same else "different from"
        console.print(f"Its content is {verdict} that of the generation before (digest {last.state_digest[:16]}).")
