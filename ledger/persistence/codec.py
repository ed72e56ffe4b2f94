"""Between domain events and stored bytes, as the library's mapper. The stored bytes are the payload and nothing
else; what the event's type was called and where it stands is told by its row."""

from typing import cast
from uuid import UUID, uuid4

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent
from pydantic import ValidationError

from ledger.domain.recorded import Recorded
from ledger.domain.reports import event_from_payload
from ledger.persistence.records import StoredRecord


class LedgerMapper(Mapper[str]):
    """The library's mapper for recorded domain events."""

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The payload is the event's own compact JSON."""
        recorded = cast(Recorded, domain_event)
        assert recorded.event is not None
        return StoredEvent(
            originator_id=recorded.originator_id,
            originator_version=recorded.originator_version,
            topic=recorded.type,
            state=recorded.event.to_payload(),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """Decodes a stored event; MapperDeserialisationError names the one that cannot be read."""
        redacted = isinstance(stored_event, StoredRecord) and stored_event.redacted
        try:
            event = None if redacted else event_from_payload(stored_event.topic, stored_event.state)
        except (KeyError, ValidationError) as error:
            stream, revision = stored_event.originator_id, stored_event.originator_version
            raise MapperDeserialisationError(f"{stored_event.topic} {stream} {revision}: {error}") from error
        return Recorded(
            originator_id=str(stored_event.originator_id),
            originator_version=stored_event.originator_version,
            event_id=event_id(stored_event),
            type=stored_event.topic,
            event=event,
        )


def event_id(stored_event: StoredEvent) -> UUID:
    """The recorded id; one that came without (through the library's own interface) gets a random one."""
    return stored_event.event_id if isinstance(stored_event, StoredRecord) else uuid4()
