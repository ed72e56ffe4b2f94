"""`import`: a release of a published dataset into the ledger, row by row. What is recorded already is not sent
again; of a later release only the differences are. A row that cannot be taken is told, and the rest goes on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import click
from google.rpc.status_pb2 import Status

from ledger.cli import failures
from ledger.cli.appending import sent
from ledger.cli.import_summary import Imported, tell
from ledger.cli.parameters import Day
from ledger.cli.recorded_datasets import recorded
from ledger.cli.release_changes import ReleaseChanges
from ledger.cli.session import Session, connected, example
from ledger.cli.working import Working
from ledger.datasets.catalogue import DATASETS
from ledger.datasets.entries import Dataset, Release, slug
from ledger.datasets.publication import actors_reports, release_report
from ledger.datasets.recorded import Recorded
from ledger.datasets.survey import Refusal, Survey, surveyed
from ledger.datasets.table import Table, TableError
from ledger.domain.reports import Report

UNPACKED_SUFFIXES = (".gz", ".csv")


@click.command(
    name="import",
    epilog=example(
        "incident-ledger import ucdp-ged GEDEvent_v25_1.csv --release 25.1 --available 2025-06-15",
        "incident-ledger import ucdp-ged GEDEvent_v25_1.csv.gz --check",
        "incident-ledger import acled acled-syria.csv --release 2025-06-02 --available 2025-06-02",
        "incident-ledger import eth-prio ceasefires.csv --release 2022-10 --available 2022-10-20",
    ),
)
@click.argument("dataset", type=click.Choice(list(DATASETS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--release", metavar="NAME", help="How the release is called [the file's name].")
@click.option("--available", type=Day(), help="The day from which it could be had [today].")
@click.option("--check", is_flag=True, help="Only tell what would be recorded; send nothing.")
@click.option(
    "--retract-missing", is_flag=True, help="Also where many rows on record are missing from the release."
)
@connected
def import_(session: Session, dataset: str, file: Path, **options: Any) -> None:
    """Import a release of DATASET from FILE, comma-separated, plain or gzipped.

    Each row becomes a report with an id that stays the same over releases, so importing again records nothing new,
    and an import that was cut off goes on where it was. Of a later release only the differences are recorded:
    corrections, and retractions of rows that are no longer there, as far as the release speaks of their country and
    days.

    Rows that cannot be taken are listed with line and reason, the rest goes on, and the exit code is 1.
    """
    asked = Asked(**options)
    try:
        outcome = _Import(session, DATASETS[dataset], Table(file), asked).run()
    except TableError as error:
        raise failures.FaultyInput(str(error)) from error
    tell(session, outcome)
    click.get_current_context().exit(failures.REFUSED if outcome.refused else failures.OK)


@dataclass(frozen=True)
class Asked:
    """How a release is to be imported."""

    release: str | None
    available: str | None
    check: bool
    retract_missing: bool


@dataclass
class _Import:
    session: Session
    dataset: Dataset
    table: Table
    asked: Asked
    pending: dict[str, Refusal] = field(default_factory=dict)
    """Reports that were sent and are not answered: what is told should they be refused."""
    fault: Exception | None = None
    """Why no more reports could be made."""

    def run(self) -> Imported:
        """Looks through the file, asks what is recorded, and sends what is new."""
        with Working(self.session.err) as working:
            with working.step(f"looking through {self.table.path.name}") as step:
                survey = surveyed(self.dataset, self.table, step)
            with working.step("reading what is recorded") as step:
                known, register = recorded(self.session, self.dataset, step)
            release = self._release(survey, known)
            outcome = Imported(release, survey.rows, self.asked.check)
            newcomers = register.newcomers(survey.actors.values())
            outcome.actors, outcome.by_name = newcomers, register.by_name
            outcome.refused += survey.refused.values()
            changes = ReleaseChanges(
                self.dataset, self.table, survey, known, register, release, self.asked.retract_missing, outcome
            )
            if self.asked.check:
                for change, _ in changes:
                    outcome.count(change)
                return outcome
            opening = [
                release_report(self.dataset, release, survey),
                *actors_reports(self.dataset, release, newcomers),
            ]
            self._send(opening, outcome)
            with working.step("recording", len(survey.keys)) as step:
                self._send(self._counted(changes, outcome, step), outcome)
        return outcome

    def _release(self, survey: Survey, known: Recorded) -> Release:
        name = self.asked.release or _stem(self.table.path)
        if not slug(name):
            raise click.BadParameter(f"`{name}` has no letter or digit", param_hint="--release")
        stated = date.fromisoformat(self.asked.available) if self.asked.available else None
        release = Release(self.dataset.name, name, survey.sha256, stated or date.today())
        on_record = known.releases.get(release.report_id)
        if on_record is None:
            return release
        if on_record.sha256 != survey.sha256:
            raise failures.Refused(
                f"release {name} is on record at position {on_record.position}, of a file with another SHA-256: "
                f"{on_record.sha256[:16]}… there, {survey.sha256[:16]}… here; name this one otherwise by --release"
            )
        if stated not in (None, on_record.available):
            raise failures.Refused(
                f"release {name} is on record as available from {on_record.available}; leave --available out"
            )
        return Release(self.dataset.name, name, survey.sha256, on_record.available)

    def _counted(self, changes: ReleaseChanges, outcome: Imported, step: Callable[[], None]) -> Iterator[Report]:
        for change, row in changes:
            outcome.count(change)
            self.pending[change.report.report_id] = row
            step()
            yield change.report

    def _send(self, reports: Iterable[Report], outcome: Imported) -> None:
        """Sends reports; those that the ledger refuses are noted, with their row."""
        for each in sent(self.session, self._until_fault(reports)):
            row = self.pending.pop(each.report_id, Refusal(0, "", "", ""))
            if not each.HasField("failure"):
                outcome.events += 0 if each.receipt.already_recorded else len(each.receipt.events)
                continue
            status = Status.FromString(each.failure.status)
            why = failures.headline(status) or each.failure.message
            details = "; ".join(islice(failures.detail_lines(status), 3))
            outcome.refused.append(Refusal(row.line, row.key or each.report_id, "", f"{why} {details}".strip()))
        if self.fault is not None:
            raise self.fault

    def _until_fault(self, reports: Iterable[Report]) -> Iterator[Report]:
        """What fails while reports are made must not fail in the thread that sends them: nobody would hear."""
        try:
            yield from reports
        except Exception as error:
            self.fault = error


def _stem(path: Path) -> str:
    name = path.name
    for suffix in UNPACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name
