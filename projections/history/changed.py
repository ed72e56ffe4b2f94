"""What the fold of a batch changed, for a read model that keeps something made of claims: which incidents and which
claims must be looked at again. It names more than strictly changed, never less."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID


@dataclass
class Changed:
    """Ids of what has other rows than before the batch; everything is now as of `position`."""

    position: int
    incidents: set[str] = field(default_factory=set)
    """Of the rows that came and of those that went, after merges."""
    claims: set[UUID] = field(default_factory=set)
    """Claims that are of no incident."""
    actors: set[str] = field(default_factory=set)
    """Actors whose registration changed."""

    def take(self, rows: Iterable[tuple[UUID, str | None]]) -> None:
        """Take note of rows of claims, each by its claim and its incident."""
        for event_id, incident_id in rows:
            if incident_id is None:
                self.claims.add(event_id)
            else:
                self.incidents.add(incident_id)
