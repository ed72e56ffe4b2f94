"""The aggregates: what a stream's events add up to, as far as acts of the record depend on it.
A claim needs no state to be valid, so nothing here judges claims; an act is refused where it is not possible."""

from collections.abc import Iterable
from typing import Self
from uuid import UUID

from ledger.domain.acts import (
    ClaimAssessed,
    ClaimCorrected,
    ClaimRetracted,
    IncidentsMerged,
    PayloadRedacted,
    PreferredClaimChosen,
    ReportRetracted,
    TargetedAct,
)
from ledger.domain.agreements import CeasefireViolated
from ledger.domain.claim import AGREEMENTS, INCIDENTS, REPORTS, THREATS, Claim
from ledger.domain.recorded import Recorded
from ledger.errors import NotFoundError, NotPossibleError


class Stream:
    """The events of one stream. `id` and `version` are the library's words for stream and revision."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.version = 0
        self._events: dict[UUID, Recorded] = {}
        self._retractions: list[tuple[UUID, UUID]] = []
        self._redacted: set[UUID] = set()

    @classmethod
    def project(cls, initial: Self | None, events: Iterable[Recorded]) -> Self | None:
        """Folds recorded events, as the library's repository asks for it."""
        stream = initial
        for recorded in events:
            stream = stream or cls(recorded.originator_id)
            stream.apply(recorded)
        return stream

    def apply(self, recorded: Recorded) -> None:
        """Takes the next event."""
        self.version = recorded.originator_version
        self._events[recorded.event_id] = recorded
        match recorded.event:
            case ClaimRetracted(target_event_id=target):
                self._retractions.append((recorded.event_id, UUID(target)))
            case PayloadRedacted(target_event_id=target):
                self._redacted.add(UUID(target))
            case _:
                pass

    def holds(self, event_id: UUID) -> bool:
        """Whether nothing that itself holds has undone the event."""
        return event_id not in self._undone()

    def correct(self, act: ClaimCorrected) -> None:
        """Lets a claim be replaced by one of the same kind of subject."""
        claim = self._claim(act.target_event_id)
        if type(act.replacement).subject != type(claim).subject:
            raise NotPossibleError(
                why=f"a {claim.type} cannot become a {act.replacement.type}: retract it and file the other claim"
            )

    def retract(self, act: ClaimRetracted) -> None:
        """Lets a claim be retracted, or an act be undone."""
        target = self._target(act.target_event_id)
        if target.type in ("ReportFiled", "PayloadRedacted"):
            raise NotPossibleError(
                why=f"a {target.type} cannot be retracted; a whole report is, by ReportRetracted"
            )
        self._must_hold(target)
        if isinstance(target.event, ClaimRetracted) and self._is_redacted(target.event.target_event_id):
            raise NotPossibleError(why="what it retracted is redacted, so that nothing can be restored")

    def assess(self, act: ClaimAssessed) -> None:
        """Lets a claim be assessed."""
        claim = self._claim(act.target_event_id)
        if act.standing is not None and not isinstance(claim, CeasefireViolated):
            raise NotPossibleError(why=f"`standing` is of violations, and the target is a {claim.type}; drop it")

    def redact(self, act: PayloadRedacted) -> None:
        """Lets a payload be removed, once; that of an act only where the act does nothing any more, because what it
        did is lost with it."""
        target = self._target(act.target_event_id)
        if target.type == "PayloadRedacted":
            raise NotPossibleError(why="a redaction cannot itself be redacted; who did it and why stays on record")
        if target.event is None or target.event_id in self._redacted:
            raise NotPossibleError(why="the payload is redacted already")
        if self._does_something(target):
            raise NotPossibleError(
                why=f"the {target.type} {target.event_id} holds, and what it does would be lost with its payload: "
                "retract it, file it again without what must go, and redact it then; one report can hold all three"
            )

    def _does_something(self, target: Recorded) -> bool:
        """Whether it is an act that holds, on something that can still be read."""
        if target.type == "ReportFiled" or isinstance(target.event, Claim):
            return False
        on_what_is_gone = isinstance(target.event, TargetedAct) and self._is_redacted(target.event.target_event_id)
        return self.holds(target.event_id) and not on_what_is_gone

    def _is_redacted(self, event_id: str) -> bool:
        target = self._events.get(UUID(event_id))
        return UUID(event_id) in self._redacted or (target is not None and target.event is None)

    def _target(self, event_id: str) -> Recorded:
        target = self._events.get(UUID(event_id))
        if target is None:
            raise NotFoundError(kind="event", id=event_id)
        return target

    def _undone(self, *also: UUID) -> set[UUID]:
        """What does not hold, were these events undone as well."""
        undone = set(also)
        # Backwards: what undoes a retraction comes after it, so whether it holds is known when it is met.
        for retraction, target in reversed(self._retractions):
            if retraction not in undone:
                undone.add(target)
        return undone

    def _claim(self, event_id: str) -> Claim:
        """The claim as it reads now, if it can be acted on."""
        target = self._target(event_id)
        if target.event is None:
            raise NotPossibleError(why="the target's payload is redacted")
        if not isinstance(target.event, Claim):
            raise NotPossibleError(
                why=f"the target is a {target.type}, not a claim; name the claim itself by its first event id"
            )
        self._must_hold(target)
        return self._as_corrected(target.event_id, target.event)

    def _as_corrected(self, event_id: UUID, claim: Claim) -> Claim:
        undone = self._undone()
        for recorded in reversed(self._events.values()):
            match recorded.event:
                case ClaimCorrected(target_event_id=target, replacement=replacement):
                    if UUID(target) == event_id and recorded.event_id not in undone:
                        return replacement
        return claim

    def _must_hold(self, target: Recorded) -> None:
        if not self.holds(target.event_id):
            raise NotPossibleError(why=f"the {target.type} {target.event_id} is retracted already")


