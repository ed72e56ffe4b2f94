"""`violations`: what is said to have violated which agreement."""

from typing import Any

import click

from incident.ledger.v1 import ceasefire_service_pb2 as messages
from incident.ledger.v1 import claims_pb2
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from ledger.cli.ceasefire_tables import print_violations
from ledger.cli.options import as_of_options, limit_option, occurred_options, precision_options
from ledger.cli.paging import whole
from ledger.cli.parameters import WordOf
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json

STANDING = WordOf(claims_pb2.DESCRIPTOR.enum_types_by_name["ViolationStanding"])
SERIES = WordOf(messages.DESCRIPTOR.enum_types_by_name["ViolationSeries"])


@click.command(
    epilog=example(
        "incident-ledger violations --agreement sochi-memorandum",
        "incident-ledger violations --violator government-of-syria --series week",
    )
)
@click.option("--agreement", "agreement_ids", multiple=True, help="Of this agreement.")
@click.option("--violator", "violators", multiple=True, help="By this actor, by actor id.")
@click.option("--standing", "standings", multiple=True, type=STANDING, help="Established so far.")
@click.option("--kind", "violation_kinds", multiple=True, help="Of this kind, for example shelling.")
@click.option("--place", "places", multiple=True, help="At a place of this name, at any level.")
@occurred_options
@precision_options
@click.option("--series", type=SERIES, help="Count them by this step as well.")
@as_of_options
@limit_option
@connected
def violations(session: Session, limit: int, **options: Any) -> None:
    """List violations by day of occurrence."""
    request = messages.ListViolationsRequest(ledger=session.ledger, **options)
    ask = session.stub(CeasefireServiceStub).ListViolations
    answer = whole(ask, request, "violations", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        print_violations(session.out, answer)
