"""The command `export`: incidents, casualty figures or ceasefires, as CSV, in the layouts of UCDP and ETH/PRIO,
with HXL hashtags, as GeoJSON or as Parquet. Data goes to a file or to standard output; what it rests on goes
beside it, or to standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefire_messages
from ledger.cli import wording
from ledger.cli.casualties import POLICIES, figure_options, figures_request, rule_options
from ledger.cli.ceasefires import ceasefire_filter_options
from ledger.cli.exports.account import Account
from ledger.cli.exports.casualty_figures import CasualtyFigures
from ledger.cli.exports.ceasefires import Ceasefires
from ledger.cli.exports.destination import STANDARD_OUTPUT, destination
from ledger.cli.exports.incident_pages import IncidentPages
from ledger.cli.exports.layouts import Layout, TableLayout, UcdpLayout
from ledger.cli.exports.parquet import ParquetWriter
from ledger.cli.exports.record import Record
from ledger.cli.exports.writers import Columns, CsvWriter, GeoJsonWriter, Row, Sink, Writer
from ledger.cli.incidents import incident_filter_options
from ledger.cli.options import as_of_options, at_option
from ledger.cli.session import Session, connected, example

CSV, UCDP, HXL, GEOJSON, PARQUET = "csv", "ucdp", "hxl", "geojson", "parquet"
ETH_PRIO = "eth-prio"
UCDP_RANGE = "ucdp-range"
Command = Callable[..., None]


class _OfIncidents(click.Group):
    """`export --format csv` exports incidents: what is exported is named only where it is something else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options alone are those of `incidents`."""
        of_its_own = self.get_help_option_names(ctx)
        if args and args[0].startswith("-") and args[0] not in of_its_own:
            args = ["incidents", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_OfIncidents,
    epilog=example(
        "incident-ledger export incidents --format csv --output incidents.csv",
        "incident-ledger export casualties --format csv --group-by month --outcome killed",
    ),
)
def export() -> None:
    """Export incidents, casualty figures or ceasefires to files.

    Everything in a file is as of one position of the record. What the file rests on stands beside it, and on
    standard error; there, with --json, as one JSON document. Options alone export incidents.
    """


def _to(*formats: str) -> Callable[[Command], Command]:
    """In which format, and where to."""

    def options(function: Command) -> Command:
        function = click.option(
            "--output",
            type=click.Path(dir_okay=False, allow_dash=True),
            default=STANDARD_OUTPUT,
            metavar="FILE",
            help="Write this file, which is there only when it is complete; `-` is standard output [-].",
        )(function)
        return click.option(
            "--format", "file_format", type=click.Choice(formats), required=True, help="The format of the file."
        )(function)

    return options


@export.command(
    epilog=example(
        "incident-ledger export incidents --format csv --place Idlib --from 2020-01-01 > idlib.csv",
        "incident-ledger export incidents --format ucdp --as-of 2020-03-01 --output ged.csv",
        "incident-ledger export incidents --format geojson --max-place-precision near --output map.geojson",
        "incident-ledger export incidents --format parquet --output incidents.parquet",
    )
)
@_to(CSV, UCDP, HXL, GEOJSON, PARQUET)
@incident_filter_options
@rule_options
@as_of_options
@connected
def incidents(
    session: Session, file_format: str, output: str, policy: str | None, rule: int | None, **options: Any
) -> None:
    """Export incidents, one row or feature for each, with what their claims state and their figures.

    Aggregates count in the row of their incident, which says that it is one. In UCDP's layout the policy is
    ucdp-range, and incidents that the layout cannot hold are left out, counted and listed: also what was only said,
    such as the announcement of an imported release.
    """
    of_ucdp = file_format == UCDP
    if of_ucdp and policy not in (None, UCDP_RANGE):
        raise click.UsageError(f"UCDP's layout has low, best and high: its policy is {UCDP_RANGE}, not {policy}")
    asked = messages.ListIncidentsRequest(**options)
    record = Record(session, Account(session.ledger, "incidents", file_format, _filter_of(asked)))
    layout: Layout = UcdpLayout(record) if of_ucdp else TableLayout(record, with_words=file_format == GEOJSON)
    pages = IncidentPages(
        record=record,
        request=asked,
        policy=POLICIES[UCDP_RANGE] if of_ucdp else POLICIES.get(policy or "", messages.COUNT_POLICY_UNSPECIFIED),
        rule=rule or messages.RESOLUTION_RULE_UNSPECIFIED,
        of_parties=of_ucdp,
    )
    _write(session, record.account, output, layout.columns, map(layout.rows, pages))


@export.command(
    epilog=example(
        "incident-ledger export casualties --format csv --group-by month --outcome killed > by-month.csv",
        "incident-ledger export casualties --format parquet --group-by admin1 --output figures.parquet",
    )
)
@_to(CSV, HXL, PARQUET)
@figure_options
@connected
def casualties(session: Session, file_format: str, output: str, **options: Any) -> None:
    """Export casualty figures, one row for each group.

    The options are those of `casualties`. Tolls are in no row; the metadata has them beside the figures.
    """
    asked = figures_request(session.ledger, options)
    record = Record(session, Account(session.ledger, "casualties", file_format, asked.filter))
    figures = CasualtyFigures(record, asked)
    _write(session, record.account, output, figures.columns, figures.batches())


@export.command(
    epilog=example(
        "incident-ledger export ceasefires --format eth-prio --output ceasefires.csv",
        "incident-ledger export ceasefires --format eth-prio --at 2020-12-31 --party government-of-turkey",
    )
)
@_to(ETH_PRIO)
@ceasefire_filter_options
@at_option
@as_of_options
@connected
def ceasefires(session: Session, file_format: str, output: str, **options: Any) -> None:
    """Export ceasefires in the layout of ETH/PRIO, one row for each party, with the codes of its codebook.

    Each is as of a date in the world: what ended later goes on. Agreements that nobody has declared or signed, or
    whose parties nobody names, are left out, counted and listed.
    """
    asked = ceasefire_messages.ListCeasefiresRequest(**options)
    conditions = ceasefire_messages.ListCeasefiresRequest(parties=asked.parties, formal=asked.formal)
    record = Record(session, Account(session.ledger, "ceasefires", file_format, conditions, subject="agreement"))
    rows = Ceasefires(record, asked)
    _write(session, record.account, output, rows.columns, rows.batches())


def _filter_of(asked: messages.ListIncidentsRequest) -> messages.ListIncidentsRequest:
    """The conditions alone."""
    conditions = messages.ListIncidentsRequest()
    conditions.CopyFrom(asked)
    for name in ("as_of", "min_position"):
        conditions.ClearField(name)
    return conditions


def _writer(file_format: str, columns: Columns, stream: Sink) -> Writer:
    match file_format:
        case "geojson":
            return GeoJsonWriter(columns, stream)
        case "parquet":
            return ParquetWriter(columns, stream)
        case _:
            return CsvWriter(columns, stream, hashtags=file_format == HXL)


def _write(
    session: Session, account: Account, output: str, columns: Columns, batches: Iterable[Iterable[Row]]
) -> None:
    """Writes batch by batch, and tells what the data rests on."""
    if account.file_format == PARQUET and output == STANDARD_OUTPUT and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal; give --output FILE")
    with destination(output) as made, _progress(session, made.is_file) as tell:
        writer = _writer(account.file_format, columns, made.stream)
        begun = False
        for batch in batches:
            rows = list(batch)
            if not begun:
                writer.begin(account)
                begun = True
            writer.write(rows)
            account.rows += len(rows)
            tell(account.rows)
        writer.end(account)
        made.complete(None if writer.has_account else account.document())
    if session.as_json:
        print(json.dumps(account.document(), ensure_ascii=False), file=sys.stderr)
    else:
        account.print(session.err)


@contextmanager
def _progress(session: Session, to_file: bool) -> Iterator[Callable[[int], None]]:
    """How many rows there are so far, where somebody watches and the rows go elsewhere."""
    if not session.err.is_terminal or not (to_file or not sys.stdout.isatty()):
        yield lambda rows: None
        return
    with session.err.status("asking") as status:
        yield lambda rows: status.update(f"{wording.number(rows)} rows")
