"""Reads the tree of a ledger as stored: its right edge from tiles and the last leaves, and proofs from both.
It trusts nothing that is stored: an edge that does not give the root of its commit is refused. It never writes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from ledger.audit import tiles
from ledger.audit.merkle import MerkleError, Subtree, consistency_proof, inclusion_proof, tree_root
from ledger.audit.tiles import TreeState
from ledger.errors import CorruptionError, NotFoundError, PositionGapError
from ledger.persistence.log import Connection, EventLog
from ledger.persistence.records import Head

LEAVES_A_PAGE = 20_000
MAX_TILES = 1_024
"""Kept in memory, of one ledger: 8 MiB."""
MAX_NODES = 32_768
"""Roots of subtrees that are kept, of one ledger: some 8 MiB. Those high in the tree are in most proofs."""

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
            page = connection.execute(self._log.query("leaves"), bounds, prepare=True).fetchall()
            if not page or page[0][0] != after + 1 or page[-1][0] != after + len(page):
                raise PositionGapError(expected=after + 1, found=page[0][0] if page else "nothing")
            found += [bytes(leaf) for _, leaf in page]
            after = page[-1][0]
        return found

    def tile(self, connection: Connection, level: int, index: int) -> bytes:
        """The hashes of a complete tile; MerkleError where it is not there."""
        place = {"level": level, "index": index}
        row = connection.execute(self._log.query("tile"), place, prepare=True).fetchone()
        if row is None:
            raise MerkleError(f"tile {index} of level {level} is missing")
        return bytes(row[0])


Kept = OrderedDict[tuple[int, int], bytes]


class _Seen(NamedTuple):
    """A tree as it was read: its edge, and the tiles and full subtrees that were looked at. They belong together:
    a ledger that was set back or exchanged is read anew as a whole."""

    edge: TreeState
    tiles: Kept
    nodes: Kept


class Proofs:
    """Proofs of one ledger at any size, for several threads. Keeps the edge, and the tiles and nodes found last."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._stored = StoredTree(log)
        self._seen: _Seen | None = None
        self._changing = threading.Lock()

    def inclusion(self, connection: Connection, position: int, size: int = 0) -> Inclusion:
        """Of an event in the tree of a size, 0 for all that is recorded; NotFoundError, CorruptionError."""
        seen = self._with(connection, size)
        size = _within(size, seen.edge)
        if not 1 <= position <= size:
            raise NotFoundError(kind=f"event within {size} at position", id=position)
        subtree = self._subtrees(connection, seen)
        leaf = _sound(size, lambda: subtree(0, position - 1))
        hashes = _sound(size, lambda: inclusion_proof(position - 1, size, subtree))
        return Inclusion(leaf, hashes, size, _root(size, seen.edge, subtree))

    def consistency(self, connection: Connection, first: int, second: int = 0) -> Consistency:
        """Of two sizes, 0 for all that is recorded; NotFoundError, CorruptionError."""
        seen = self._with(connection, second)
        second = _within(second, seen.edge)
        if first > second:
            raise NotFoundError(kind=f"tree within {second} of size", id=first, now=second)
        subtree = self._subtrees(connection, seen)
        hashes = _sound(second, lambda: consistency_proof(first, second, subtree))
        roots = (_root(size, seen.edge, subtree) for size in (first, second))
        return Consistency(hashes, next(roots), second, next(roots))

    def _with(self, connection: Connection, size: int) -> _Seen:
        """The tree of so many events at least, 0 for all that is recorded."""
        seen = self._seen
        if seen is not None and 0 < size <= seen.edge.size:
            return seen
        head = self._log.head(connection)
        if seen is None or (seen.edge.size, seen.edge.root()) != (head.size, head.root):
            self._seen = seen = self._grown(connection, head, seen) or self._anew(connection, head)
        return seen

    def _grown(self, connection: Connection, head: Head, seen: _Seen | None) -> _Seen | None:
        """What was seen, with what has come since; none where that does not continue it."""
        if seen is None or seen.edge.size > head.size:
            return None
        try:
            return seen._replace(edge=self._stored.at(connection, head, seen.edge))
        except CorruptionError:
            return None

    def _anew(self, connection: Connection, head: Head) -> _Seen:
        return _Seen(self._stored.at(connection, head), OrderedDict(), OrderedDict())

    def _subtrees(self, connection: Connection, seen: _Seen) -> Subtree:
        tile = partial(self._stored.tile, connection)
        stored = tiles.stored_subtrees(seen.edge, lambda *place: self._kept(seen.tiles, MAX_TILES, place, tile))
        return lambda *place: self._kept(seen.nodes, MAX_NODES, place, stored)

    def _kept(self, known: Kept, most: int, place: tuple[int, int], find: Subtree) -> bytes:
        with self._changing:
            if place in known:
                known.move_to_end(place)
                return known[place]
        found = find(*place)
        with self._changing:
            known[place] = found
            if len(known) > most:
                known.popitem(last=False)
        return found


def _root(size: int, edge: TreeState, subtree: Subtree) -> bytes:
    return edge.root() if size == edge.size else _sound(size, lambda: tree_root(size, subtree))


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
