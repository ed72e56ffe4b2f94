"""Claims of the use of force and of its answers. They say what happened; how many it cost is claimed apart."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ledger.domain.claim import IncidentClaim
from ledger.domain.values import MAX_ITEMS, ActorIds, Count, SubjectId, Text, Value, Word

EventId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class ActReference(Value):
    """What an act answers, carries out or violates: either an incident or one recorded event."""

    incident_id: SubjectId | None = None
    event_id: EventId | None = None

    @model_validator(mode="after")
    def _one_act(self) -> Self:
        if (self.incident_id is None) == (self.event_id is None):
            raise ValueError("refers to one act; give `incident_id` or `event_id`")
        return self


ActReferences = Annotated[tuple[ActReference, ...], Field(max_length=MAX_ITEMS)]


class AttackReported(IncidentClaim):
    """Force was used."""

    type: Literal["AttackReported"]
    incident_id: SubjectId
    attackers: ActorIds = ()
    targets: ActorIds = ()
    means: Word = ""
    targets_struck: Count | None = None


class Retaliation(IncidentClaim):
    """Force was used in answer to earlier acts."""

    type: Literal["Retaliation"]
    incident_id: SubjectId
    attackers: ActorIds = ()
    targets: ActorIds = ()
    answers: ActReferences = ()
    means: Word = ""
    targets_struck: Count | None = None


class OffensiveReported(IncidentClaim):
    """An offensive or advance."""

    type: Literal["OffensiveReported"]
    incident_id: SubjectId
    attackers: ActorIds = ()
    backers: ActorIds = ()
    targets: ActorIds = ()
    course: Text = ""


class TerritoryTaken(IncidentClaim):
    """Territory changed hands; which, is the claim's place."""

    type: Literal["TerritoryTaken"]
    incident_id: SubjectId
    taken_by: ActorIds = ()
    taken_from: ActorIds = ()
