"""What the acts of a batch concern: claims, reports, actors, merges. Followed through acts on acts to the things
that these are about in the end, so that undoing an act concerns what the act concerned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ledger.domain.reports import ReportFiled
from ledger.persistence.records import StoredRecord
from projections.engine.projection import Connection
from projections.history.standing import Act
from projections.history.statements import COMMON


@dataclass
class Touched:
    """Ids of what must be computed anew; among the events are acts and claims that the read model does not take."""

    events: set[UUID] = field(default_factory=set)
    reports: set[str] = field(default_factory=set)
    actors: set[str] = field(default_factory=set)
    merges: bool = False

    def add_late(self, records: Sequence[StoredRecord]) -> None:
        """What comes late is itself to be computed anew: acts on it may have been taken before."""
        self.events |= {each.event_id for each in records}
        self.reports |= {each.report_id for each in records if each.topic == ReportFiled.__name__}

    @classmethod
    def by(cls, connection: Connection, acts: Sequence[Act]) -> "Touched":
        """What these acts, which are in the table already, concern."""
        touched = cls()
        if acts:
            rows = connection.execute(COMMON.targets, {"acts": [act.event_id for act in acts]})
            for kind, event_id, report_id, actor_id in rows:
                touched.events |= {event_id} if event_id else set()
                touched.reports |= {report_id} if report_id else set()
                touched.actors |= {actor_id} if kind == "ActorRegistered" else set()
                touched.merges |= kind == "IncidentsMerged"
        return touched
