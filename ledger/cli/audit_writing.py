"""The files of an export, written while what they hold is verified. What does not hold is never written as if it
did: the manifest comes last, and an export that was interrupted has none."""

from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.audit import exported
from ledger.audit.covered import Coverage, FindTile, Rooted
from ledger.audit.exported import Payload
from ledger.audit.merkle import ProofError, leaf_hash
from ledger.audit.notes import VerifierKey
from ledger.audit.tiles import TILE_WIDTH, TreeState
from ledger.cli.failures import FaultyInput

Files = Iterable[tuple[str, bytes]]
"""Paths within the folder, and what is in them."""


class Folder:
    """The folder of one export. `tiles` answers the tiles that the leaf hashes of the next bundle give."""

    def __init__(self, path: Path, tiles: Callable[[int, Sequence[bytes]], Files], after: int = 0) -> None:
        self.path = path
        self._tiles = tiles
        self._after, self._next = after, after + 1
        self._entries: list[bytes] = []
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise FaultyInput(f"{path} is not empty; name a new folder")
        self._payloads = (path / exported.PAYLOADS).open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._payloads.close()

    def add(self, entry: bytes, salt: bytes, payload: bytes) -> None:
        """The next event."""
        self._payloads.write(exported.payload_line(Payload(self._next, salt, payload)))
        self._next += 1
        self._entries.append(entry)
        if len(self._entries) == TILE_WIDTH:
            self._bundle()

    def position_of(self, ids: Set[str]) -> int:
        """The position of an event that was added and has one of these ids; 0 where none has."""
        written = range(self._after // TILE_WIDTH, (self._next - 1) // TILE_WIDTH)
        for index in written if ids else ():
            entries = exported.entries_of((self.path / exported.tile_path(exported.ENTRIES, index)).read_bytes())
            if found := exported.position_of(ids, index * TILE_WIDTH + 1, entries):
                return found
        return exported.position_of(ids, self._next - len(self._entries), self._entries)

    def end(self, note: str, keys: Sequence[VerifierKey], manifest: str, others: Callable[[], Files]) -> None:
        """What is left, and then other files; the checkpoint, the keys that it was verified with, the manifest."""
        if self._entries:
            self._bundle()
        self._payloads.close()
        self._write(others())
        kept = "".join(f"{key}\n" for key in dict.fromkeys(keys))
        self._write([(exported.CHECKPOINT, note.encode()), (exported.KEYS, kept.encode())])
        self._write([(exported.MANIFEST, manifest.encode())])

    def _bundle(self) -> None:
        entries, self._entries = self._entries, []
        index = (self._next - 1 - len(entries)) // TILE_WIDTH
        path = exported.tile_path(exported.ENTRIES, index, len(entries))
        self._write([(path, exported.bundle(entries)), *self._tiles(index, list(map(leaf_hash, entries)))])

    def _write(self, files: Files) -> None:
        for name, data in files:
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


class Growing:
    """The tiles of a ledger that is exported from its first event on."""

    def __init__(self) -> None:
        self._tree = TreeState()

    def __call__(self, index: int, leaves: Sequence[bytes]) -> Files:
        """Those that the next bundle completes."""
        self._tree, tiles = self._tree.append(leaves)
        return list(map(exported.complete_tile, tiles))

    def edge(self) -> Files:
        """Those that stay incomplete."""
        return exported.partial_tiles(self._tree)


class Proving:
    """The tiles of a range, which are found elsewhere: a bundle has to fit the root before it is written."""

    def __init__(self, covered: Coverage, root: bytes, find: FindTile) -> None:
        self._find = find
        self._found: Files = []
        """Tiles that are not written yet: those of the edge, and one of each level."""
        self._rooted = Rooted(covered, root, self._keep)

    def __call__(self, index: int, leaves: Sequence[bytes]) -> Files:
        """That of a bundle, and those above it that are new; ProofError where it does not fit."""
        if not self._rooted.fits(0, index, leaves):
            first = index * TILE_WIDTH + 1
            between = f"positions {first} to {first + len(leaves) - 1}"
            raise ProofError(f"{between}: they do not give the hash that the tree has at their place")
        # An incomplete one is of the edge.
        own = [(exported.tile_path(0, index), b"".join(leaves))] if len(leaves) == TILE_WIDTH else []
        return [*own, *self.edge()]

    def edge(self) -> Files:
        """Tiles that were found and not written yet."""
        found, self._found = self._found, []
        return found

    def _keep(self, level: int, index: int, width: int) -> Sequence[bytes]:
        hashes = self._find(level, index, width)
        self._found = [*self._found, (exported.tile_path(level, index, width), b"".join(hashes))]
        return hashes
