"""Which acts of the record stand, and which incident another one is, event by event. An act stands until a
retraction that stands names it; merged incidents form groups, and a group goes by the incident last merged into."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


class Standing:
    """Takes retractions in order of position."""

    def __init__(self) -> None:
        self._undoings: dict[str, int] = defaultdict(int)
        self._undoes: dict[str, str] = {}

    def stands(self, event_id: str) -> bool:
        """Whether nothing that stands undoes it."""
        return self._undoings[event_id] == 0

    def retract(self, event_id: str, target: str) -> list[str]:
        """Take a retraction; answers what stands now and did not before, or the other way round, in turn."""
        self._undoes[event_id] = target
        turned, change, undone = [], 1, target
        while undone:  # a loop: chains of undoing are as long as clients make them
            stood = self.stands(undone)
            self._undoings[undone] += change
            if self.stands(undone) == stood:
                break
            turned.append(undone)
            change = -1 if stood else 1
            undone = self._undoes.get(undone, "")
        return turned


class Groups:
    """What each incident is called, after merges."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def name(self, incident: str) -> str:
        """The incident that this one is by now."""
        return self._names.get(incident, incident)

    def merge(self, into: str, others: Iterable[str]) -> set[str]:
        """Whole groups take the other group's name; answers the incidents that are called otherwise now."""
        name, renamed = self.name(into), set[str]()
        for other in others:
            old = self.name(other)
            if old != name:
                members = [old, *self._members.pop(old, ())]
                self._names |= dict.fromkeys(members, name)
                self._members.setdefault(name, []).extend(members)
                renamed |= set(members)
        return renamed

    def differing(self, others: "Groups") -> set[str]:
        """The incidents that other groups call otherwise."""
        known = self._names.keys() | others._names.keys()
        return {each for each in known if self.name(each) != others.name(each)}


def groups_of(merges: Mapping[str, Any], standing: Standing) -> Groups:
    """The groups after the merges that stand, by event id and in order of position."""
    groups = Groups()
    for event_id, merged in merges.items():
        if standing.stands(event_id):
            groups.merge(merged.incident_id, merged.merged_incident_ids)
    return groups
