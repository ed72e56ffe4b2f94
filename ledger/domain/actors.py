"""The register of actors: neutral canonical ids, with the names that sources use. It judges nobody."""

from typing import Annotated, Literal

from pydantic import Field

from ledger.domain.claim import ACTORS, DomainEvent
from ledger.domain.codes import ActorKind
from ledger.domain.values import MAX_ITEMS, ExternalIds, SubjectId, Word


class ActorRegistered(DomainEvent):
    """A party under its canonical id; registered again, the later registration holds."""

    type: Literal["ActorRegistered"]
    subject = ACTORS
    subject_field = "actor_id"
    actor_id: SubjectId
    name: Annotated[Word, Field(min_length=1)]
    actor_kind: ActorKind
    aliases: Annotated[tuple[Word, ...], Field(max_length=MAX_ITEMS)] = ()
    external_ids: ExternalIds = ()
