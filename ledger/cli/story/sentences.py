"""A story in plain words: for each step who did what to which position, why, and what reads otherwise since; and
what holds in the end. Claims and values are worded as everywhere else."""

from collections.abc import Iterable, Iterator
from typing import Any

from incident.ledger.v1 import claims_pb2
from ledger.api.fields import enum_words
from ledger.cli import wording
from ledger.cli.story.course import Taken
from ledger.cli.story.forms import Difference, Form, differences, in_parts, type_of
from ledger.cli.story.selecting import Held, Step, Story
from ledger.cli.summaries import claim_summary

_REASONS = enum_words(claims_pb2.DESCRIPTOR.enum_types_by_name["RetractionReason"])
_OBVIOUS = {"claim_retracted": "no longer holding", "preferred_claim_chosen": "preferred"}
"""What an act does to its target as its name says."""
_ON_CLAIMS = frozenset(
    ("claim_corrected", "claim_retracted", "claim_assessed", "preferred_claim_chosen", "report_retracted")
)
"""Acts of which one expects that a claim reads otherwise."""


class Sentences:
    """The words of one story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._taken = story.course.taken

    def step(self, step: Step) -> str:
        """What happened, with when, by whom and by which report it was recorded."""
        taken = step.taken
        event = taken.event
        said = self._claim(step) if taken.is_claim else self._act(step) if taken.body else self._lost(taken)
        recorded = " · ".join((str(event.position), wording.moment(event.recorded_at), *_recorder(event)))
        return f"{recorded} · {self.report(event.report_id)} {said}"

    def report(self, report_id: str) -> str:
        """A report, of which source and recorded by whom."""
        filing = self._story.filings.get(report_id)
        if filing is None:
            return f"report {report_id}"
        if not filing.body:
            return f"report {report_id} of a source that was redacted"
        by = f" (recorded by {filing.content.recorded_by})" if filing.content.recorded_by else ""
        return f"report {report_id} of {filing.content.source.name}{by}"

    def holding(self, held: Held) -> str:
        """A claim as it reads in the end."""
        event, form = held
        corrected = f", as corrected at {form.position}" if form.position != event.position else ""
        preferred = f"; preferred at {form.preferred_at}" if form.preferred_at else ""
        return f"{event.position}{corrected} · {self._form(form)}{preferred} · report {event.report_id}"

    def _claim(self, step: Step) -> str:
        form = step.changes[0].after
        said = f"says: {self._form(form)}"
        if form.about != step.taken.event.stream:
            said += f"; its incident goes by the name of {form.about.partition('/')[2]}"
        return said if form.holds else f"{said}; it does not hold, because its report is retracted"

    def _form(self, form: Form) -> str:
        claim = form.claim
        graded = wording.verification(claim.verification) if claim.verification else ""
        said = (claim_summary(claim), wording.interval(claim.occurred), wording.place(claim.place), graded)
        return f"{type_of(claim)}: {'; '.join(part for part in said if part)}"

    def _lost(self, taken: Taken) -> str:
        act = self._story.redactions.get(taken.event.event_id)
        when = "later than this story goes"
        if act is not None:
            when = (
                f"at {act.event.position} by {self.report(act.event.report_id)}, under the rule {act.content.rule}"
            )
        what = f"recorded a {taken.event.type} in {taken.event.stream}"
        return f"{what}; what it said is no longer shown, because it was redacted {when}"

    def _act(self, step: Step) -> str:
        said = self._verb(step.taken) + self._effects(step)
        why = _why(step.taken)
        return f"{said}; why: {why}" if why else said

    def _verb(self, taken: Taken) -> str:
        content = taken.content
        match taken.body:
            case "report_filed":
                return f"is filed: {claim_summary(taken.event.claim)}"
            case "actor_registered":
                return f"registers actor {content.actor_id}: {claim_summary(taken.event.claim)}"
            case "report_retracted":
                return f"retracts {self.report(content.target_report_id)}"
            case "incidents_merged":
                return f"merges {wording.ids(content.merged_incident_ids)} into {content.incident_id}"
            case "claim_corrected":
                return f"corrects {self._target(taken)}"
            case "claim_assessed":
                return f"assesses {self._target(taken)}"
            case "preferred_claim_chosen":
                return f"prefers {self._target(taken)} among the claims of {content.incident_id}"
            case "payload_redacted":
                return (
                    f"redacts {self._target(taken)}, under the rule {content.rule}; it is gone and no longer shown"
                )
            case "claim_retracted":
                target = self._taken.get(taken.target)
                return f"{'undoes' if target and not target.is_claim else 'retracts'} {self._target(taken)}"
        return f"records a {taken.event.type}: {claim_summary(taken.event.claim)}"

    def _target(self, taken: Taken) -> str:
        """What an act acts on: its position, and what it is where that is not a claim that can be read."""
        target = self._taken.get(taken.target)
        if target is None:
            return f"the event {taken.target}"
        if target.is_claim:
            return str(target.event.position)
        return f"{target.event.position}, the {target.event.type} of {self.report(target.event.report_id)}"

    def _effects(self, step: Step) -> str:
        """What reads otherwise: of the act's target, and of other claims, together where it is the same."""
        taken = step.taken
        target = self._taken.get(taken.target)
        own, others = "", dict[str, list[int]]()
        for change in step.changes:
            found = differences(change.before, change.after)
            said = [_differs(part) for each in found for part in in_parts(each)]
            if target is not None and change.claim == target.event.position:
                own = "; ".join(each for each in said if each != _OBVIOUS.get(taken.body))
            else:
                others.setdefault("; ".join(said), []).append(change.claim)
        if not step.changes and taken.body in _ON_CLAIMS:
            own = "nothing reads otherwise by it"
        together = "".join(f" ({ranges(claims)}: {said})" for said, claims in others.items() if said)
        return (f": {own}" if own else "") + together


