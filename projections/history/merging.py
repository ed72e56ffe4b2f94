"""Which incident another one turned out to be, at which position. Merged incidents form groups; a group goes by the
incident that others were last merged into. Pure functions; circles cannot arise, since a group has one name."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from ledger.domain.acts import IncidentsMerged
from projections.history.standing import Act, Standing


@dataclass(frozen=True, slots=True)
class Merge:
    """An incident that is another one, in a range of positions."""

    merged_incident_id: str
    incident_id: str
    held_from: int
    held_to: int | None


class Merges:
    """The merges of some incidents, to be asked by position."""

    def __init__(self, merges: Iterable[Merge]) -> None:
        self._merges: dict[str, list[Merge]] = defaultdict(list)
        for merge in merges:
            self._merges[merge.merged_incident_id].append(merge)

    def at(self, position: int, incident_id: str | None) -> str | None:
        """The incident that this one is as of a position."""
        for merge in self._merges.get(incident_id or "", ()):
            if merge.held_from <= position and (merge.held_to is None or position < merge.held_to):
                return merge.incident_id
        return incident_id

    def changes(self, incident_ids: Iterable[str]) -> set[int]:
        """The positions at which one of these became or ceased to be another."""
        merges = [merge for incident_id in incident_ids for merge in self._merges.get(incident_id, ())]
        ends = {merge.held_to for merge in merges if merge.held_to is not None}
        return {merge.held_from for merge in merges} | ends

    def __contains__(self, incident_id: str | None) -> bool:
        return incident_id in self._merges


def merges_of(acts: Sequence[Act]) -> list[Merge]:
    """All merges that follow from the acts of merging and their undoings, both in order of position."""
    standing, groups = Standing(), _Groups()
    done: list[Merge] = []
    open_since: dict[str, int] = {}
    for act in acts:
        standing.take(act)
        if act.type == "IncidentsMerged":
            before = groups.join(act)
        else:
            old, groups = groups, _Groups()
            for each in acts:
                if each.position < act.position and each.type == "IncidentsMerged" and standing.stands(each):
                    groups.join(each)
            before = old.difference(groups)
        for incident_id, was in before.items():
            if was is not None:
                done.append(Merge(incident_id, was, open_since.pop(incident_id), act.position))
            if incident_id in groups.names:
                open_since[incident_id] = act.position
    return done + [Merge(each, groups.names[each], since, None) for each, since in open_since.items()]


class _Groups:
    """Groups of incidents that are one; a group's own name has no entry in `names`."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def join(self, act: Act) -> dict[str, str | None]:
        """Join groups as the act says; answers what the incidents that changed were called before."""
        merged = cast(IncidentsMerged, act.event)
        name = self.names.get(merged.incident_id, merged.incident_id)
        before: dict[str, str | None] = {}
        for incident_id in merged.merged_incident_ids:
            joining = self.names.get(incident_id, incident_id)
            if joining == name:
                continue
            members = [joining, *self._members.pop(joining, ())]
            before |= {each: self.names.get(each) for each in members}
            self.names |= dict.fromkeys(members, name)
            self._members.setdefault(name, []).extend(members)
        return before

    def difference(self, new: "_Groups") -> dict[str, str | None]:
        """What the incidents that are called otherwise in the new groups were called in these."""
        known = sorted(self.names.keys() | new.names.keys())
        return {each: self.names.get(each) for each in known if self.names.get(each) != new.names.get(each)}
