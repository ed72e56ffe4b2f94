"""`serve`: runs the service on this machine, with a database of its own where none is named.
It starts, tells where it listens, and stops cleanly; what it serves is put together by the composition root."""

import asyncio
import logging
from pathlib import Path

import click
import grpc

from incident.ledger.v1 import ledger_service_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger import composition
from ledger.cli.append import seed_files
from ledger.cli.appending import append_files
from ledger.cli.report_files import read_report_files
from ledger.cli.session import DEFAULT_TIMEOUT_SECONDS, LOG_FORMAT, Session, example
from ledger.cli.views import show_views
from ledger.settings import Role, Settings

NEXT_COMMANDS = (
    "casualties --group-by party --group-by month --outcome killed",
    "incident idlib-2020-02-retaliation",
    "ceasefires sochi-memorandum",
    "threats --at 2020-03-01",
    "replay --to 10",
    "rebuild casualties",
    "audit replay",
)


@click.command(
    epilog=example("incident-ledger serve --seed --show", "incident-ledger serve --listen 0.0.0.0:50551")
)
@click.option("--listen", help="Address and port; port 0 takes a free one. LEDGER_LISTEN, else 127.0.0.1:50551.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the embedded database, and of the key for checkpoints. LEDGER_DATA_DIR, else .incident-ledger.",
)
@click.option("--embedded", is_flag=True, help="Use the embedded database even where LEDGER_DATABASE_URL is set.")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), help="What to serve. LEDGER_ROLE, else all."
)
@click.option(
    "--park",
    metavar="NAMES",
    help="Read models that put an event aside which they cannot take, with commas between. LEDGER_PARK, else none:"
    " they halt at it.",
)
@click.option("--seed", is_flag=True, help="Load the seed reports into an empty ledger, or complete them.")
@click.option("--show", is_flag=True, help="Print what the views say, and what to try next.")
def serve(
    listen: str | None,
    data_dir: Path | None,
    embedded: bool,
    role: str | None,
    park: str | None,
    seed: bool,
    show: bool,
) -> None:
    """Serve ledgers over gRPC until Ctrl-C or SIGTERM.

    Without LEDGER_DATABASE_URL the service runs a PostgreSQL of its own in the data folder.
    """
    settings = Settings.read(listen=listen, data_dir=data_dir, role=role, park=park)
    _refuse_what_no_role_does(settings.role, seed, show)
    if embedded:
        settings.database_url = None
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)

    async def ready(address: str) -> None:
        await asyncio.to_thread(_begin, address, seed, show, settings.role)

    with composition.database(settings) as url:
        asyncio.run(composition.serve(url, settings, ready))


def _refuse_what_no_role_does(role: Role, seed: bool, show: bool) -> None:
    if seed and role is Role.READ:
        raise click.UsageError("--seed records reports, which the role read does not; seed where the role is write")
    if show and role is Role.WRITE:
        raise click.UsageError("--show prints the views, which the role write does not serve")


def _begin(address: str, seed: bool, show: bool, role: Role = Role.ALL) -> None:
    """What happens once the service answers: seeds, views, and where it is to be found."""
    session = Session(address=address)
    try:
        if seed and _must_seed(session, seed_files()):
            append_files(session, seed_files(), rows=False)
        if show:
            head = 0 if role is Role.READ else _head(session)  # a reader does not serve the record
            show_views(session.channel, session.ledger, min_position=head, console=session.out)
            _tell_next(session)
    except (click.ClickException, grpc.RpcError) as error:
        logging.getLogger(__name__).error("the service runs, but could not begin as asked: %s", error)
    click.echo(f"serving on {address}; Ctrl-C stops")


def _must_seed(session: Session, names: list[str]) -> bool:
    """Whether nothing is recorded, or a first seeding was interrupted; a ledger of other reports is left alone."""
    if _head(session) == 0:
        return True
    reports = [report for file in read_report_files((names[0], names[-1])) for report in file.reports]
    return bool(reports) and _has(session, reports[0].report_id) and not _has(session, reports[-1].report_id)


def _has(session: Session, report_id: str) -> bool:
    request = ledger_service_pb2.GetReportRequest(ledger=session.ledger, report_id=report_id)
    try:
        session.stub(LedgerServiceStub).GetReport(request, timeout=DEFAULT_TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        raise
    return True


def _head(session: Session) -> int:
    request = ledger_service_pb2.GetLedgerRequest(ledger=session.ledger)
    answer = session.stub(LedgerServiceStub).GetLedger(request, timeout=DEFAULT_TIMEOUT_SECONDS)
    return int(answer.ledger.size)


def _tell_next(session: Session) -> None:
    option = "" if session.address == Settings.model_fields["listen"].default else f" --address {session.address}"
    session.out.print("\nNext, in another terminal:")
    for command in NEXT_COMMANDS:
        session.out.print(f"  .venv/bin/incident-ledger{option} {command}", soft_wrap=True)
    session.out.print()
