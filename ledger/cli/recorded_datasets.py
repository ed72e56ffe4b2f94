"""What a ledger has recorded of a dataset, asked over the wire: its claims, its releases, the register of actors.
It reads the history itself, not a read model, so that nothing that was acknowledged can be missing."""

from collections.abc import Callable

from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.envelope import decode, type_and_report
from ledger.cli.session import Session
from ledger.datasets.entries import Dataset
from ledger.datasets.recorded import TYPES, Recorded
from ledger.datasets.register import Register
from ledger.domain.actors import ActorRegistered

REGISTERED = b"ActorRegistered"


def recorded(session: Session, dataset: Dataset, on_event: Callable[[], None]) -> tuple[Recorded, Register]:
    """Reads the history once."""
    known, register = Recorded(dataset), Register(dataset.scheme)
    request = messages.ReplayHistoryRequest(
        ledger=session.ledger,
        filter=records_pb2.EventFilter(types=TYPES),
        view=records_pb2.EVENT_VIEW_RAW,
    )
    own = dataset.name.encode()
    for batch in session.stub(LedgerServiceStub).ReplayHistory(request, timeout=session.timeout):
        for event in batch.events:
            kind, report_id = type_and_report(event.envelope)
            if kind == REGISTERED:
                if event.payload:
                    register.take(ActorRegistered.model_validate_json(event.payload))
            elif report_id.startswith(own):
                known.take(decode(event.envelope), event.payload)
            on_event()
    return known, register
