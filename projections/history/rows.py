"""Rows of the common tables that come of acts: acts as they stood, and the forms of claims that follow from them.
What a form says is extracted by the database."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

from ledger.domain.claim import Claim
from ledger.domain.reports import event_from_payload
from ledger.persistence.records import StoredRecord
from projections.history.forms import HeldForm, RecordedClaim
from projections.history.standing import Act, Span

FORMS = 1_000
"""In one statement."""


def act_of(record: StoredRecord) -> Act:
    """The act that a record holds."""
    event = event_from_payload(record.topic, record.state)
    target = getattr(event, "target_event_id", None) or getattr(event, "preferred_event_id", None)
    return Act(
        event_id=record.event_id,
        position=record.position,
        type=record.topic,
        target_event_id=UUID(target) if target else None,
        target_report_id=getattr(event, "target_report_id", None),
        report_id=record.report_id,
        recorded_at=record.recorded_at,
        body=record.state.decode(),
        event=event,
    )


def act_row(act: Act, span: Span) -> tuple[Any, ...]:
    """A row of `acts`: an act in a range of positions."""
    targets = (act.target_event_id, act.target_report_id)
    return (act.event_id, act.position, act.type, *targets, act.report_id, act.recorded_at, *span, act.body)


def recorded_claim(row: Sequence[Any]) -> RecordedClaim:
    """A row of `claims_concerned`."""
    *columns, kind, body = row
    content = cast(Claim, event_from_payload(kind, body.encode())) if kind else None
    return RecordedClaim(*[*columns, body, content])


def form_rows(forms: Sequence[tuple[RecordedClaim, HeldForm]]) -> Iterator[str]:
    """Forms as JSON arrays of bounded length, with the columns of `later_form`."""
    for first in range(0, len(forms), FORMS):
        yield f"[{','.join(_form(*each) for each in forms[first : first + FORMS])}]"


def _form(claim: RecordedClaim, held: HeldForm) -> str:
    form = held.form
    # What was recorded is kept as it was written.
    body = claim.body if form.content is claim.content else form.content.to_payload().decode()
    columns = {
        "event_id": str(claim.event_id),
        "form_event_id": str(form.event_id),
        "position": claim.position,
        "form_position": form.position,
        "held_from": held.held_from,
        "held_to": held.held_to,
        "type": form.content.type,
        "stream": claim.stream,
        "report_id": claim.report_id,
        "incident_id": form.incident_id,
        "preferred_position": form.preferred_position,
        "why_ended": held.why_ended,
        "recorded_at": claim.recorded_at.isoformat(),
    }
    return f'{json.dumps(columns)[:-1]}, "body": {body}}}'
