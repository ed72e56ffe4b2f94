"""Decides a batch: which of the waiting requests are recorded, at which positions and revisions, as which bytes.
Pure: the stream heads are given, the rows are returned; each request fails alone and the rest goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
        placed = tuple(self._place(request, index) for index in range(len(request.events)))
        self._batch.accepted.append((request, placed))
        self._note_missing(request)

    def _note_missing(self, request: AppendRequest) -> None:
        missing = frozenset(stream for stream in request.mentions if stream not in self._heads)
        if missing:
            self._batch.missing[id(request)] = missing

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

    def _place(self, request: AppendRequest, index: int) -> Placed:
        event, rows = request.events[index], self._batch.rows
        position = self._batch.size_after + 1
        revision = self._heads.get(event.stream, 0) + 1 if event.revision is None else event.revision
        self._heads[event.stream] = revision
        if event.type in DECIDED_TYPES:
            self._acts[event.stream] = revision
        if event.type == "IncidentsMerged":
            self._acts[MERGES] = position
        salt = self._random(SALT_BYTES)
        envelope = encode(
            ledger=self._ledger,
            position=position,
            stream=event.stream,
            revision=revision,
            event_id=event.event_id,
            type=event.type,
            report_id=request.report_id,
            recorded_at=self._recorded_at,
            recorder=request.recorder,
            commitment=payload_commitment(salt, event.payload),
        )
        leaf = leaf_hash(envelope)
        rows.streams.append(event.stream)
        rows.revisions.append(revision)
        rows.event_ids.append(event.event_id)
        rows.types.append(event.type)
        rows.report_ids.append(request.report_id)
        rows.envelopes.append(envelope)
        rows.leaves.append(leaf)
        rows.salts.append(salt)
        rows.payloads.append(event.payload)
        if event.redacts is not None:
            self._batch.redactions.append((event.redacts, position))
        return Placed(event.event_id, event.type, event.stream, revision, position, leaf)


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
