"""The tree cut into tiles of 256 hashes (geometry of C2SP tlog-tiles), and the state that a writer carries.

Tile (level, index) holds the roots of 256 full subtrees of height 8 * level, from number 256 * index on.
Only complete tiles are made; what is incomplete stays in `TreeState` and is found again from the last leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.audit.merkle import (
    HASH_BYTES,
    MAX_TREE_SIZE,
    Frontier,
    MerkleError,
    Subtree,
    check_hashes,
    fold,
    grow,
)

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES

ReadTile = Callable[[int, int], bytes]
"""`read_tile(level, index)`: the bytes of a complete tile."""


class TileError(MerkleError):
    """A stored tile has not the size of a tile."""


@dataclass(frozen=True, slots=True)
class Tile:
    level: int
    index: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class TreeState:
    """A tree's right edge and the rows of hashes that wait for their tile to fill.

    A value: `append` answers a new one, so that a writer keeps the old one until its commit succeeded.
    Row `n` has (size >> 8 * n) % 256 hashes; rows end at the highest level that has any subtree.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()
    rows: tuple[tuple[bytes, ...], ...] = ()

    def root(self) -> bytes:
        return fold(self.peaks)

    def frontier(self) -> Frontier:
        return Frontier.from_state(self.size, self.peaks)

    def append(self, leaves: Sequence[bytes]) -> tuple[TreeState, list[Tile]]:
        """The state after these leaf hashes, and the tiles that they completed, lower levels first."""
        peaks, grown = grow(self.size, self.peaks, leaves)
        rows = list(self.rows)
        tiles: list[Tile] = []
        for level, fresh in enumerate(grown[::TILE_HEIGHT]):
            if level == len(rows):
                rows.append(())
            row = (*rows[level], *fresh)
            index = tile_count(self.size, level)
            complete = len(row) - len(row) % TILE_WIDTH
            for offset, start in enumerate(range(0, complete, TILE_WIDTH)):
                tiles.append(Tile(level, index + offset, b"".join(row[start : start + TILE_WIDTH])))
            rows[level] = row[complete:]
        return TreeState(self.size + len(leaves), tuple(peaks), tuple(rows)), tiles


def tile_count(size: int, level: int) -> int:
    """How many complete tiles of this level a tree of `size` leaves has."""
    return size >> TILE_HEIGHT * (level + 1)


def tail_start(size: int) -> int:
    """The index of the first leaf that is in no complete tile."""
    return size - size % TILE_WIDTH


def load(size: int, read_tile: ReadTile, tail_leaves: Sequence[bytes]) -> TreeState:
    """The state of a tree of `size` leaves, from its tiles and the leaf hashes from `tail_start(size)` on.

    Reads at most 255 tiles a level. It cannot know the root: the caller compares it with the one recorded.
    """
    if not 0 <= size <= MAX_TREE_SIZE:
        raise MerkleError(f"a tree cannot have {size} leaves")
    if len(tail_leaves) != size % TILE_WIDTH:
        raise MerkleError(f"{size % TILE_WIDTH} leaves follow the last tile, not {len(tail_leaves)}")
    check_hashes(tail_leaves)
    rows = [tuple(tail_leaves)] if size else []
    while count := size >> TILE_HEIGHT * len(rows):
        below = len(rows) - 1
        rows.append(tuple(_tile_root(read_tile, below, index) for index in range(tail_start(count), count)))
    peaks = [peak for row in reversed(rows) for peak in grow(0, (), row)[0]]
    return TreeState(size, tuple(peaks), tuple(rows))


def stored_subtrees(state: TreeState, read_tile: ReadTile) -> Subtree:
    """What proof generation asks for, found in complete tiles and in the state's rows.

    Serves every tree size up to the state's. One tile at most is read for each subtree.
    """

    def subtree(level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > state.size:
            raise MerkleError(f"a tree of {state.size} leaves has no full subtree {index} of height {level}")
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, start = divmod(index << height, TILE_WIDTH)
        end = start + (1 << height)
        if tile_index < tile_count(state.size, tile_level):
            tile = _checked(read_tile, tile_level, tile_index)
            return _full_root(_cut(tile[start * HASH_BYTES : end * HASH_BYTES]))
        return _full_root(state.rows[tile_level][start:end])

    return subtree


def _tile_root(read_tile: ReadTile, level: int, index: int) -> bytes:
    return _full_root(_cut(_checked(read_tile, level, index)))


def _checked(read_tile: ReadTile, level: int, index: int) -> bytes:
    tile = read_tile(level, index)
    if len(tile) != TILE_BYTES:
        raise TileError(f"tile {index} of level {level} has {len(tile)} bytes, not {TILE_BYTES}")
    return tile


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]


def _full_root(hashes: Sequence[bytes]) -> bytes:
    return fold(grow(0, (), hashes)[0])
