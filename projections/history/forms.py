"""The forms in which one claim held, and from which position to which: a pure function of the claim as recorded and
of all acts that concern it. So it makes no difference in which batches they come, or whether they are replayed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from ledger.domain.acts import ClaimAssessed, ClaimCorrected
from ledger.domain.claim import Claim
from projections.history.merging import Merges
from projections.history.standing import Act, Standing

WHY_ENDED = {
    "ClaimCorrected": "corrected",
    "ClaimAssessed": "assessed",
    "ReportRetracted": "report retracted",
    "PreferredClaimChosen": "chosen",
}
MERGED = "merged"
RETRACTED = "retracted"
UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class RecordedClaim:
    """A claim as recorded; without content where its type is not one that the read model takes."""

    event_id: UUID
    position: int
    stream: str
    report_id: str
    recorded_at: datetime
    body: str | None
    content: Claim | None


@dataclass(frozen=True, slots=True)
class Form:
    """What a claim says after corrections, assessments, merges and choices."""

    content: Claim
    event_id: UUID
    position: int
    incident_id: str | None
    preferred_position: int | None


@dataclass(frozen=True, slots=True)
class HeldForm:
    """A form with the positions in which it held."""

    form: Form
    held_from: int
    held_to: int | None
    why_ended: str | None


def stated_incident(content: Claim | None) -> str | None:
    """The incident that a claim names, if it names one."""
    return getattr(content, "incident_id", None)


def forms_of(
    claim: RecordedClaim, acts: Sequence[Act], merges: Merges, claim_types: frozenset[str]
) -> list[HeldForm]:
    """All forms of a claim. The first is the claim as recorded, with an empty range if it never held."""
    course = _Course(claim, acts, merges, claim_types)
    first = course.form_at(claim.position)
    current, since, held = first, claim.position, []
    if first is None and claim.content is not None:
        recorded = Form(claim.content, claim.event_id, claim.position, stated_incident(claim.content), None)
        held.append(HeldForm(recorded, claim.position, claim.position, WHY_ENDED["ReportRetracted"]))
    for position in course.positions():
        form = course.form_at(position)
        if form == current:
            continue
        if current is not None:
            held.append(HeldForm(current, since, position, course.why_changed(position)))
        current, since = form, position
    if current is not None:
        held.append(HeldForm(current, since, None, None))
    return held


class _Course:
    """A claim's course through the acts that concern it, asked at rising positions."""

    def __init__(
        self, claim: RecordedClaim, acts: Iterable[Act], merges: Merges, claim_types: frozenset[str]
    ) -> None:
        self.claim = claim
        self._acts = {act.event_id: act for act in sorted(acts, key=_position) if self._concerns(act)}
        self._by_position = {act.position: act for act in self._acts.values()}
        self._merges = merges
        self._claim_types = claim_types
        self._standing = Standing()
        self._waiting = list(reversed(self._acts.values()))
        self._taken: list[Act] = []

    def _concerns(self, act: Act) -> bool:
        # A report can be retracted before a claim of it is recorded; the claim itself cannot be targeted before.
        return act.position > self.claim.position or act.target_event_id != self.claim.event_id

    def positions(self) -> list[int]:
        """The later positions at which the form can change."""
        contents = [self.claim.content, *(_replacement(act) for act in self._acts.values())]
        incidents = {each for each in map(stated_incident, contents) if each is not None}
        changes = self._by_position.keys() | self._merges.changes(incidents)
        return sorted(position for position in changes if position > self.claim.position)

    def form_at(self, position: int) -> Form | None:
        """The form that holds after this position; None where the claim does not hold, or is not taken."""
        while self._waiting and self._waiting[-1].position <= position:
            act = self._waiting.pop()
            self._standing.take(act)
            self._taken.append(act)
        standing = [act for act in self._taken if self._standing.stands(act)]
        if any(act.type == "ReportRetracted" or self._retracts(act) for act in standing):
            return None
        content, event_id, form_position = self.claim.content, self.claim.event_id, self.claim.position
        preferred = None
        for act in standing:
            if act.type == "ClaimCorrected":
                content, event_id, form_position = _replacement(act), act.event_id, act.position
            elif act.type == "PreferredClaimChosen":
                preferred = act.position
        if content is None or content.type not in self._claim_types:
            return None
        incident_id = self._merges.at(position, stated_incident(content))
        return Form(_assessed(content, standing), event_id, form_position, incident_id, preferred)

    def why_changed(self, position: int) -> str:
        """In a word, what the act at this position did to the claim."""
        act = self._by_position.get(position)
        if act is None:
            return MERGED
        return WHY_ENDED.get(act.type) or (RETRACTED if self._retracts(act) else UNDONE)

    def _retracts(self, act: Act) -> bool:
        return act.type == "ClaimRetracted" and act.target_event_id == self.claim.event_id


def _position(act: Act) -> int:
    return act.position


def _replacement(act: Act) -> Claim | None:
    return cast(ClaimCorrected, act.event).replacement if act.type == "ClaimCorrected" else None


def _assessed(content: Claim, standing: Iterable[Act]) -> Claim:
    """The content with what the latest assessments say; each says some of verification, credibility, standing."""
    said: dict[str, Any] = {}
    for act in standing:
        if act.type == "ClaimAssessed":
            assessed = cast(ClaimAssessed, act.event)
            given: dict[str, Any] = {"verification": assessed.verification, "credibility": assessed.credibility}
            if "standing" in type(content).model_fields:
                given["standing"] = assessed.standing
            said |= {name: value for name, value in given.items() if value is not None}
    return content.model_copy(update=said) if said else content
