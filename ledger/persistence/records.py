"""What the store holds and takes: stored events, events to be appended, and the answer to an append.
Plain data; nothing here talks to a database."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from ledger.audit.tiles import TreeState


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class RawRecord(StoredRecord):
    """A stored event with the exact bytes that the tree binds."""

    envelope: bytes
    leaf: bytes
    salt: bytes


@dataclass(frozen=True)
class Head:
    """The newest commit of a ledger; size 0 and no time while it is empty."""

    size: int
    root: bytes
    committed_at: datetime | None


@dataclass(frozen=True)
class Tip:
    """A head with the Merkle tree that the next commit grows from."""

    size: int
    committed_at: datetime | None
    tree: TreeState


ANY_REVISION = -1
"""A stream that may have any revision."""
EXISTING_STREAM = -2
"""A stream that must exist, at whatever revision."""
MERGES = "merges/"
"""Among the streams decided on, it stands for all merges; its revision is the position of the newest one."""


class NewEvent(NamedTuple):
    """An event to be appended; the writer lane gives it its place."""

    stream: str
    type: str
    event_id: UUID
    payload: bytes
    revision: int | None = None
    """Only where the caller fixes it; None takes the next one."""
    redacts: UUID | None = None
    """The event whose payload goes with this one's commit."""


class Answer(Protocol):
    """Takes what came of a request, once, from any thread; InvalidStateError where it was answered before."""

    def set_result(self, appended: "Appended", /) -> None:
        """It is durable."""

    def set_exception(self, error: BaseException, /) -> None:
        """It is not recorded, or it is not known."""


@dataclass(slots=True, eq=False)
class AppendRequest:
    """Events that are appended together or not at all. `deadline` is in the clock of time.monotonic()."""

    report_id: str
    events: tuple[NewEvent, ...]
    deadline: float
    expected: Mapping[str, int] = field(default_factory=dict)
    """Streams and the revisions expected of them; 0 means that the stream must not exist."""
    decided: Mapping[str, int] = field(default_factory=dict)
    """Streams on which acts were decided, and the revisions seen. Only an act after those makes a decision void: a
    claim changes nothing that an act rests on, and a busy stream would else never take one."""
    recorder: str = ""
    client: str = ""
    """What the client called itself."""
    content_digest: str = ""
    mentions: frozenset[str] = frozenset()
    """Streams of which the answer tells whether they exist, at no further round trip."""
    answer: Answer = field(default_factory=lambda: Future[Appended]())
    size: int = field(init=False)
    """Bytes of payload."""

    def __post_init__(self) -> None:
        self.size = sum([len(event.payload) for event in self.events])


class Placed(NamedTuple):
    """Where one event stands."""

    event_id: str
    type: str
    stream: str
    revision: int
    position: int
    leaf: bytes


class Appended(NamedTuple):
    """The answer to an append, given only when it is durable."""

    events: tuple[Placed, ...]
    recorded_at: datetime
    tree_size: int
    root: bytes
    missing: frozenset[str] = frozenset()
    """Those of the mentioned streams that did not exist."""
    already_recorded: bool = False
