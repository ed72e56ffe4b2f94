"""`timeline`: what happened, what was agreed and what was threatened, in order of occurrence."""

from typing import Any

import click

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.cli.claim_tables import print_timeline
from ledger.cli.incidents import incident_filter_options
from ledger.cli.options import as_of_options, limit_option
from ledger.cli.paging import whole
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_basis, print_json, print_left_out, print_more


@click.command(
    epilog=example(
        "incident-ledger timeline --place Idlib --from 2020-02-01 --to 2020-02-29",
        "incident-ledger timeline --actor government-of-turkey --max-date-precision week",
        "incident-ledger timeline --type ThreatIssued --type CeasefireViolated",
    )
)
@incident_filter_options
@as_of_options
@limit_option
@connected
def timeline(session: Session, limit: int, **options: Any) -> None:
    """Show claims of every kind in order of occurrence, with how precisely each is dated and placed.

    A claim stands at the first day on which it can have occurred. One that states an agreement's terms is also
    found by the zone that they name. Several claims of one thing are all there, each with its source.
    """
    request = messages.ListTimelineRequest(ledger=session.ledger, **options)
    ask = session.stub(CasualtyServiceStub).ListTimeline
    answer = whole(ask, request, "claims", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    print_timeline(session.out, answer.claims, "No claim fits.")
    print_basis(session.out, answer.basis)
    print_left_out(session.out, answer.left_out)
    print_more(session.out, answer)
