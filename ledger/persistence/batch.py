"""Decides a batch: which of the waiting requests are recorded, at which positions and revisions, as which bytes.
Pure: the stream heads are given, the rows are returned; each request fails alone and the rest goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, islice
from types import MappingProxyType
from uuid import UUID

from ledger.audit.envelope import SALT_BYTES, encode, format_recorded_at, payload_commitment
from ledger.audit.merkle import leaf_hash
from ledger.audit.tiles import Tile, TreeState
from ledger.domain.claim import REPORTS
from ledger.domain.reports import DECIDED_TYPES
from ledger.errors import LedgerError, RevisionConflictError, RevisionMismatch
from ledger.persistence.records import (
    EXISTING_STREAM,
    MERGES,
    AppendRequest,
    NewEvent,
    Placed,
    Tip,
)

TICK = timedelta(microseconds=1)


@dataclass
class Rows:
    """The columns of the events to insert."""

    streams: list[str] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)
    event_ids: list[UUID] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    report_ids: list[str] = field(default_factory=list)
    envelopes: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)


@dataclass
class Batch:
    """What one commit records, and for whom. Sent again unchanged when its outcome is unknown."""

    size_before: int
    recorded_at: datetime
    rows: Rows = field(default_factory=Rows)
    accepted: list[tuple[AppendRequest, tuple[Placed, ...]]] = field(default_factory=list)
    missing: dict[int, frozenset[str]] = field(default_factory=dict)
    """By id() of the request, the mentioned streams that do not exist: one report can be in a batch twice."""
    refused: list[tuple[AppendRequest, LedgerError]] = field(default_factory=list)
    repeated: list[AppendRequest] = field(default_factory=list)
    """Requests whose report is recorded already, or is recorded by this very batch: to be looked up."""
    redactions: list[tuple[UUID, int]] = field(default_factory=list)
    """Target event and position of the act."""
    tree: TreeState = field(default_factory=TreeState)
    tiles: list[Tile] = field(default_factory=list)
    root: bytes = b""

    @property
    def size_after(self) -> int:
        """Size of the ledger once the batch is committed."""
        return self.size_before + len(self.rows.streams)


def decide(
    ledger: str,
    tip: Tip,
    heads: Mapping[str, int],
    requests: Sequence[AppendRequest],
    now: datetime,
    random: Callable[[int], bytes],
    acts: Mapping[str, int] = MappingProxyType({}),
) -> Batch:
    """Places the requests after the tip. `heads` has the revision of each stream asked for that exists, `acts` that
    of the newest act on streams on which a request's acts were decided."""
    # Strictly later than the last commit, so that a recorded time always names one state of the ledger.
    recorded_at = now if tip.committed_at is None else max(now, tip.committed_at + TICK)
    batch = Batch(size_before=tip.size, recorded_at=recorded_at)
    placing = _Placing(ledger, batch, dict(heads), dict(acts), random)
    for request in requests:
        placing.take(request)
    placing.seal()
    batch.tree, batch.tiles = tip.tree.append(batch.rows.leaves)
    batch.root = batch.tree.root()
    return batch