class Incident(Stream):
    """Something that happened in the world."""

    def choose(self, act: PreferredClaimChosen) -> str | None:
        """Lets one of the claims of this stream be preferred; gives the incident that it speaks of now."""
        return getattr(self._claim(act.preferred_event_id), "incident_id", None)

    def merges(self) -> list[IncidentsMerged]:
        """The merges into this incident that hold."""
        return self._merges_beyond(self._undone())

    def restored_merges(self, act: ClaimRetracted) -> list[IncidentsMerged]:
        """The merges that hold again once a retraction of theirs is retracted."""
        held = self.merges()
        return [each for each in self._merges_beyond(self._undone(UUID(act.target_event_id))) if each not in held]

    def _merges_beyond(self, undone: set[UUID]) -> list[IncidentsMerged]:
        events = [recorded.event for key, recorded in self._events.items() if key not in undone]
        return [event for event in events if isinstance(event, IncidentsMerged)]


class Agreement(Stream):
    """A ceasefire, memorandum, protocol or de-escalation zone."""


class Threat(Stream):
    """A conditional or dated announcement of force."""


class ReportRecord(Stream):
    """A report as recorded."""

    def retract_report(self, act: ReportRetracted) -> None:
        """Lets the report be retracted, unless it is."""
        for recorded in self._events.values():
            if isinstance(recorded.event, ReportRetracted) and self.holds(recorded.event_id):
                raise NotPossibleError(why=f"the report {act.target_report_id} is retracted already")


_AGGREGATES: dict[str, type[Stream]] = {
    INCIDENTS: Incident,
    AGREEMENTS: Agreement,
    THREATS: Threat,
    REPORTS: ReportRecord,
}


def aggregate_of(stream: str) -> type[Stream]:
    """The aggregate that a stream's events add up to."""
    return _AGGREGATES.get(stream[: stream.index("/") + 1], Stream)
