"""Takes a batch of records into the common tables. What it writes depends on the records alone, never on how they
were cut into batches: whatever an act concerns is computed anew from all that is recorded about it."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from ledger.domain.claim import Claim
from ledger.domain.reports import CLAIM_TYPES, ReportFiled, event_from_payload
from ledger.domain.values import ExternalIds
from ledger.persistence.records import StoredRecord
from projections.engine.projection import Connection
from projections.history.changed import Changed
from projections.history.forms import Form, HeldForm, RecordedClaim, forms_of, stated_incident
from projections.history.merging import Merge, Merges, merges_of
from projections.history.registers import actor_rows, report_rows
from projections.history.rows import COMMON_COLUMNS, RowBuilder
from projections.history.standing import Act, Span, Standing, trees_of
from projections.history.statements import COMMON, Table
from projections.history.touched import Touched

CLAIMS = frozenset(each.__name__ for each in CLAIM_TYPES)
EVENT_ID, INCIDENT_ID = COMMON_COLUMNS.index("event_id"), COMMON_COLUMNS.index("incident_id")


class Fold:
    """One batch, in the transaction of the connection."""

    def __init__(self, connection: Connection, claim_types: frozenset[str], builder: RowBuilder) -> None:
        self._connection = connection
        self._claim_types = claim_types
        self._builder = builder
        self._claims: dict[UUID, RecordedClaim] = {}
        self._others: list[tuple[Any, ...]] = []
        self._redacted: list[tuple[Any, ...]] = []
        self._redacted_acts: list[tuple[Any, ...]] = []
        self._streams: dict[UUID, str] = {}
        self._reports: list[tuple[Any, ...]] = []
        self._acts: list[Act] = []
        self._bodies: dict[UUID, str] = {}

    def take(self, records: Sequence[StoredRecord]) -> Changed:
        """Take the batch; answers what it changed."""
        self._changed = Changed(records[-1].position)
        for record in records:
            self._sort(record)
        Table.OTHER_CLAIMS.copy(self._connection, self._others)
        Table.REPORTS.copy(self._connection, self._reports)
        Table.ACTS.copy(
            self._connection,
            (_act_row(act, self._bodies[act.event_id], (act.position, None)) for act in self._acts),
        )
        touched = Touched.by(self._connection, self._acts)
        self._redact()
        Table.REDACTED_CLAIMS.copy(self._connection, self._redacted)
        Table.REDACTED_ACTS.copy(self._connection, self._redacted_acts)
        self._settle(touched)
        self._changed.actors |= touched.actors
        return self._changed

    def _sort(self, record: StoredRecord) -> None:
        kind = record.topic
        if record.redacted:
            if kind == ReportFiled.__name__:
                self._reports.append(_report_row(record, None))
            elif kind in self._claim_types:
                self._redacted.append((record.event_id, record.position, kind, record.stream))
            elif kind not in CLAIMS:
                self._redacted_acts.append((record.event_id, record.position, kind, record.stream))
        elif kind in self._claim_types:
            claim = cast(Claim, event_from_payload(kind, record.state))
            self._claims[record.event_id] = _recorded(record, claim)
        elif kind in CLAIMS:
            self._others.append(
                (record.event_id, record.position, record.stream, record.report_id, record.recorded_at)
            )
        elif kind == ReportFiled.__name__:
            filed = cast(ReportFiled, event_from_payload(kind, record.state))
            self._reports.append(_report_row(record, filed))
        else:
            self._take_act(record)

    def _take_act(self, record: StoredRecord) -> None:
        event = event_from_payload(record.topic, record.state)
        target = getattr(event, "target_event_id", None) or getattr(event, "preferred_event_id", None)
        self._acts.append(
            Act(
                event_id=record.event_id,
                position=record.position,
                type=record.topic,
                target_event_id=UUID(target) if target else None,
                target_report_id=getattr(event, "target_report_id", None),
                report_id=record.report_id,
                recorded_at=record.recorded_at,
                event=event,
            )
        )
        self._bodies[record.event_id] = record.state.decode()
        self._streams[record.event_id] = record.stream

    def _redact(self) -> None:
        """Delete what came from payloads that are no longer there, wherever it got to."""
        redactions = [act for act in self._acts if act.type == "PayloadRedacted"]
        gone = [act.target_event_id for act in redactions if act.target_event_id]
        if not gone:
            return
        for event_id in gone:
            claim = self._claims.pop(event_id, None)
            if claim is not None:
                kind = cast(Claim, claim.content).type
                self._redacted.append((event_id, claim.position, kind, claim.stream))
        asked = {"events": gone, "streams": [self._streams[act.event_id] for act in redactions]}
        for statement in (COMMON.leave_redacted, COMMON.leave_redacted_acts):
            self._connection.execute(statement, asked)
        self._delete_claims(gone)
        for statement in (COMMON.delete_other_claims, COMMON.delete_acts):
            self._connection.execute(statement, asked)
        reports = [row[0] for row in self._connection.execute(COMMON.redact_reports, asked)]
        self._changed.take(self._connection.execute(COMMON.claims_of_reports, {"reports": reports}))

    def _settle(self, touched: Touched) -> None:
        """Compute anew what acts of this batch concern, and add the new claims."""
        incidents = self._settle_merges() if touched.merges else set()
        asked = {"events": list(touched.events), "reports": list(touched.reports), "incidents": list(incidents)}
        concerned: dict[UUID, RecordedClaim] = {}
        if touched.events or touched.reports or incidents:
            rows = self._connection.execute(COMMON.claims_concerned, asked)
            concerned = {row[0]: _recorded_before(row) for row in rows}
        known = sorted({each for each in map(_incident, self._claims.values()) if each})
        merges = self._merges_of(known)
        suspect = touched.reports | self._retracted_reports()
        plain = []
        for claim in self._claims.values():
            if claim.event_id in touched.events or claim.report_id in suspect or _incident(claim) in merges:
                concerned[claim.event_id] = claim
            else:
                plain.append(self._plain_row(claim))
        made = [*plain, *self._settle_claims(touched, concerned)]
        self._changed.take((row[EVENT_ID], row[INCIDENT_ID]) for row in made)
        Table.CLAIMS.copy(self._connection, made, self._builder.columns)

    def _settle_claims(self, touched: Touched, concerned: dict[UUID, RecordedClaim]) -> list[tuple[Any, ...]]:
        """The rows of all forms of the claims concerned; settles reports, actors and acts on the way."""
        events = touched.events | concerned.keys()
        reports = touched.reports | {claim.report_id for claim in concerned.values()}
        if not (events or reports or touched.actors):
            return []
        acts = self._acts_about(events, reports, touched.actors)
        trees = trees_of(acts)
        self._settle_reports(touched, trees.of_report)
        self._settle_actors(touched, acts)
        contents = [claim.content for claim in concerned.values()]
        contents += [getattr(act.event, "replacement", None) for act in acts]
        merges = self._merges_of(sorted({each for each in map(stated_incident, contents) if each}))
        self._delete_claims(list(concerned))
        return [
            self._builder.row(claim, held)
            for claim in concerned.values()
            for held in forms_of(
                claim,
                trees.of_event.get(claim.event_id, []) + trees.of_report.get(claim.report_id, []),
                merges,
                self._claim_types,
            )
        ]

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
        acts, standing, bodies, before = [], Standing(), {}, {}
        for *columns, body, held_from, held_to in rows:
            act = Act(*[*columns, event_from_payload(columns[2], body.encode())])
            standing.take(act)
            acts.append(act)
            bodies[act.event_id] = body
            before[act.event_id] = list(zip(held_from, held_to, strict=True))
        changed = [act for act in acts if standing.spans(act) != before[act.event_id]]
        if changed:
            self._connection.execute(COMMON.delete_acts, {"events": [act.event_id for act in changed]})
            spans = ((act, span) for act in changed for span in standing.spans(act))
            Table.ACTS.copy(self._connection, (_act_row(act, bodies[act.event_id], span) for act, span in spans))
        return acts

    def _retracted_reports(self) -> set[str]:
        asked = {"reports": list({claim.report_id for claim in self._claims.values()})}
        return (
            {row[0] for row in self._connection.execute(COMMON.retracted_reports, asked)} if self._claims else set()
        )

    def _merges_of(self, incidents: list[str]) -> Merges:
        if not incidents:
            return Merges(())
        asked = {"incidents": incidents}
        return Merges(Merge(*row) for row in self._connection.execute(COMMON.merges_of_incidents, asked))

    def _plain_row(self, claim: RecordedClaim) -> tuple[Any, ...]:
        content = cast(Claim, claim.content)
        form = Form(content, claim.event_id, claim.position, stated_incident(content), None)
        return self._builder.row(claim, HeldForm(form, claim.position, None, None))


def _incident(claim: RecordedClaim) -> str | None:
    return stated_incident(claim.content)


def _recorded(record: StoredRecord, content: Claim) -> RecordedClaim:
    return RecordedClaim(
        record.event_id, record.position, record.stream, record.report_id, record.recorded_at, content
    )


def _recorded_before(row: Sequence[Any]) -> RecordedClaim:
    *columns, kind, body = row
    return RecordedClaim(*[*columns, event_from_payload(kind, body.encode()) if kind else None])


def _report_row(record: StoredRecord, filed: ReportFiled | None) -> tuple[Any, ...]:
    said: tuple[Any, ...] = (None,) * 7
    if filed is not None:
        source, reliability = filed.source.name, filed.source.reliability
        said = (source, reliability, filed.reported_day, filed.reported.isoformat(), filed.title)
        said += (_ids(filed.source.external_ids), filed.source_count)
    return (record.report_id, record.event_id, record.position, *said, record.recorded_at, record.position, None)


def _ids(external_ids: ExternalIds) -> str | None:
    return json.dumps([each.model_dump() for each in external_ids]) if external_ids else None


def _act_row(act: Act, body: str, span: Span) -> tuple[Any, ...]:
    targets = (act.target_event_id, act.target_report_id)
    return (act.event_id, act.position, act.type, *targets, act.report_id, act.recorded_at, *span, body)
