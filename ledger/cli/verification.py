"""`projections verify`: whether read models are what the ledger says, and which rows are not."""

from collections.abc import Iterable, Iterator
from typing import Any

import click
from rich.console import Console

from incident.ledger.v1 import projection_service_pb2 as messages
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli import wording
from ledger.cli.build_steps import shown
from ledger.cli.failures import REFUSED, Refused
from ledger.cli.session import Session, connected, example


@click.command(
    epilog=example("incident-ledger projections verify", "incident-ledger projections verify casualties")
)
@click.argument("name", required=False)
@connected
def verify(session: Session, name: str | None) -> None:
    """Replay a read model from the ledger, compare it with the live one, and name the rows that differ.

    All of them one after another, where none is named. Nothing live is changed; a rebuild mends what differs. Exit
    code 1 where something does.
    """
    equal = [_verified(session, each) for each in ([name] if name else _names(session))]
    if not all(equal):
        click.get_current_context().exit(REFUSED)


def _names(session: Session) -> list[str]:
    request = messages.ListProjectionsRequest(ledger=session.ledger)
    answer = session.stub(ProjectionServiceStub).ListProjections(request, timeout=session.answer_within)
    return [each.name for each in answer.projections]


def _verified(session: Session, name: str) -> bool:
    request = messages.VerifyProjectionRequest(ledger=session.ledger, name=name)
    steps = session.stub(ProjectionServiceStub).VerifyProjection(request, timeout=session.timeout)
    verdicts: list[Any] = []
    last = shown(session, _keeping(steps, verdicts)).get(name)
    if not verdicts:
        why = f": {last.error}" if last is not None and last.error else ""
        raise Refused(f"{name} could not be verified{why}")
    if not session.as_json:
        _print_verdict(session.out, verdicts[0])
    return bool(verdicts[0].equal)


def _keeping(steps: Iterable[Any], verdicts: list[Any]) -> Iterator[Any]:
    """The steps as they come; the verdict is kept."""
    for step in steps:
        if step.HasField("verdict"):
            verdicts.append(step.verdict)
        yield step


def _print_verdict(console: Console, verdict: Any) -> None:
    generation = f"{verdict.name}: generation {verdict.generation} at position {wording.number(verdict.position)}"
    if verdict.equal:
        console.print(f"{generation} is what the ledger says (digest {verdict.state_digest[:16]}).")
        return
    console.print(f"{generation} is not what the ledger says; a rebuild mends it.")
    for table in verdict.differences:
        for row in table.shown:
            line = f"  {table.table}: {wording.difference(row.kind)}: {row.row}"
            console.print(wording.visible(line, breaks=False), soft_wrap=True)
        more = table.rows - len(table.shown)
        if more > 0:
            console.print(f"  {table.table}: {wording.number(more)} more")
