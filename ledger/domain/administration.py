"""What the service records of itself: what was done to ledgers, read models and keys, by whom. These events are in
a ledger of their own, `administration`, which the service alone writes; no report can hold one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from ledger.domain.claim import DomainEvent
from ledger.domain.codes import ProjectionOperation, RebuildResult
from ledger.domain.hostilities import EventId
from ledger.domain.values import Address, Sha256, Text, Word

ADMINISTRATION = "administration"
"""The ledger that holds them."""
MAX_KEYS = 100

LedgerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Position = Annotated[int, Field(ge=0, le=2**63 - 1)]


class OfALedger(DomainEvent):
    """What concerns one ledger."""

    subject = "ledgers/"
    subject_field = "ledger"
    ledger: LedgerName


class LedgerCreated(OfALedger):
    """A ledger was created. The first event of its stream."""

    type: Literal["LedgerCreated"]
    size: Position = 0
    """Events that it had when this was recorded; more than 0 where it is older than that."""


class ProjectionOperated(OfALedger):
    """Somebody asked for something to be done with a read model, and it was begun or done."""

    type: Literal["ProjectionOperated"]
    projection: Word
    operation: ProjectionOperation
    generation: Position = 0
    """The generation that is built, dropped or meant; 0 where none is named."""
    at_position: Position = 0
    """Where a frozen generation ends."""


class RebuildEnded(OfALedger):
    """A build of a read model is over, whoever or whatever asked for it."""

    type: Literal["RebuildEnded"]
    projection: Word
    operation: ProjectionOperation
    generation: Position
    result: RebuildResult
    position: Position = 0
    """Up to which it had taken events."""
    state_digest: Address = ""
    """Of what was built, in hexadecimal; empty where it was not stated."""
    replaced_digest: Address = ""
    """Of what it was compared with, at the same position."""
    error: Text = ""
    ended_at: AwareDatetime


class PayloadErased(OfALedger):
    """The payload of an event was erased, as a PayloadRedacted in its ledger says: that one names who, why and by
    which rule."""

    type: Literal["PayloadErased"]
    target_position: Position
    target_event_id: EventId
    act_position: Position
    """Of the PayloadRedacted."""


class RollbackAccepted(OfALedger):
    """An operator let a ledger go on that does not continue the last checkpoint issued of it."""

    type: Literal["RollbackAccepted"]
    issued_size: Position = 0
    """Of the checkpoint that is not continued, if one was issued."""
    issued_root: Sha256 | None = None
    size: Position
    """Events that the ledger had: what was accepted."""
    accepted_at: AwareDatetime


class SigningKeysChanged(DomainEvent):
    """Other keys sign checkpoints from here on; the first ones, too."""

    type: Literal["SigningKeysChanged"]
    subject = "installations/"
    subject_field = "installation"
    installation: Address
    """The name of the keys, of which the origin of each ledger is made."""
    verifier_keys: Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_KEYS)]
    """Those of the installation, `NAME+ID+KEY`."""


AdministrativeEvent = (
    LedgerCreated | ProjectionOperated | RebuildEnded | PayloadErased | RollbackAccepted | SigningKeysChanged
)
ADMINISTRATIVE_TYPES: Mapping[str, type[DomainEvent]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            LedgerCreated,
            ProjectionOperated,
            RebuildEnded,
            PayloadErased,
            RollbackAccepted,
            SigningKeysChanged,
        )
    }
)
"""Every type by name."""
