"""The aggregates: what a stream's events add up to, as far as acts of the record depend on it.
A claim needs no state to be valid, so nothing here judges claims; an act is refused where it is not possible."""

from collections.abc import Iterable
from typing import Self
from uuid import UUID

from ledger.domain.acts import (
    ClaimAssessed,
    ClaimCorrected,
    ClaimRetracted,
    PayloadRedacted,
    PreferredClaimChosen,
    ReportRetracted,
)
from ledger.domain.agreements import CeasefireViolated
from ledger.domain.claim import AGREEMENTS, INCIDENTS, REPORTS, THREATS, Claim, DomainEvent
from ledger.domain.recorded import Recorded
from ledger.errors import NotFoundError, NotPossibleError


class Stream:
    """The events of one stream. `id` and `version` are the library's words for stream and revision."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.version = 0
        self._events: dict[UUID, Recorded] = {}
        self._retracted_by: dict[UUID, UUID] = {}
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
                self._retracted_by[UUID(target)] = recorded.event_id
            case PayloadRedacted(target_event_id=target):
                self._redacted.add(UUID(target))
            case _:
                pass

    def holds(self, event_id: UUID) -> bool:
        """Whether nothing has undone the event; what undoes it can itself be undone."""
        undone_by = self._retracted_by.get(event_id)
        return undone_by is None or not self.holds(undone_by)

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

    def assess(self, act: ClaimAssessed) -> None:
        """Lets a claim be assessed."""
        claim = self._claim(act.target_event_id)
        if act.standing is not None and not isinstance(claim, CeasefireViolated):
            raise NotPossibleError(why=f"`standing` is of violations, and the target is a {claim.type}; drop it")

    def redact(self, act: PayloadRedacted) -> None:
        """Lets a payload be removed, once."""
        target = self._target(act.target_event_id)
        if target.type == "PayloadRedacted":
            raise NotPossibleError(why="a redaction cannot itself be redacted; who did it and why stays on record")
        if target.event is None or target.event_id in self._redacted:
            raise NotPossibleError(why="the payload is redacted already")

    def _target(self, event_id: str) -> Recorded:
        target = self._events.get(UUID(event_id))
        if target is None:
            raise NotFoundError(kind="event", id=event_id)
        return target

    def _claim(self, event_id: str) -> DomainEvent:
        target = self._target(event_id)
        if target.event is None:
            raise NotPossibleError(why="the target's payload is redacted")
        if not isinstance(target.event, Claim):
            raise NotPossibleError(
                why=f"the target is a {target.type}, not a claim; name the claim itself by its first event id"
            )
        self._must_hold(target)
        return target.event

    def _must_hold(self, target: Recorded) -> None:
        if not self.holds(target.event_id):
            raise NotPossibleError(why=f"the {target.type} {target.event_id} is retracted already")


class Incident(Stream):
    """Something that happened in the world."""

    def choose(self, act: PreferredClaimChosen) -> None:
        """Lets one of the incident's claims be preferred."""
        self._claim(act.preferred_event_id)


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
