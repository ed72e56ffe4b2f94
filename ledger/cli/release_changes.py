"""What is to be recorded of a release, row by row: each change with its row. Rows that are not taken, and those
that deserve a look, are noted in the outcome. It sends nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from ledger.api.violations import violations_of
from ledger.cli import failures
from ledger.cli.import_summary import Imported
from ledger.datasets.differences import Change, change_of, change_of_missing, in_scope
from ledger.datasets.entries import Dataset, Release, RowError
from ledger.datasets.recorded import Recorded
from ledger.datasets.register import Register
from ledger.datasets.survey import Refusal, Survey
from ledger.datasets.table import Row, Table

FEW_MISSING = 10
"""So many rows may be missing from a release without a question."""
MOST_MISSING = 0.1
"""Beyond that, no larger part of those on record of its countries and days."""


@dataclass
class ReleaseChanges:
    """A release beside what is on record."""

    dataset: Dataset
    table: Table
    survey: Survey
    known: Recorded
    register: Register
    release: Release
    retract_missing: bool
    outcome: Imported

    def __iter__(self) -> Iterator[tuple[Change, Refusal]]:
        """The changes, each with its row as it is told should the change be refused."""
        newest = next(reversed(self.known.releases), self.release.report_id)
        superseded = self.release.report_id in self.known.releases and newest != self.release.report_id
        for change in self._changes():
            if superseded:
                raise failures.Refused(
                    f"release {self.release.name} is on record, and a later one is ({newest.rpartition(':')[2]}); "
                    "importing it again would undo what that one changed"
                )
            yield change

    def _changes(self) -> Iterator[tuple[Change, Refusal]]:
        for row in self.table.rows():
            if row.line in self.survey.refused:
                continue
            key = self.dataset.key_of(row.cells)
            said = self.known.rows.get(key)
            if said is not None and said.redacted:
                why = "a part of what is recorded is redacted"
                self.outcome.left_alone.append(Refusal(row.line, key, "", why))
            elif change := self._change(row, key):
                yield change, Refusal(row.line, key, "", "")
        for change in self._retractions():
            yield change, Refusal(0, change.key, "", "")

    def _change(self, row: Row, key: str) -> Change | None:
        try:
            entry = self.dataset.entry_of(row.cells, self.register.actor_ids, self.release)
            change = change_of(entry, self.known.rows.get(key), self.release)
        except RowError as error:
            self.outcome.refused.append(Refusal(row.line, key, error.column, error.why))
            return None
        except ValidationError as error:
            first = violations_of(error, "")[0]
            self.outcome.refused.append(Refusal(row.line, key, first.field, first.description))
            return None
        if change is None:
            self.outcome.unchanged += 1
        else:
            self.outcome.remarks += [(row.line, key, remark) for remark in dict.fromkeys(entry.remarks)]
        return change

    def _retractions(self) -> Iterator[Change]:
        expected = list(in_scope(self.known.standing(), self.survey.scope))
        gone = [(key, said) for key, said in expected if key not in self.survey.keys and not said.redacted]
        if gone and not self.survey.whole:
            self.outcome.not_retracted = len(gone)
            return
        if len(gone) > max(FEW_MISSING, MOST_MISSING * len(expected)) and not self.retract_missing:
            raise failures.Refused(
                f"{len(gone):,} of {len(expected):,} rows on record of the release's countries and days are missing"
                " from it; where that is meant, give --retract-missing. All other rows are done"
            )
        for key, said in gone:
            yield change_of_missing(self.dataset, key, said, self.release)
