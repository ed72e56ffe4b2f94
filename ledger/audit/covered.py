"""Which part of a ledger an export holds, and its tiles verified from a signed root down to the leaves.

Whole bundles of entries, the tiles above them, and those at the tree's right edge, which give the root. It reads no
files and asks no server: whoever uses it says where a tile comes from, and nothing of that is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ledger.audit.exported import ENTRIES, tile_path
from ledger.audit.merkle import HASH_BYTES, MAX_TREE_SIZE, ProofError, fold, grow
from ledger.audit.tiles import TILE_HEIGHT, TILE_WIDTH

FindTile = Callable[[int, int, int], Sequence[bytes]]
"""`find_tile(level, index, width)`: the hashes of a tile, so many of them; ProofError, OSError."""


class Place(NamedTuple):
    """A tile."""

    level: int
    number: int
    """In its level, from 0; `index` is a word of every tuple's own."""
    width: int

    @property
    def path(self) -> str:
        """Where it is in an export."""
        return tile_path(*self)


class Coverage(NamedTuple):
    """The bundles of entries that an export holds, of a tree of a size."""

    size: int
    first: int
    end: int
    """The bundle after the last."""

    @classmethod
    def whole(cls, size: int) -> Coverage:
        """All of a tree."""
        return cls(size, 0, -(-size // TILE_WIDTH))

    @classmethod
    def around(cls, first: int, last: int, size: int) -> Coverage:
        """The bundles that hold the positions from first to last; ProofError where the tree has no such."""
        if not 1 <= first <= last <= size <= MAX_TREE_SIZE:
            raise ProofError(f"there are no positions {first} to {last} among {size} events")
        return cls(size, (first - 1) // TILE_WIDTH, (last - 1) // TILE_WIDTH + 1)

    @property
    def after(self) -> int:
        """The position before the first that is covered."""
        return self.first * TILE_WIDTH

    @property
    def through(self) -> int:
        """The last position that is covered."""
        return min(self.end * TILE_WIDTH, self.size)

    @property
    def events(self) -> int:
        """How many events are covered."""
        return self.through - self.after

    def width(self, level: int, index: int) -> int:
        """How many hashes a tile of the tree has: 256, or fewer at the right edge."""
        return min(TILE_WIDTH, (self.size >> TILE_HEIGHT * level) - index * TILE_WIDTH)

    def edge(self) -> Iterator[Place]:
        """The tiles at the right edge that are not complete, from the leaves upward."""
        level = 0
        while row := self.size >> TILE_HEIGHT * level:
            if row % TILE_WIDTH:
                yield Place(level, row // TILE_WIDTH, row % TILE_WIDTH)
            level += 1

    def above(self) -> Iterator[Place]:
        """The complete tiles above those of the bundles, from the second level upward."""
        level = 1
        while complete := self.size >> TILE_HEIGHT * (level + 1):
            shift = TILE_HEIGHT * level
            for index in range(self.first >> shift, min((self.end - 1 >> shift) + 1, complete)):
                yield Place(level, index, TILE_WIDTH)
            level += 1

    def names(self) -> Iterator[str]:
        """The paths of all tiles and bundles of the export."""
        for bundle in range(self.first, self.end):
            width = self.width(0, bundle)
            yield tile_path(ENTRIES, bundle, width)
            if width == TILE_WIDTH:
                yield tile_path(0, bundle)
        for place in (*self.above(), *self.edge()):
            yield place.path


class Rooted:
    """The tiles of a tree with a known root. Each is given out once it fits the one above it, and so the root."""

    def __init__(self, covered: Coverage, root: bytes, find: FindTile) -> None:
        self._covered = covered
        self._find = find
        self._edge = {place.level: (place.number, _sound(place, find(*place))) for place in covered.edge()}
        # The peaks of the tree, the largest first: those of its highest row, and so on down to the leaves.
        rows = [self._edge[level][1] for level in sorted(self._edge, reverse=True)]
        if fold([peak for row in rows for peak in grow(0, (), row)[0]]) != root:
            raise ProofError("the tiles at the right edge do not give the root of the checkpoint")
        self._last: dict[int, tuple[int, Sequence[bytes]]] = {}
        """The complete tile of each level that was used last; events come in order, and need no other."""

    def tile(self, level: int, index: int) -> Sequence[bytes]:
        """The hashes of a tile of the tree; ProofError where what is found does not fit."""
        for kept in (self._edge, self._last):
            if level in kept and kept[level][0] == index:
                return kept[level][1]
        place = Place(level, index, TILE_WIDTH)
        hashes = _sound(place, self._find(*place))
        if not self.fits(level, index, hashes):
            raise ProofError(f"{place.path} does not fit the tile above it")
        self._last[level] = index, hashes
        return hashes

    def fits(self, level: int, index: int, hashes: Sequence[bytes]) -> bool:
        """Whether the tree has this tile at this place."""
        if level in self._edge and self._edge[level][0] == index:
            return list(hashes) == list(self._edge[level][1])
        above = self.tile(level + 1, index // TILE_WIDTH)
        return len(hashes) == TILE_WIDTH and fold(grow(0, (), hashes)[0]) == above[index % TILE_WIDTH]


def _sound(place: Place, hashes: Sequence[bytes]) -> Sequence[bytes]:
    if len(hashes) != place.width or any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError(f"{place.path} does not have {place.width} hashes of {HASH_BYTES} bytes")
    return hashes
