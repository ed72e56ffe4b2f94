"""Reads a ledger straight from its tables and checks what it promises of itself, with a Merkle tree of its own.
Of the service only the loader of .sql files: what it computes wrongly must not be checked by the same code."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.persistence.queries import Queries

QUERIES = Queries("campaigns", "record.sql")
FORMAT = "incident-ledger/event/v2"
TILE_WIDTH = 256
MAX_FAULTS = 20
"""Of each kind: the first ones tell what is wrong."""


@dataclass(frozen=True)
class Commit:
    """A row of commits."""

    size_before: int
    size_after: int
    root: bytes
    committed_at: datetime


@dataclass(frozen=True)
class Event:
    """A row of events."""

    position: int
    stream: str
    revision: int
    event_id: UUID
    type: str
    report_id: str
    recorded_at: datetime
    envelope: bytes
    leaf: bytes
    salt: bytes | None
    payload: bytes | None


@dataclass(frozen=True)
class Record:
    """All that one ledger holds."""

    ledger: str
    commits: list[Commit]
    events: list[Event]
    tiles: dict[tuple[int, int], bytes]


def read(url: str, ledger: str = "main") -> Record:
    """Everything in one snapshot."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        commits, events, tiles = (_rows(connection, name, ledger) for name in ("commits", "events", "tiles"))
    return Record(
        ledger,
        [Commit(*row) for row in commits],
        [Event(*row) for row in events],
        {(level, index): hashes for level, index, hashes in tiles},
    )


def _rows(connection: psycopg.Connection[TupleRow], name: str, ledger: str) -> list[TupleRow]:
    query = sql.SQL(getattr(QUERIES, name)).format(schema=sql.Identifier(f"ledger_{ledger}"))
    return connection.execute(query, binary=True).fetchall()


def faults(record: Record) -> list[str]:
    """Every promise that the tables break; none is the only good answer."""
    checks = (order, chain, streams, identities, envelopes, roots, tiles, wholeness)
    return [fault for check in checks for fault in _first(f"{check.__name__}: {each}" for each in check(record))]


def order(record: Record) -> Iterator[str]:
    """Positions are 1..n without a gap."""
    for expected, event in enumerate(record.events, 1):
        if event.position != expected:
            yield f"position {expected} is missing, {event.position} is there"
            return


def chain(record: Record) -> Iterator[str]:
    """Commits follow one another, later in time each, and every event is recorded by the commit that covers it."""
    if record.commits and record.commits[0].size_before != 0:
        yield "the first commit does not begin at 0"
    for before, after in pairwise(record.commits):
        if before.size_after != after.size_before:
            yield f"a commit ends at {before.size_after}, the next begins at {after.size_before}"
        if before.committed_at >= after.committed_at:
            yield f"the commit after {after.size_before} is not later than the one before it"
    if (record.commits[-1].size_after if record.commits else 0) != len(record.events):
        yield f"the commits do not end at the number of events, {len(record.events)}"
    for commit in record.commits:
        for event in record.events[commit.size_before : commit.size_after]:
            if event.recorded_at != commit.committed_at:
                yield f"event {event.position} and its commit have different times"


def streams(record: Record) -> Iterator[str]:
    """The revisions of every stream are 1..n in the order of the ledger."""
    last: dict[str, int] = defaultdict(int)
    for event in record.events:
        if event.revision != last[event.stream] + 1:
            yield f"{event.stream} goes from revision {last[event.stream]} to {event.revision}"
        last[event.stream] = event.revision


def identities(record: Record) -> Iterator[str]:
    """No event id is used twice."""
    counts = Counter(event.event_id for event in record.events)
    yield from (f"event id {event_id} is there {count} times" for event_id, count in counts.items() if count > 1)


