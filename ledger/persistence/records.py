"""What the store holds and takes: one dataclass for a stored event, one for an event to be appended.
Plain data; nothing here talks to a database."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import StoredEvent


@dataclass(frozen=True, slots=True)
class StoredRecord(StoredEvent):
    """A stored event with its place in the ledger. In the library's words, `originator_id` is the stream,
    `originator_version` the revision, `topic` the type's name and `state` the payload (empty where redacted)."""

    position: int
    event_id: UUID
    report_id: str
    recorded_at: datetime
    redacted: bool

    @property
    def stream(self) -> str:
        """The stream, for example `incidents/idlib-2020-02-10`."""
        return str(self.originator_id)


@dataclass(frozen=True, slots=True)
class RawRecord(StoredRecord):
    """A stored event with the exact bytes that the tree binds."""

    envelope: bytes
    leaf: bytes
    salt: bytes
