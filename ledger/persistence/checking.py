"""Checks all that is stored of a ledger, a page at a time: events against envelopes, envelopes against leaves,
leaves against tiles and commits, payloads against redactions. It stops at what does not fit, and mends nothing."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.audit.envelope import Envelope, EnvelopeError, decode, format_recorded_at, payload_commitment
from ledger.audit.merkle import MerkleError, ProofError, leaf_hash
from ledger.audit.replayed import REDACTION, redacted_event
from ledger.audit.tiles import TreeState, load, tail_start, tile_count
from ledger.errors import CorruptionError
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.queries import Queries
from ledger.persistence.records import Head, RawRecord, StoredRecord
from ledger.persistence.tree import StoredTree

QUERIES = Queries("ledger.persistence", "checking.sql")
PAGE_EVENTS = 1_000
MAX_REMEMBERED = 10_000
"""Redactions and events without payload that a memo holds; a check with more of them begins anew."""


class Memo(NamedTuple):
    """Where a check was: what is needed to go on with it later."""

    size: int
    root: str
    """Hexadecimal: the tree that goes on has to be this one."""
    committed: int
    gone: dict[str, int]
    acts: dict[str, int]


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
        self._committed = 0
        """The size after the last commit that is complete."""
        self._gone: dict[str, int] = {}
        """Positions of events without payload, by event id."""
        self._acts: dict[str, int] = {}
        """Positions of the events that say whose payload was removed, by that event's id."""
        self.done = False

    @property
    def verified(self) -> int:
        """Events checked so far."""
        return self._tree.size

    def memo(self) -> Memo | None:
        """Where it is; none where that is too much to keep."""
        if len(self._gone) + len(self._acts) > MAX_REMEMBERED:
            return None
        return Memo(self._tree.size, self._tree.root().hex(), self._committed, dict(self._gone), dict(self._acts))

    def go_on(self, connection: Connection, memo: Memo) -> None:
        """Go on from there; CorruptionError or MerkleError where the tree is not what it was."""
        if memo.size > self._head.size:
            raise CorruptionError(position=self._head.size, what="it is smaller than it was")
        leaves = self._stored.leaves(connection, tail_start(memo.size), memo.size)
        tree = load(memo.size, lambda level, index: self._stored.tile(connection, level, index), leaves)
        if tree.root().hex() != memo.root:
            raise CorruptionError(position=memo.size, what="its tree is not the one that it was")
        self._tree, self._committed = tree, memo.committed
        self._gone, self._acts = dict(memo.gone), dict(memo.acts)

    def further(self, connection: Connection, most: int = PAGE_EVENTS) -> Checked:
        """Check the next events, at most so many; CorruptionError at the first position that does not fit."""
        after = self._tree.size
        try:
            with connection.transaction():
                connection.execute(QUERIES.snapshot)
                if after < self._head.size:
                    self._page(connection, most)
                if self._tree.size == self._head.size:
                    self._end(connection)
                    self.done = True
        except psycopg.DataError as error:
            what = f"it, or one of the next {most}, cannot be read ({str(error).strip()})"
            raise CorruptionError(position=after + 1, what=what) from error
        root = self._tree.root() if self.done else b""
        return Checked(self._tree.size, self._head.size, root)

    def _page(self, connection: Connection, most: int) -> None:
        after = self._tree.size
        records = self._log.page(connection, after, self._head.size, most, raw=True)
        if not records:
            raise CorruptionError(position=after + 1, what="it is missing")
        for record in records:
            assert isinstance(record, RawRecord)
            self._take(record)
        bounds = {"after": after, "through": records[-1].position}
        self._check_tree(connection, records, connection.execute(self._query("commits"), bounds).fetchall())

    def _take(self, record: RawRecord) -> None:
        _check_event(self._log.ledger, record)
        if record.redacted:
            self._gone[str(record.event_id)] = record.position
        elif record.topic == REDACTION:
            self._acts[_target(record.position, record.state)] = record.position

    def _check_tree(
        self, connection: Connection, records: Sequence[StoredRecord], commits: Sequence[TupleRow]
    ) -> None:
        """Grow the tree commit by commit; its tiles and roots must be those that are stored."""
        first, last = self._tree.size, records[-1].position
        for before, size, root, committed_at in commits:
            if before != self._committed or size <= self._tree.size:
                raise CorruptionError(position=self._tree.size + 1, what="no commit covers it, or more than one")
            part = records[self._tree.size - first : min(size, last) - first]
            if any(each.recorded_at != committed_at for each in part):
                raise CorruptionError(position=self._tree.size + 1, what="its commit has another time")
            self._grow(connection, [each.leaf for each in part if isinstance(each, RawRecord)])
            if self._tree.size == size:
                self._committed = size
                if self._tree.root() != root:
                    what = "the events up to it do not give the root of its commit"
                    raise CorruptionError(position=size, what=what)
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

    def _end(self, connection: Connection) -> None:
        """What only the whole tells: nothing is beyond what was committed, and redactions are what was recorded."""
        first, last, size = connection.execute(self._query("edges")).fetchone() or (None, None, None)
        if first is not None and first < 1:
            raise CorruptionError(position=first, what="positions begin at 1")
        if (last or 0) > (size or 0):
            raise CorruptionError(position=last, what="no commit covers it")
        for level, count, most, least in connection.execute(self._query("tiles")):
            if least < 0 or most >= tile_count(size or 0, level) or count != most + 1:
                what = f"tiles of level {level} are not those of {size or 0} events"
                raise CorruptionError(position=size or 0, what=what)
        self._check_redactions(connection)

    def _check_redactions(self, connection: Connection) -> None:
        targets = connection.execute(self._query("targets"), {"events": list(self._acts)}).fetchall()
        for _, position, is_gone in targets:
            if not is_gone:
                raise CorruptionError(position=position, what="its payload is there although it was redacted")
        by_act = sorted((position, self._acts[event_id]) for event_id, position, _ in targets)
        through = {"through": self._head.size}
        noted = sorted(connection.execute(self._query("redactions"), through).fetchall())
        if noted != by_act:
            position = min(set(noted) ^ set(by_act))[0]
            raise CorruptionError(position=position, what="the table of redactions does not say what was recorded")
        unexplained = self._gone.keys() - self._acts.keys()
        if unexplained:
            later = connection.execute(self._query("later_redactions"), {"after": self._head.size})
            unexplained -= {_target(position, payload) for position, payload in later}
        if unexplained:
            position = min(self._gone[each] for each in unexplained)
            raise CorruptionError(position=position, what="its payload is gone, and no redaction is recorded")

    def _query(self, name: str) -> sql.Composed:
        return sql.SQL(getattr(QUERIES, name)).format(schema=sql.Identifier(self._log.schema))


def _target(position: int, payload: bytes | None) -> str:
    try:
        return redacted_event(payload or b"")
    except ProofError as error:
        raise CorruptionError(position=position, what=str(error)) from error


def _check_event(ledger: str, record: RawRecord) -> None:
    try:
        envelope = decode(record.envelope)
    except EnvelopeError as error:
        raise CorruptionError(position=record.position, what=f"its envelope cannot be read ({error})") from error
    if leaf_hash(record.envelope) != record.leaf:
        raise CorruptionError(position=record.position, what="its leaf is not the hash of its envelope")
    if envelope != _as_stored(ledger, record, envelope):
        raise CorruptionError(position=record.position, what="its columns do not say what its envelope says")
    if not record.redacted and _commitment(record) != envelope.commitment:
        raise CorruptionError(position=record.position, what="its payload is not the one that was recorded")


def _as_stored(ledger: str, record: RawRecord, envelope: Envelope) -> Envelope:
    """The envelope that the columns would have; recorder, client and commitment have no column."""
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
        client=envelope.client,
    )


def _commitment(record: RawRecord) -> str:
    try:
        return payload_commitment(record.salt, record.state)
    except EnvelopeError:
        return ""
