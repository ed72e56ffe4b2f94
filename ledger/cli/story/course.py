"""The course of claims through the record: takes events in order of position and tells how each changes which
claim. What was redacted is taken as it reads today: without content, from its position on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.cli.story.forms import CLAIMS, Form, assessed, stated_about
from ledger.cli.story.standing import Groups, Standing, groups_of

INCIDENTS = "incidents/"
_GRADES = ("verification", "credibility", "standing")


class Change(NamedTuple):
    """A claim, by its position, reads otherwise; it had no form before its own event."""

    claim: int
    before: Form | None
    after: Form


@dataclass
class Taken:
    """An event with what it did."""

    event: Any
    target: str = ""
    """The event that it acts on, by id."""
    root: str = ""
    """The claim that it is about in the end, by id."""
    renamed: frozenset[str] = frozenset()
    """Incidents that are called otherwise from here on."""
    changes: list[Change] = field(default_factory=list)

    @property
    def body(self) -> str:
        """The kind of its content; empty where it is redacted."""
        return (self.event.claim.WhichOneof("body") or "") if self.event.HasField("claim") else ""

    @property
    def content(self) -> Any:
        """Its content; only where it has a body."""
        return getattr(self.event.claim, self.body)

    @property
    def is_claim(self) -> bool:
        """Whether it claims something of the world that can still be read."""
        return self.body in CLAIMS


@dataclass
class _Claim:
    event: Any
    acts: list[Taken] = field(default_factory=list)
    form: Form | None = None
    abouts: set[str] = field(default_factory=set)
    """Whatever it was said to be about."""


class Course:
    """All claims of some events."""

    def __init__(self) -> None:
        self.taken: dict[str, Taken] = {}
        self.claims: dict[str, _Claim] = {}
        self.groups = Groups()
        self.called: dict[str, set[str]] = defaultdict(set)
        """By incident, those that were merged into it at some time."""
        self._standing = Standing()
        self._merges: dict[str, Any] = {}
        self._of_report: dict[str, list[str]] = defaultdict(list)
        self._retractions: dict[str, list[str]] = defaultdict(list)
        self._stated: dict[str, set[str]] = defaultdict(set)

    def take(self, event: Any) -> Taken:
        """Take the next event."""
        taken = self.taken[event.event_id] = Taken(event)
        if taken.is_claim:
            taken.root = event.event_id
            self.claims[event.event_id] = _Claim(event)
            self._of_report[event.report_id].append(event.event_id)
            self._settle(taken, [event.event_id])
        elif taken.body:
            self._act(taken)
        return taken

    def holds(self, event_id: str) -> bool:
        """Whether an event that was taken stands: a claim in its form, anything else by itself."""
        claim = self.claims.get(event_id)
        return self._standing.stands(event_id) if claim is None else bool(claim.form and claim.form.holds)

    def report_holds(self, report_id: str) -> bool:
        """Whether no retraction of it stands."""
        return not any(map(self._standing.stands, self._retractions[report_id]))

    def name(self, stream: str) -> str:
        """The stream of the thing that this one is by now."""
        if not stream.startswith(INCIDENTS):
            return stream
        return INCIDENTS + self.groups.name(stream.removeprefix(INCIDENTS))

    def _act(self, taken: Taken) -> None:
        content, act = taken.content, taken.event.event_id
        target = getattr(content, "target_event_id", "") or getattr(content, "preferred_event_id", "")
        known = self.taken.get(target)
        taken.target = target
        if known is not None and known.body:
            taken.root = known.root
        touched = [taken.root] if taken.root else []
        if taken.root and taken.body != "payload_redacted":
            self.claims[taken.root].acts.append(taken)
        if taken.body == "report_retracted":
            self._retractions[content.target_report_id].append(act)
            touched += self._of_report[content.target_report_id]
        elif taken.body == "incidents_merged":
            self._merges[act] = content
            taken.renamed = frozenset(self.groups.merge(content.incident_id, content.merged_incident_ids))
        elif taken.body == "claim_retracted" and known is not None and known.body not in ("", "payload_redacted"):
            touched += self._turn(taken, self._standing.retract(act, target))
        for each in taken.renamed:
            self.called[self.groups.name(each)].add(each)
        self._settle(taken, [*touched, *self._stating(taken.renamed)])

    def _turn(self, taken: Taken, turned: Iterable[str]) -> list[str]:
        """What acts that stand now, or do so no longer, are about."""
        touched: list[str] = []
        for act in map(self.taken.__getitem__, turned):
            if act.root:
                touched.append(act.root)
            if act.body == "report_retracted":
                touched += self._of_report[act.content.target_report_id]
            elif act.body == "incidents_merged":
                old, self.groups = self.groups, groups_of(self._merges, self._standing)
                taken.renamed |= old.differing(self.groups)
        return touched

    def _stating(self, incidents: Iterable[str]) -> list[str]:
        return [claim for incident in incidents for claim in self._stated[INCIDENTS + incident]]

    def _settle(self, taken: Taken, touched: Iterable[str]) -> None:
        for event_id in dict.fromkeys(touched):
            claim = self.claims[event_id]
            before, after = claim.form, self._form(event_id, claim)
            if before != after:
                taken.changes.append(Change(claim.event.position, before, after))
                claim.form = after
                claim.abouts.add(after.about)
        taken.changes.sort(key=lambda change: change.claim)

    def _form(self, event_id: str, claim: _Claim) -> Form:
        content, position, preferred = claim.event.claim, claim.event.position, 0
        holds = self._standing.stands(event_id) and self.report_holds(claim.event.report_id)
        said: dict[str, int] = {}
        for act in claim.acts:
            if not self._standing.stands(act.event.event_id):
                continue
            if act.body == "claim_corrected":
                content, position = act.content.replacement, act.event.position
            elif act.body == "preferred_claim_chosen":
                preferred = act.event.position
            elif act.body == "claim_assessed":
                said |= {name: value for name in _GRADES if (value := getattr(act.content, name))}
        stated = stated_about(content)
        self._stated[stated].add(event_id)
        claim.abouts.add(stated)
        about = (
            INCIDENTS + self.groups.name(stated.removeprefix(INCIDENTS)) if stated.startswith(INCIDENTS) else stated
        )
        return Form(assessed(content, said), about, position, preferred, holds)