def envelopes(record: Record) -> Iterator[str]:
    """Each envelope says what its row says, binds the payload, and has the stated leaf hash."""
    redacted = {
        json.loads(event.payload)["target_event_id"]
        for event in record.events
        if event.type == "PayloadRedacted" and event.payload is not None
    }
    for event in record.events:
        lines = event.envelope.decode().split("\n")
        said = [
            FORMAT,
            record.ledger,
            str(event.position),
            event.stream,
            str(event.revision),
            str(event.event_id),
            event.type,
            event.report_id,
            f"{event.recorded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
        ]
        if lines[:9] != said or len(lines) != 13 or lines[12] != "":
            yield f"the envelope of {event.position} disagrees with its row"
        if sha256(b"\x00" + event.envelope).digest() != event.leaf:
            yield f"the leaf of {event.position} is not the hash of its envelope"
        if event.salt is None or event.payload is None:
            if str(event.event_id) not in redacted:
                yield f"the payload of {event.position} is gone, and nothing redacted it"
        elif str(event.event_id) in redacted:
            yield f"the payload of {event.position} is there although it was redacted"
        elif sha256(event.salt + event.payload).hexdigest() != lines[11]:
            yield f"the payload of {event.position} is not what its envelope binds"


class Tree:
    """RFC 6962, written as simply as it can be: a stack of full subtrees."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, bytes]] = []
        self.full: dict[tuple[int, int], bytes] = {}
        """Roots of full subtrees by height and index."""
        self._size = 0

    def add(self, entry: bytes) -> None:
        """One more leaf."""
        height, node = 0, sha256(b"\x00" + entry).digest()
        self._size += 1
        self.full[0, self._size - 1] = node
        while self._stack and self._stack[-1][0] == height:
            node = sha256(b"\x01" + self._stack.pop()[1] + node).digest()
            height += 1
            self.full[height, (self._size >> height) - 1] = node
        self._stack.append((height, node))

    def root(self) -> bytes:
        """The root over all leaves."""
        if not self._stack:
            return sha256(b"").digest()
        *rest, (_, root) = self._stack
        for _, left in reversed(rest):
            root = sha256(b"\x01" + left + root).digest()
        return root


def roots(record: Record) -> Iterator[str]:
    """The root of every commit follows from the stored envelopes up to it."""
    tree = Tree()
    for commit in record.commits:
        for event in record.events[commit.size_before : commit.size_after]:
            tree.add(event.envelope)
        if tree.root() != commit.root:
            yield f"the root at size {commit.size_after} does not follow from the envelopes"


def tiles(record: Record) -> Iterator[str]:
    """Every full tile is there and holds what follows from the envelopes; there are no others."""
    tree = Tree()
    for event in record.events:
        tree.add(event.envelope)
    level, hashes, expected = 0, len(record.events), {}
    while hashes >= TILE_WIDTH:
        for index in range(hashes // TILE_WIDTH):
            nodes = range(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
            expected[level, index] = b"".join(tree.full[level * 8, node] for node in nodes)
        level, hashes = level + 1, hashes // TILE_WIDTH
    for place in sorted(expected.keys() | record.tiles.keys()):
        if expected.get(place) != record.tiles.get(place):
            yield f"tile {place} is not what it should be"


def wholeness(record: Record) -> Iterator[str]:
    """Every report is there once and whole: its filing, then as many claims as the filing says, in one commit."""
    by_report: dict[str, list[Event]] = defaultdict(list)
    for event in record.events:
        by_report[event.report_id].append(event)
    commit_of = {
        position: number
        for number, commit in enumerate(record.commits)
        for position in range(commit.size_before + 1, commit.size_after + 1)
    }
    for report_id, found in by_report.items():
        filing = found[0]
        positions = [event.position for event in found]
        if filing.type != "ReportFiled" or sum(event.type == "ReportFiled" for event in found) != 1:
            yield f"report {report_id} is filed more than once, or not first"
        elif filing.payload and json.loads(filing.payload).get("claim_count") != len(found) - 1:
            yield f"report {report_id} has {len(found) - 1} claims, and its filing says another number"
        if positions != list(range(positions[0], positions[0] + len(found))):
            yield f"report {report_id} is not in one piece"
        if len({commit_of.get(position) for position in positions}) != 1:
            yield f"report {report_id} is spread over commits"


def _first(found: Iterator[str]) -> Sequence[str]:
    kept = [fault for _, fault in zip(range(MAX_FAULTS + 1), found, strict=False)]
    return [*kept[:MAX_FAULTS], "… and more"] if len(kept) > MAX_FAULTS else kept
