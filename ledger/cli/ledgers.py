"""`ledgers` and `create-ledger`."""

import click
from rich.console import Console

from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.cli import wording
from ledger.cli.options import limit_option
from ledger.cli.paging import whole
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json, print_more, print_table, table


@click.command(epilog=example("incident-ledger ledgers"))
@limit_option
@connected
def ledgers(session: Session, limit: int) -> None:
    """List the ledgers with their size and root."""
    ask = session.stub(LedgerServiceStub).ListLedgers
    answer = whole(ask, messages.ListLedgersRequest(), "ledgers", limit, session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    _print_ledgers(session.out, list(answer.ledgers))
    print_more(session.out, answer)


@click.command("create-ledger", epilog=example("incident-ledger create-ledger sudan"))
@click.argument("name")
@connected
def create_ledger(session: Session, name: str) -> None:
    """Create a ledger: one for each conflict or mission.

    A name has 1 to 40 characters of a-z 0-9 _ and begins with a letter.
    """
    request = messages.CreateLedgerRequest(ledger=name)
    answer = session.stub(LedgerServiceStub).CreateLedger(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
    else:
        _print_ledgers(session.out, [answer.ledger])


def _print_ledgers(console: Console, found: list[messages.Ledger]) -> None:
    made = table("ledger", "events", "last recorded", "root", numbers=("events",))
    for each in found:
        last = wording.moment(each.last_recorded_at) if each.HasField("last_recorded_at") else "never"
        made.add_row(each.name, wording.number(each.size), last, each.root_hash.hex()[:16])
    print_table(console, made, "There is no ledger yet.")
