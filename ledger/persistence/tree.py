"""Reads the tree of a ledger as stored: its right edge from tiles and the last leaves, and proofs from both.
It trusts nothing that is stored: an edge that does not give the root of its commit is refused. It never writes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.audit import tiles
from ledger.audit.merkle import MerkleError, Subtree, consistency_proof, inclusion_proof, tree_root
from ledger.audit.tiles import TreeState
from ledger.errors import CorruptionError, NotFoundError, PositionGapError
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.queries import Queries
from ledger.persistence.records import Head

QUERIES = Queries("ledger.persistence", "tree.sql")
LEAVES_A_PAGE = 20_000
MAX_TILES = 1_024
"""Kept in memory, of one ledger: 8 MiB."""
MAX_NODES = 32_768
"""Roots of subtrees that are kept, of one ledger: some 6 MiB. Those high in the tree are in most proofs."""

Made = TypeVar("Made")


class Inclusion(NamedTuple):
    """That an event is in the tree of a size."""

    leaf: bytes
    hashes: list[bytes]
    size: int
    root: bytes


class Consistency(NamedTuple):
    """That the tree of one size begins with that of another."""

    hashes: list[bytes]
    first_root: bytes
    size: int
    root: bytes


class StoredTree:
    """The statements that read one ledger's tree, on connections that the caller brings."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._schema = sql.Identifier(log.schema)
        self._composed: dict[str, bytes] = {}
        """Queries as they are sent: composing one takes as long as recording a report."""

    def at(self, connection: Connection, head: Head, known: TreeState | None = None) -> TreeState:
        """The tree at a commit: grown from a known one where possible, and checked against the commit's root."""
        try:
            if known is None or known.size > head.size:
                leaves = self.leaves(connection, tiles.tail_start(head.size), head.size)
                tree = tiles.load(head.size, lambda level, index: self.tile(connection, level, index), leaves)
            else:
                tree, _ = known.append(self.leaves(connection, known.size, head.size))
        except MerkleError as error:
            raise CorruptionError(position=head.size, what=str(error)) from error
        if tree.root() != head.root:
            raise CorruptionError(position=head.size, what="its events do not give the root of its commit")
        return tree

    def leaves(self, connection: Connection, after: int, through: int) -> list[bytes]:
        """The leaf hashes of the positions after one, up to another; PositionGapError."""
        found: list[bytes] = []
        while after < through:
            bounds = {"after": after, "through": through, "limit": LEAVES_A_PAGE}
            page = self._execute(connection, "leaves", bounds).fetchall()
            if not page or page[0][0] != after + 1 or page[-1][0] != after + len(page):
                raise PositionGapError(expected=after + 1, found=page[0][0] if page else "nothing")
            found += [bytes(leaf) for _, leaf in page]
            after = page[-1][0]
        return found

    def tile(self, connection: Connection, level: int, index: int) -> bytes:
        """The hashes of a complete tile; MerkleError where it is not there."""
        row = self._execute(connection, "tile", {"level": level, "index": index}).fetchone()
        if row is None:
            raise MerkleError(f"tile {index} of level {level} is missing")
        return bytes(row[0])

    def _execute(self, connection: Connection, query: str, values: dict[str, Any]) -> psycopg.Cursor[TupleRow]:
        if query not in self._composed:
            composed = sql.SQL(getattr(QUERIES, query)).format(schema=self._schema)
            self._composed[query] = composed.as_bytes()
        return connection.execute(self._composed[query], values, prepare=True)


class Proofs:
    """Proofs of one ledger at any size, for several threads. Keeps the edge, and the tiles and nodes found last."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._stored = StoredTree(log)
        self._edge: TreeState | None = None
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._nodes: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        """Full subtrees, which never change."""
        self._changing = threading.Lock()

    def edge(self, connection: Connection) -> TreeState:
        """The tree of all that is recorded."""
        head = self._log.head(connection)
        with self._changing:
            known = self._edge
        if known is not None and known.size == head.size and known.root() == head.root:
            return known
        edge = self._stored.at(connection, head, known)
        with self._changing:
            self._edge = edge
        return edge

    def inclusion(self, connection: Connection, position: int, size: int = 0) -> Inclusion:
        """Of an event in the tree of a size, 0 for all that is recorded; NotFoundError, CorruptionError."""
        edge = self._edge_with(connection, size)
        size = _within(size, edge)
        if not 1 <= position <= size:
            raise NotFoundError(kind=f"event within {size} at position", id=position)
        subtree = self._subtrees(connection, edge)
        leaf = _sound(size, lambda: subtree(0, position - 1))
        hashes = _sound(size, lambda: inclusion_proof(position - 1, size, subtree))
        return Inclusion(leaf, hashes, size, self._root(size, edge, subtree))

    def consistency(self, connection: Connection, first: int, second: int = 0) -> Consistency:
        """Of two sizes, 0 for all that is recorded; NotFoundError, CorruptionError."""
        edge = self._edge_with(connection, second)
        second = _within(second, edge)
        if first > second:
            raise NotFoundError(kind=f"tree within {second} of size", id=first)
        subtree = self._subtrees(connection, edge)
        hashes = _sound(second, lambda: consistency_proof(first, second, subtree))
        roots = (self._root(size, edge, subtree) for size in (first, second))
        return Consistency(hashes, next(roots), second, next(roots))

    def _root(self, size: int, edge: TreeState, subtree: Subtree) -> bytes:
        return edge.root() if size == edge.size else _sound(size, lambda: tree_root(size, subtree))

    def _edge_with(self, connection: Connection, size: int) -> TreeState:
        """A tree of so many events at least, 0 for all that is recorded."""
        with self._changing:
            known = self._edge
        return known if known is not None and 0 < size <= known.size else self.edge(connection)

    def _subtrees(self, connection: Connection, edge: TreeState) -> Subtree:
        stored = tiles.stored_subtrees(
            edge,
            lambda level, index: self._kept(
                self._tiles, MAX_TILES, level, index, partial(self._stored.tile, connection)
            ),
        )
        return lambda level, index: self._kept(self._nodes, MAX_NODES, level, index, stored)

    def _kept(
        self, known: OrderedDict[tuple[int, int], bytes], most: int, level: int, index: int, find: Subtree
    ) -> bytes:
        with self._changing:
            if (level, index) in known:
                known.move_to_end((level, index))
                return known[level, index]
        found = find(level, index)
        with self._changing:
            known[level, index] = found
            if len(known) > most:
                known.popitem(last=False)
        return found


def _within(size: int, edge: TreeState) -> int:
    if size > edge.size:
        raise NotFoundError(kind=f"tree within {edge.size} of size", id=size)
    return size or edge.size


def _sound(size: int, made: Callable[[], Made]) -> Made:
    """What is made from stored tiles; CorruptionError where one is missing or too short."""
    try:
        return made()
    except MerkleError as error:
        raise CorruptionError(position=size, what=str(error)) from error