class _Placing:
    def __init__(
        self,
        ledger: str,
        batch: Batch,
        heads: dict[str, int],
        acts: dict[str, int],
        random: Callable[[int], bytes],
    ) -> None:
        self._ledger = ledger
        self._batch = batch
        self._heads = heads
        self._acts = acts
        self._random = random
        self._taken: list[AppendRequest] = []
        self._places: list[tuple[AppendRequest, NewEvent, int]] = []
        """Request, event and revision, in order of position."""
        self._recorded_at = format_recorded_at(batch.recorded_at)

    def take(self, request: AppendRequest) -> None:
        if request.report_id and self._heads.get(REPORTS + request.report_id):
            self._batch.repeated.append(request)
            self._note_missing(request)
            return
        mismatches = self._mismatches(request)
        if mismatches:
            self._batch.refused.append((request, RevisionConflictError(mismatches)))
            return
        for event in request.events:
            self._places.append((request, event, self._place(event)))
        self._taken.append(request)
        self._note_missing(request)

    def _note_missing(self, request: AppendRequest) -> None:
        # Not as a difference of sets: that would go through the heads of all other requests.
        missing = [stream for stream in request.mentions if stream not in self._heads]
        if missing:
            self._batch.missing[id(request)] = frozenset(missing)

    def _mismatches(self, request: AppendRequest) -> list[RevisionMismatch]:
        found = []
        for stream, expected in request.expected.items():
            actual = self._heads.get(stream, 0)
            if expected == EXISTING_STREAM and stream not in self._heads:
                found.append(RevisionMismatch(stream, "stream exists", 0))
            elif expected >= 0 and expected != actual:
                found.append(RevisionMismatch(stream, str(expected) if expected else "no stream", actual))
        for stream, seen in request.decided.items():
            newest = self._acts.get(stream, 0)
            if newest > seen:
                found.append(RevisionMismatch(stream, str(seen), newest))
        return found + self._fixed_revision_mismatches(request)

    def _fixed_revision_mismatches(self, request: AppendRequest) -> list[RevisionMismatch]:
        """Revisions that the caller fixed must follow what is there; a new stream begins at will."""
        found = []
        next_revision: dict[str, int] = {}
        for event in request.events:
            if event.revision is None:
                continue
            head = self._heads.get(event.stream)
            due = next_revision.get(event.stream, event.revision if head is None else head + 1)
            if event.revision != due:
                found.append(RevisionMismatch(event.stream, str(event.revision - 1), due - 1))
            next_revision[event.stream] = event.revision + 1
        return found

    def _place(self, event: NewEvent) -> int:
        """The revision that the event gets; acts are noted for those decided after them."""
        revision = self._heads.get(event.stream, 0) + 1 if event.revision is None else event.revision
        self._heads[event.stream] = revision
        position = self._batch.size_before + len(self._places) + 1
        if event.type in DECIDED_TYPES:
            self._acts[event.stream] = revision
        if event.type == "IncidentsMerged":
            self._acts[MERGES] = position
        if event.redacts is not None:
            self._batch.redactions.append((event.redacts, position))
        return revision

    def seal(self) -> None:
        """Makes the rows, in steps over all events, and tells each request where its events are."""
        rows, places = self._batch.rows, self._places
        events = [event for _, event, _ in places]
        rows.streams = [event.stream for event in events]
        rows.revisions = [revision for _, _, revision in places]
        rows.event_ids = [event.event_id for event in events]
        rows.types = [event.type for event in events]
        rows.report_ids = [request.report_id for request, _, _ in places]
        rows.payloads = [event.payload for event in events]
        # One call to the system for all: each gives up the interpreter, and gets it back after whatever else runs.
        random = self._random(SALT_BYTES * len(events))
        rows.salts = [random[start : start + SALT_BYTES] for start in range(0, len(random), SALT_BYTES)]
        commitments = map(payload_commitment, rows.salts, rows.payloads)
        positions = count(self._batch.size_before + 1)
        ids = list(map(str, rows.event_ids))
        rows.envelopes = list(map(self._envelope, positions, places, ids, commitments))
        rows.leaves = [leaf_hash(envelope) for envelope in rows.envelopes]
        positions = count(self._batch.size_before + 1)
        placed = map(Placed, ids, rows.types, rows.streams, rows.revisions, positions, rows.leaves)
        self._batch.accepted = [(request, tuple(islice(placed, len(request.events)))) for request in self._taken]

    def _envelope(
        self, position: int, place: tuple[AppendRequest, NewEvent, int], event_id: str, commitment: str
    ) -> bytes:
        request, event, revision = place
        return encode(
            ledger=self._ledger,
            position=position,
            stream=event.stream,
            revision=revision,
            event_id=event_id,
            type=event.type,
            report_id=request.report_id,
            recorded_at=self._recorded_at,
            recorder=request.recorder,
            commitment=commitment,
            client=request.client,
        )


def decisions_of(requests: Sequence[AppendRequest]) -> dict[str, int]:
    """Every stream on which acts were decided, and the oldest revision that one of them saw."""
    found: dict[str, int] = {}
    for request in requests:
        for stream, seen in request.decided.items():
            found[stream] = min(seen, found.get(stream, seen))
    return found


def streams_of(requests: Sequence[AppendRequest]) -> list[str]:
    """Every stream whose head the decision needs."""
    streams = {event.stream for request in requests for event in request.events}
    streams.update(stream for request in requests for stream in request.expected)
    streams.update(REPORTS + request.report_id for request in requests if request.report_id)
    streams.update(stream for request in requests for stream in request.mentions)
    return sorted(streams)
