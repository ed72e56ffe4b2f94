"""Checks all that is stored of a ledger, a page at a time: events against envelopes, envelopes against leaves,
leaves against tiles and commits. It stops at the first position that does not fit, and mends nothing."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from ledger.audit.envelope import Envelope, EnvelopeError, decode, format_recorded_at, payload_commitment
from ledger.audit.merkle import MerkleError, leaf_hash
from ledger.audit.tiles import TreeState
from ledger.errors import CorruptionError
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.queries import Queries
from ledger.persistence.records import Head, RawRecord
from ledger.persistence.tree import StoredTree

QUERIES = Queries("ledger.persistence", "checking.sql")
PAGE_EVENTS = 1_000


class Checked(NamedTuple):
    """How far a check is; the root is told at the end."""

    verified: int
    total: int
    root: bytes


class Check:
    """One check of what a ledger held when it began."""

    def __init__(self, log: EventLog, head: Head) -> None:
        self._log = log
        self._head = head
        self._stored = StoredTree(log)
        self._tree = TreeState()
        self.done = False

    def further(self, connection: Connection) -> Checked:
        """Check the next events; CorruptionError at the first position that does not fit."""
        if self._tree.size < self._head.size:
            self._page(connection)
        if self._tree.size == self._head.size:
            self._edges(connection)
            self.done = True
        root = self._tree.root() if self.done else b""
        return Checked(self._tree.size, self._head.size, root)

    def _page(self, connection: Connection) -> None:
        after = self._tree.size
        records = self._log.page(connection, after, self._head.size, PAGE_EVENTS, raw=True)
        through = records[-1].position if records else after
        if through == after:
            raise CorruptionError(position=after + 1, what="it is missing")
        bounds = {"after": after, "through": through}
        gone = {row[0] for row in connection.execute(self._query("redactions"), bounds)}
        for record in records:
            assert isinstance(record, RawRecord)
            _check_event(self._log.ledger, record, is_redacted=record.position in gone)
        commits = connection.execute(self._query("commits"), bounds).fetchall()
        self._check_tree(connection, [record.leaf for record in records if isinstance(record, RawRecord)], commits)

    def _check_tree(
        self, connection: Connection, leaves: Sequence[bytes], commits: Sequence[tuple[int, int, bytes]]
    ) -> None:
        """Grow the tree commit by commit; its tiles and roots must be those that are stored."""
        first, last = self._tree.size, self._tree.size + len(leaves)
        for before, size, root in commits:
            if before > self._tree.size or size <= self._tree.size:
                raise CorruptionError(position=self._tree.size + 1, what="no commit covers it")
            self._grow(connection, leaves[self._tree.size - first : min(size, last) - first])
            if self._tree.size == size and self._tree.root() != root:
                raise CorruptionError(position=size, what="the events up to it do not give the root of its commit")
        if self._tree.size != last:
            raise CorruptionError(position=self._tree.size + 1, what="no commit covers it")

    def _grow(self, connection: Connection, leaves: Sequence[bytes]) -> None:
        self._tree, made = self._tree.append(leaves)
        for tile in made:
            try:
                stored = self._stored.tile(connection, tile.level, tile.index)
            except MerkleError as error:
                raise CorruptionError(position=self._tree.size, what=str(error)) from error
            if stored != tile.hashes:
                what = f"tile {tile.index} of level {tile.level} does not hold what its events give"
                raise CorruptionError(position=self._tree.size, what=what)

    def _edges(self, connection: Connection) -> None:
        """Nothing stands before the first event, or after the last that was committed."""
        row = connection.execute(self._query("edges")).fetchone()
        first, last, size = row if row else (None, None, None)
        if first is not None and first < 1:
            raise CorruptionError(position=first, what="positions begin at 1")
        if (last or 0) > (size or 0):
            raise CorruptionError(position=last, what="no commit covers it")

    def _query(self, name: str) -> sql.Composed:
        return sql.SQL(getattr(QUERIES, name)).format(schema=sql.Identifier(self._log.schema))


def _check_event(ledger: str, record: RawRecord, *, is_redacted: bool) -> None:
    try:
        envelope = decode(record.envelope)
    except EnvelopeError as error:
        raise CorruptionError(position=record.position, what=f"its envelope cannot be read ({error})") from error
    if leaf_hash(record.envelope) != record.leaf:
        raise CorruptionError(position=record.position, what="its leaf is not the hash of its envelope")
    if envelope != _as_stored(ledger, record, envelope):
        raise CorruptionError(position=record.position, what="its columns do not say what its envelope says")
    if record.redacted and not is_redacted:
        raise CorruptionError(position=record.position, what="its payload is gone, and no redaction is recorded")
    if not record.redacted and is_redacted:
        raise CorruptionError(position=record.position, what="its payload is there although it was redacted")
    if not record.redacted and _commitment(record) != envelope.commitment:
        raise CorruptionError(position=record.position, what="its payload is not the one that was recorded")


def _as_stored(ledger: str, record: RawRecord, envelope: Envelope) -> Envelope:
    """The envelope that the columns would have; recorder and commitment have no column."""
    return Envelope(
        ledger=ledger,
        position=record.position,
        stream=record.stream,
        revision=record.originator_version,
        event_id=record.event_id,
        type=record.topic,
        report_id=record.report_id,
        recorded_at=format_recorded_at(record.recorded_at),
        recorder=envelope.recorder,
        commitment=envelope.commitment,
    )


def _commitment(record: RawRecord) -> str:
    try:
        return payload_commitment(record.salt, record.state)
    except EnvelopeError:
        return ""
