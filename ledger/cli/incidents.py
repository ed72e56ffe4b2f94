"""`incidents` and `incident`: what happened, with everything that is claimed of it."""

from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.cli import wording
from ledger.cli.claim_tables import in_order_of_occurrence, print_timeline
from ledger.cli.options import as_of_options, limit_option, occurred_options, precision_options
from ledger.cli.paging import whole
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import (
    print_basis,
    print_below,
    print_json,
    print_left_out,
    print_more,
    print_table,
    table,
)

Command = Callable[..., None]


def incident_filter_options(function: Command) -> Command:
    """Which incidents: those with a claim that meets all conditions."""
    function = precision_options(function)
    for flag, name, text in (
        ("--type", "types", "With a claim of this type, for example AttackReported."),
        ("--actor", "actor_ids", "With this actor in any role."),
        ("--place", "places", "At a place of this name, at any level."),
    ):
        function = click.option(flag, name, multiple=True, help=text)(function)
    return occurred_options(function)


@click.command(epilog=example("incident-ledger incidents --place Idlib --from 2020-02-01 --to 2020-02-29"))
@incident_filter_options
@as_of_options
@limit_option
@connected
def incidents(session: Session, limit: int, **options: Any) -> None:
    """List incidents by day of occurrence."""
    request = messages.ListIncidentsRequest(ledger=session.ledger, **options)
    ask = session.stub(CasualtyServiceStub).ListIncidents
    answer = whole(ask, request, "incidents", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    made = table("incident", "occurred", "claims", "reports", "where and what", numbers=("claims", "reports"))
    for each in answer.incidents:
        made.add_row(
            each.incident_id,
            wording.narrow_interval(each.occurred),
            wording.number(each.claims),
            wording.number(each.reports),
            "\n".join(part for part in (wording.place(each.place), ", ".join(each.claim_types)) if part),
        )
    print_table(session.out, made, "No incident fits.")
    print_basis(session.out, answer.basis)
    print_left_out(session.out, answer.left_out)
    print_more(session.out, answer)


@click.command(epilog=example("incident-ledger incident idlib-2020-02-10"))
@click.argument("incident_id")
@as_of_options
@connected
def incident(session: Session, incident_id: str, **options: Any) -> None:
    """Show one incident as a timeline: its claims in order of occurrence, former ones among them, and its links.

    A claim that was corrected stands there in each of its forms, with the positions at which it held.
    """
    request = messages.GetIncidentRequest(ledger=session.ledger, incident_id=incident_id, **options)
    answer = session.stub(CasualtyServiceStub).GetIncident(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    _print_summary(session.out, answer.incident)
    session.out.print()
    claims = in_order_of_occurrence([*answer.claims, *answer.former_claims])
    print_timeline(session.out, claims, "No claim of it is left.", title="Claims")
    if not answer.claims:
        session.out.print("No claim of it holds any more.")
    _print_links(session.out, answer.links)
    print_basis(session.out, answer.basis)
    print_left_out(session.out, answer.left_out)


def _print_summary(console: Console, found: Any) -> None:
    console.print(f"Incident {found.incident_id}", style="bold")
    where = wording.place(found.place)
    said = "; ".join(part for part in (wording.interval(found.occurred), where) if part)
    console.print(wording.visible(said))
    if found.merged_incident_ids:
        console.print(f"Merged into it: {wording.ids(found.merged_incident_ids)}")


def _print_links(console: Console, links: Any) -> None:
    made = table("link", "to", "stated at position", numbers=("stated at position",), title="Links")
    for each in links:
        made.add_row(each.kind.lower().replace("_", " "), each.stream, str(each.position))
    print_below(console, made)
