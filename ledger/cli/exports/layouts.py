"""From a page of incidents to rows: the project's own table, or the layout of UCDP. What has no row, and what is to
be known of a row, is told to the account."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ledger.cli.exports.incident_pages import Counted
from ledger.cli.exports.record import Record
from ledger.cli.exports.writers import Columns, Row
from ledger.datasets import incident_table, ucdp_layout, ucdp_rows
from ledger.datasets.columns import row_of
from ledger.datasets.incidents import ABOUT_CLAIMS_CUT, CLAIMS_CUT
from ledger.domain.codes import Outcome


class Layout(Protocol):
    """What the rows of incidents look like."""

    columns: Columns

    def rows(self, page: Sequence[Counted]) -> Iterator[Row]:
        """The rows of a page."""


class TableLayout:
    """Every incident, with all that is known of it together."""

    def __init__(self, record: Record, with_words: bool = False) -> None:
        self.columns: Columns = incident_table.COLUMNS + (incident_table.WORDS if with_words else ())
        self._record = record

    def rows(self, page: Sequence[Counted]) -> Iterator[Row]:
        """One for each."""
        account, actors = self._record.account, self._record.actors_where_served
        for incident, figures in page:
            if incident.is_cut:
                account.descriptions[CLAIMS_CUT] = ABOUT_CLAIMS_CUT
                account.note(CLAIMS_CUT, incident.incident_id)
            yield row_of(self.columns, incident_table.Described(incident, figures, actors))


class UcdpLayout:
    """Incidents that UCDP's layout can hold."""

    def __init__(self, record: Record) -> None:
        self.columns: Columns = ucdp_rows.columns()
        self._record = record
        record.account.descriptions |= ucdp_layout.DESCRIPTIONS

    def rows(self, page: Sequence[Counted]) -> Iterator[Row]:
        """One for each that fits."""
        account = self._record.account
        for incident, figures in page:
            whole = figures.by_outcome.get(Outcome.KILLED)
            report_id = None if whole else ucdp_rows.may_state_none(incident)
            none = report_id is not None and self._record.states_none(report_id)
            killed = ucdp_rows.Killed(whole, figures.killed, none)
            try:
                row = ucdp_rows.ucdp_row(incident, killed, self._record.actors)
            except ucdp_rows.NotInLayoutError as error:
                account.leave_out(error.reason, incident.incident_id)
                continue
            for note in row.notes:
                account.note(note, incident.incident_id)
            yield row.cells
