"""Takes a batch into the common tables. The database itself takes what was recorded; whatever an act concerns is
computed anew from all that is recorded about it. What is written depends on the records alone, never on how they
were cut into batches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ledger.domain.reports import CLAIM_TYPES, EVENT_TYPES, ReportFiled, event_from_payload
from ledger.persistence.log import LAST
from ledger.persistence.records import StoredRecord
from projections.engine.batches import Batch
from projections.engine.projection import Connection
from projections.history.changed import Changed
from projections.history.extracting import Extraction
from projections.history.forms import RecordedClaim, forms_of, stated_incident
from projections.history.merging import Merge, Merges, merges_of
from projections.history.new_types import NewTypes, UnknownTypeError
from projections.history.registers import actor_rows, report_rows
from projections.history.rows import act_of, act_row, form_rows, recorded_claim
from projections.history.standing import Act, Standing, trees_of
from projections.history.statements import COMMON, Table
from projections.history.touched import Touched

CLAIMS = frozenset(each.__name__ for each in CLAIM_TYPES)
FILED = ReportFiled.__name__


class Fold:
    """One batch, in the transaction of the connection. `telling` asks what it changes."""

    def __init__(
        self, connection: Connection, taken: frozenset[str], extraction: Extraction, telling: bool
    ) -> None:
        self._connection = connection
        self._taken = taken
        self._extraction = extraction
        self._telling = telling

    def take(self, batch: Batch, new_types: NewTypes = NewTypes.HALT) -> Changed:
        """Take the batch; answers what it changed."""
        # What comes late comes after all that was taken meanwhile.
        self._changed = Changed(LAST if batch.late else batch.last)
        concerned, others = self._take_recorded(batch)
        records = batch.records(self._connection, CLAIMS | {FILED}) if others else []
        if new_types is NewTypes.HALT:
            _refuse_unknown(records)
        known = [each for each in records if each.topic in EVENT_TYPES]
        acts = [act_of(each) for each in known if not each.redacted]
        # By the same look at the payloads as the acts: one that is redacted between two looks is in neither.
        gone = [each for each in known if each.redacted]
        Table.REDACTED_ACTS.copy(
            self._connection, [(each.event_id, each.position, each.topic, each.stream) for each in gone]
        )
        touched = self._touched_by(acts)
        touched.events |= set(concerned)
        if batch.late:
            touched.add_late(batch.records(self._connection))
        self._redact(acts, records)
        self._settle(touched)
        self._changed.actors |= touched.actors
        return self._changed

    def _take_recorded(self, batch: Batch) -> tuple[list[UUID], int]:
        """Take claims and filings; answers the claims that earlier acts concern, and the number of other events."""
        types = {"taken": sorted(self._taken), "other": sorted(CLAIMS - self._taken)}
        asked = {**batch.values, **types, "telling": self._telling}
        row = self._connection.execute(self._extraction.take(batch.relation), asked).fetchone()
        concerned, incidents, claims, others = row if row else ([], None, None, 0)
        self._changed.incidents |= set(incidents or ())
        self._changed.claims |= set(claims or ())
        return concerned, others

    def _touched_by(self, acts: Sequence[Act]) -> Touched:
        """What the acts of the batch concern, once they are in the table."""
        Table.ACTS.copy(self._connection, (act_row(act, (act.position, None)) for act in acts))
        return Touched.by(self._connection, acts)

    def _redact(self, acts: Sequence[Act], records: Sequence[StoredRecord]) -> None:
        """Delete what came from payloads that are no longer there, wherever it got to."""
        redactions = [act for act in acts if act.type == "PayloadRedacted"]
        gone = [act.target_event_id for act in redactions if act.target_event_id]
        if not gone:
            return
        streams = {each.event_id: each.stream for each in records}
        asked = {"events": gone, "streams": [streams[act.event_id] for act in redactions]}
        for statement in (COMMON.leave_redacted, COMMON.leave_redacted_acts):
            self._connection.execute(statement, asked)
        self._delete_claims(gone)
        for statement in (COMMON.delete_other_claims, COMMON.delete_acts):
            self._connection.execute(statement, asked)
        reports = [row[0] for row in self._connection.execute(COMMON.redact_reports, asked)]
        self._changed.take(self._connection.execute(COMMON.claims_of_reports, {"reports": reports}))

    def _settle(self, touched: Touched) -> None:
        """Compute anew what acts concern."""
        incidents = self._settle_merges() if touched.merges else set()
        asked = {"events": list(touched.events), "reports": list(touched.reports), "incidents": list(incidents)}
        concerned: dict[UUID, RecordedClaim] = {}
        if any(asked.values()):
            rows = self._connection.execute(COMMON.claims_concerned, asked)
            concerned = {row[0]: recorded_claim(row) for row in rows}
        events = touched.events | concerned.keys()
        reports = touched.reports | {claim.report_id for claim in concerned.values()}
        if not (events or reports or touched.actors):
            return
        acts = self._acts_about(events, reports, touched.actors)
        trees = trees_of(acts)
        self._settle_reports(touched, trees.of_report)
        self._settle_actors(touched, acts)
        about = {
            claim.event_id: trees.of_event.get(claim.event_id, []) + trees.of_report.get(claim.report_id, [])
            for claim in concerned.values()
        }
        self._settle_claims(list(concerned.values()), about, acts)

    def _settle_claims(
        self, claims: Sequence[RecordedClaim], about: Mapping[UUID, Sequence[Act]], acts: Sequence[Act]
    ) -> None:
        """Write all forms of these claims, which follow from the acts about each."""
        contents = [claim.content for claim in claims]
        contents += [getattr(act.event, "replacement", None) for act in acts]
        merges = self._merges_of(sorted({each for each in map(stated_incident, contents) if each}))
        self._delete_claims([claim.event_id for claim in claims])
        made = [
            (claim, held)
            for claim in claims
            for held in forms_of(claim, about[claim.event_id], merges, self._taken)
        ]
        for rows in form_rows(made):
            self._changed.take(self._connection.execute(self._extraction.later, {"forms": rows}))

    def _delete_claims(self, events: list[UUID]) -> None:
        self._changed.take(self._connection.execute(COMMON.delete_claims, {"events": events}))

    def _settle_merges(self) -> set[str]:
        """Compute all merges anew; answers the incidents for which something changed."""
        new = set(merges_of(self._stood(self._connection.execute(COMMON.acts_of_merging))))
        old = {Merge(*row) for row in self._connection.execute(COMMON.all_merges)}
        changed = {merge.merged_incident_id for merge in new ^ old}
        self._connection.execute(COMMON.delete_merges, {"incidents": list(changed)})
        rows = [merge for merge in new if merge.merged_incident_id in changed]
        Table.MERGES.copy(
            self._connection,
            [(each.merged_incident_id, each.incident_id, each.held_from, each.held_to) for each in rows],
        )
        return changed

    def _settle_reports(self, touched: Touched, acts: dict[str, list[Act]]) -> None:
        if touched.reports:
            asked = {"reports": list(touched.reports)}
            rows = self._connection.execute(COMMON.reports_concerned, asked).fetchall()
            self._connection.execute(COMMON.delete_reports, asked)
            Table.REPORTS.copy(self._connection, report_rows(rows, acts))

    def _settle_actors(self, touched: Touched, acts: Sequence[Act]) -> None:
        if touched.actors:
            self._connection.execute(COMMON.delete_actors, {"actors": list(touched.actors)})
            Table.ACTORS.copy(self._connection, actor_rows(touched.actors, acts))

    def _acts_about(self, events: Iterable[UUID], reports: Iterable[str], actors: Iterable[str]) -> list[Act]:
        asked = {"events": list(events), "reports": list(reports), "actors": list(actors)}
        return self._stood(self._connection.execute(COMMON.acts_about, asked))

    def _stood(self, rows: Iterable[Sequence[Any]]) -> list[Act]:
        """Acts from rows, in order of position; writes where they stood, if that has changed."""
        acts, standing, before = [], Standing(), {}
        for *columns, body, held_from, held_to in rows:
            act = Act(*[*columns, body, event_from_payload(columns[2], body.encode())])
            standing.take(act)
            acts.append(act)
            before[act.event_id] = list(zip(held_from, held_to, strict=True))
        changed = [act for act in acts if standing.spans(act) != before[act.event_id]]
        if changed:
            self._connection.execute(COMMON.delete_acts, {"events": [act.event_id for act in changed]})
            spans = ((act, span) for act in changed for span in standing.spans(act))
            Table.ACTS.copy(self._connection, (act_row(act, span) for act, span in spans))
        return acts

    def _merges_of(self, incidents: list[str]) -> Merges:
        if not incidents:
            return Merges(())
        asked = {"incidents": incidents}
        return Merges(Merge(*row) for row in self._connection.execute(COMMON.merges_of_incidents, asked))


def _refuse_unknown(records: Iterable[StoredRecord]) -> None:
    for record in records:
        if record.topic not in EVENT_TYPES:
            raise UnknownTypeError(type=record.topic)
