"""`threats`: announcements of force, and what has become of them."""

from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console

from incident.ledger.v1 import ceasefire_service_pb2 as messages
from incident.ledger.v1 import claims_pb2
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from ledger.cli import wording
from ledger.cli.options import as_of_options, at_option, limit_option
from ledger.cli.paging import whole
from ledger.cli.parameters import WordOf
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_basis, print_json, print_left_out, print_more, print_table, table

STATUS = WordOf(messages.DESCRIPTOR.enum_types_by_name["ThreatStatus"])
KIND = WordOf(claims_pb2.DESCRIPTOR.enum_types_by_name["ThreatKind"])


@click.command(
    epilog=example(
        "incident-ledger threats --status open",
        "incident-ledger threats --at 2020-03-01 --kind ultimatum",
    )
)
@click.option("--status", "statuses", multiple=True, type=STATUS, help="Only those of this status.")
@click.option("--kind", "kinds", multiple=True, type=KIND, help="Only those of this kind.")
@click.option("--issued-by", multiple=True, help="Issued by this actor, by actor id.")
@click.option("--against", multiple=True, help="Against this actor, by actor id.")
@at_option
@as_of_options
@limit_option
@connected
def threats(session: Session, limit: int, **options: Any) -> None:
    """List threats with their status: open until carried out, withdrawn, or past their deadline."""
    request = messages.ListThreatsRequest(ledger=session.ledger, **options)
    ask = session.stub(CeasefireServiceStub).ListThreats
    answer = whole(ask, request, "threats", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        print_threats(session.out, answer)


def print_threats(console: Console, answer: Any) -> None:
    """The threats of an answer, one row each."""
    made = table("threat", "status", "deadline", "says", title="Threats")
    for each in answer.threats:
        claim = each.issued.event.claim
        made.add_row(
            each.threat_id,
            wording.threat_status(each.status),
            wording.narrow_interval(claim.threat_issued.deadline),
            "\n".join((_says(claim), *_became(each))),
        )
    print_table(console, made, "No threat fits.")
    print_basis(console, answer.basis, f"at {answer.at}" if answer.at else "")
    print_left_out(console, answer.left_out)
    print_more(console, answer)


def _became(threat: Any) -> Iterator[str]:
    """Why its status is what it is, and by which acts it was carried out."""
    yield threat.explanation
    for each in threat.followed_by:
        acts = each.event.claim.threat_carried_out.acts
        if acts:
            yield f"by {wording.ids(act.incident_id or act.event_id for act in acts)}"


def _says(claim: Any) -> str:
    """Kind, day, who to whom; then what is announced on which condition."""
    body = claim.threat_issued
    parts = [f"{wording.threat_kind(body.threat_kind)} of {wording.interval(claim.occurred)}"]
    parts += [f"by {wording.ids(body.issued_by)}"] if body.issued_by else []
    parts += [f"against {wording.ids(body.against)}"] if body.against else []
    parts += [f"to {wording.ids(body.addressees)}"] if body.addressees else []
    condition = f"if {body.condition}" if body.condition else ""
    announced = "; ".join(part for part in (body.announced_act, condition) if part)
    return f"{' '.join(parts)}\n{announced}" if announced else " ".join(parts)
