"""The register of actors the other way round: of an actor's id, its name and its ids elsewhere. It registers
nobody, and names nobody who is not registered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.domain.actors import ActorRegistered
from ledger.domain.acts import ClaimRetracted
from ledger.domain.claim import DomainEvent
from ledger.domain.codes import ActorKind

UCDP = "ucdp"
STATES = "gw"
"""Gleditsch and Ward's list: who is in it is a state."""


class Recorded(NamedTuple):
    """An event of the register, in order of position."""

    event_id: str
    event: DomainEvent


@dataclass(frozen=True)
class NamedActor:
    """An actor as its latest registration names it."""

    name: str
    ids: Mapping[str, str] = field(default_factory=dict)
    """Its ids in registers of actors, by scheme; the first of several in one."""
    kind: ActorKind | None = None

    @property
    def is_state(self) -> bool:
        """Whether it is the government of a state."""
        return STATES in self.ids or self.kind is ActorKind.STATE_FORCES


def named_actors(events: Iterable[Recorded]) -> dict[str, NamedActor]:
    """The actors by their ids, of the latest registration that stands of each."""
    recorded = list(events)
    undone = _undone(recorded)
    return {
        each.event.actor_id: _named(each.event)
        for each in recorded
        if isinstance(each.event, ActorRegistered) and each.event_id not in undone
    }


def _undone(recorded: list[Recorded]) -> set[str]:
    undone: set[str] = set()
    # Backwards: what undoes a retraction comes after it, so whether it stands is known when it is met.
    for event_id, event in reversed(recorded):
        if isinstance(event, ClaimRetracted) and event_id not in undone:
            undone.add(event.target_event_id)
    return undone


def _named(registered: ActorRegistered) -> NamedActor:
    ids: dict[str, str] = {}
    for each in registered.external_ids:
        ids.setdefault(each.scheme, each.id)
    return NamedActor(registered.name, ids, registered.actor_kind)
