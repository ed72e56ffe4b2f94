"""`ceasefires`: is it in force, and is it observed; all agreements, or one with its reasons."""

from collections.abc import Callable
from typing import Any

import click

from incident.ledger.v1 import ceasefire_service_pb2 as messages
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from ledger.cli.ceasefire_tables import print_ceasefire, print_ceasefires
from ledger.cli.options import as_of_options, at_option, limit_option, window_option
from ledger.cli.paging import whole
from ledger.cli.parameters import WordOf
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json

FORMAL = WordOf(messages.DESCRIPTOR.enum_types_by_name["FormalStatus"])


def ceasefire_filter_options(function: Callable[..., None]) -> Callable[..., None]:
    """Which agreements."""
    function = click.option(
        "--status", "formal", multiple=True, type=FORMAL, help="Only those of this formal status."
    )(function)
    return click.option("--party", "parties", multiple=True, help="Only those with this party, by actor id.")(
        function
    )


def ceasefire_options(function: Callable[..., None]) -> Callable[..., None]:
    """All that ceasefires are asked with."""
    for options in (limit_option, as_of_options, window_option, at_option, ceasefire_filter_options):
        function = options(function)
    return click.argument("agreement_id", metavar="[ID]", required=False)(function)


def ceasefire_request(
    ledger: str, agreement_id: str, options: dict[str, Any]
) -> messages.GetCeasefireStatusRequest:
    """The question about one agreement; takes the options apart."""
    if options.pop("parties") or options.pop("formal"):
        raise click.UsageError("--party and --status choose among all agreements; leave them out with an ID")
    options.pop("formal", None)
    return messages.GetCeasefireStatusRequest(ledger=ledger, agreement_id=agreement_id, **options)


def ceasefires_request(ledger: str, options: dict[str, Any]) -> messages.ListCeasefiresRequest:
    """The question about all agreements."""
    return messages.ListCeasefiresRequest(ledger=ledger, **options)


@click.command(
    epilog=example(
        "incident-ledger ceasefires",
        "incident-ledger ceasefires sochi-memorandum --at 2020-02-12 --window 30",
        "incident-ledger ceasefires --party government-of-turkey --status in_force",
    )
)
@ceasefire_options
@connected
def ceasefires(session: Session, agreement_id: str | None, limit: int, **options: Any) -> None:
    """Show agreements on two axes: formal status and observance.

    With an ID, that one with its parties, transitions and the reasons for its status. A violation never ends a
    ceasefire by itself, and silence is not peace: without any report it is unobserved.
    """
    if agreement_id is not None:
        _one(session, agreement_id, options)
        return
    request = ceasefires_request(session.ledger, options)
    ask = session.stub(CeasefireServiceStub).ListCeasefires
    answer = whole(ask, request, "ceasefires", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        print_ceasefires(session.out, answer)


def _one(session: Session, agreement_id: str, options: dict[str, Any]) -> None:
    request = ceasefire_request(session.ledger, agreement_id, options)
    answer = session.stub(CeasefireServiceStub).GetCeasefireStatus(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        print_ceasefire(session.out, answer)
