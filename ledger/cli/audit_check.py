"""`audit check`: what the server says of its own record, when asked to read all of it, or from its check in the
background. A server that lies is not found out by this."""

from collections.abc import Iterable
from typing import Any

import click
from rich.progress import Progress

from incident.ledger.v1 import audit_service_pb2 as messages
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from ledger.cli import wording
from ledger.cli.failures import REFUSED, Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json


@click.command(epilog=example("incident-ledger audit check", "incident-ledger audit check --state"))
@click.option(
    "--state", is_flag=True, help="Only tell how far the check in the background is, and what it has found."
)
@connected
def check(session: Session, state: bool) -> None:
    """Have the server check all that it stores: events, payloads, tree and commits.

    It names the first position that does not fit. A server that lies is not found out by this, but by `verify`, and
    by a checkpoint that does not continue an earlier one. Exit code 1 where something does not fit.
    """
    if state:
        _tell_state(session)
        return
    request = messages.VerifyLedgerRequest(ledger=session.ledger)
    steps = session.stub(AuditServiceStub).VerifyLedger(request, timeout=session.timeout)
    last = _shown(session, steps)
    if last is None or last.verified < last.total:
        raise Refused("the server ended before it had checked everything")
    if not session.as_json:
        said = f"All {wording.number(last.verified)} events fit: payloads, envelopes, leaves, tiles and commits."
        session.out.print(said)
        session.out.print(f"root: {last.root_hash.hex()}", style="dim")


def _shown(session: Session, steps: Iterable[Any]) -> Any:
    last: Any = None
    with Progress(console=session.err, disable=session.as_json or not session.err.is_terminal) as progress:
        bar = progress.add_task("checked", total=None)
        for last in steps:
            progress.update(bar, total=last.total, completed=last.verified)
            if session.as_json:
                print_json(session.out, last, indent=None)
    return last


def _tell_state(session: Session) -> None:
    request = messages.GetCheckStateRequest(ledger=session.ledger)
    state = session.stub(AuditServiceStub).GetCheckState(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, state)
    else:
        for line in _lines(state):
            session.out.print(wording.visible(line), soft_wrap=True)
    if state.finding:
        click.get_current_context().exit(REFUSED)


def _lines(state: Any) -> Iterable[str]:
    yield f"check in the background: {'on' if state.enabled else 'off (LEDGER_CHECK_EVENTS_PER_SECOND is 0)'}"
    yield f"verified: {wording.number(state.verified)} of {wording.number(state.total)} events"
    if state.HasField("last_completed_at"):
        size, when = wording.number(state.last_completed_size), _when(state.last_completed_at)
        yield f"last whole pass without a finding: {size} events, {when}"
    else:
        yield "no whole pass is complete yet"
    if state.finding:
        yield f"found {_when(state.found_at)}: {state.finding}"


def _when(moment: Any) -> str:
    return f"{moment.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"
