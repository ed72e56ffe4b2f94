"""Claims about the observation of ceasefires: where there are observers, and where they are kept away."""

from typing import Literal

from ledger.domain.claim import IncidentClaim
from ledger.domain.values import ActorId, ActorIds, Count, SubjectId, SubjectIds, Text, Word


class ObservationPostsEstablished(IncidentClaim):
    """Observation posts were established at the claim's place."""

    type: Literal["ObservationPostsEstablished"]
    incident_id: SubjectId
    established_by: ActorIds = ()
    count: Count | None = None
    agreement_ids: SubjectIds = ()
    process: Word = ""


class MonitoringRestricted(IncidentClaim):
    """Monitors were kept from observing."""

    type: Literal["MonitoringRestricted"]
    incident_id: SubjectId
    restricted_by: ActorIds = ()
    mission: ActorId | None = None
    agreement_ids: SubjectIds = ()
    restriction: Text = ""
