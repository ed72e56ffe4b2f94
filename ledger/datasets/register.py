"""The register of actors as a dataset's ids meet it: which actor an id is, and which are to be registered.
An actor that is registered already is found by the dataset's id, else by its name; nobody is registered twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.datasets.entries import Document, Seen, slug, tag
from ledger.domain.actors import ActorRegistered


@dataclass
class Register:
    """What is registered, and the actors of one dataset by the dataset's ids."""

    scheme: str
    actor_ids: dict[str, str] = field(default_factory=dict)
    """By the dataset's id."""
    by_name: list[tuple[Seen, str]] = field(default_factory=list)
    """Those found by name alone, with the actor that they were taken for."""
    _registered: set[str] = field(default_factory=set)
    _names: dict[str, set[str]] = field(default_factory=dict)

    def take(self, actor: ActorRegistered) -> None:
        """Takes note of a registration; the last of several of one actor holds."""
        self._registered.add(actor.actor_id)
        for external in actor.external_ids:
            if external.scheme == self.scheme:
                self.actor_ids[external.id] = actor.actor_id
        for name in (actor.name, *actor.aliases):
            self._names.setdefault(name.casefold(), set()).add(actor.actor_id)

    def newcomers(self, seen: Iterable[Seen]) -> list[Document]:
        """Registrations of the actors that are not known yet, in the order in which they were seen.

        Those whose kind is not known get an id and no registration; they come last, so that their ids do not depend
        on whether the others are registered already.
        """
        unknown = [each for each in seen if not self._is_known(each)]
        registrations = [self._registration(each) for each in unknown if each.kind]
        for each in unknown:
            # By its name it can be one of those that are new: the next import will find it so.
            if not each.kind and not self._is_known(each):
                self._take_id(each)
        return registrations

    def _is_known(self, seen: Seen) -> bool:
        if seen.external_id in self.actor_ids:
            return True
        named = self._names.get(seen.name.casefold(), set())
        if len(named) != 1:
            return False
        (actor_id,) = named
        self.actor_ids[seen.external_id] = actor_id
        self.by_name.append((seen, actor_id))
        return True

    def _registration(self, seen: Seen) -> Document:
        actor_id = self._take_id(seen)
        self._names.setdefault(seen.name.casefold(), set()).add(actor_id)
        return {
            "type": "ActorRegistered",
            "actor_id": actor_id,
            "name": seen.name,
            "actor_kind": seen.kind,
            "external_ids": [{"scheme": self.scheme, "id": seen.external_id}],
        }

    def _take_id(self, seen: Seen) -> str:
        actor_id = slug(seen.name)
        if not actor_id or actor_id in self._registered:
            actor_id = "-".join(part for part in (actor_id, self.scheme, tag(seen.external_id)) if part)
        self._registered.add(actor_id)
        self.actor_ids[seen.external_id] = actor_id
        return actor_id