def ranges(positions: Iterable[int]) -> str:
    """Positions in rising order, those that follow each other as a range: `2, 5–9`."""
    runs: list[list[int]] = []
    for each in positions:
        if runs and runs[-1][1] == each - 1:
            runs[-1][1] = each
        else:
            runs.append([each, each])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


def _recorder(event: Any) -> Iterator[str]:
    """Who recorded it and with what, as far as its envelope says; the report may claim anybody else."""
    with_ = f"with {event.client}" if event.client else ""
    if event.recorder or with_:
        yield " ".join(part for part in (event.recorder, with_) if part)


def _why(taken: Taken) -> str:
    content: Any = taken.content
    match taken.body:
        case "claim_retracted" | "report_retracted":
            word = _REASONS[content.reason].replace("_", " ")
            return f"{word}, {content.note}" if content.note else word
        case "claim_assessed":
            return str(content.rationale)
        case "claim_corrected" | "incidents_merged" | "preferred_claim_chosen" | "payload_redacted":
            return str(content.reason)
    return ""


def _differs(difference: Difference) -> str:
    field, before, after = difference
    if field == "holds":
        return "holding again" if after and after.value else "no longer holding"
    was, now = before.words if before else "", after.words if after else ""
    if field == "about":
        return f"of {now} from here on, before of {was}"
    if field == "preferred_at":
        return "preferred no longer" if not now else "preferred anew" if was else "preferred"
    if before is None:
        return f"{field} stated: {now}"
    if after is None:
        return f"{field} no longer stated, was {was}"
    if isinstance(before.value, list) and isinstance(after.value, list):
        return _items(field, before.value, after.value)
    return f"{field} {was} → {now}"


def _items(field: str, before: list[Any], after: list[Any]) -> str:
    added = [str(each) for each in after if each not in before]
    removed = [str(each) for each in before if each not in after]
    parts = [f"added {wording.ids(added)}"] if added else []
    parts += [f"removed {wording.ids(removed)}"] if removed else []
    return f"{field}: {'; '.join(parts) or 'in another order'}"
