"""A ledger in a folder: written while it is verified, and verified again without any server.
What does not hold is never written as if it did: the manifest comes last."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ledger.audit import exported
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.exported import Payload
from ledger.audit.merkle import ProofError, leaf_hash
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.audit.replayed import Replayed
from ledger.audit.tiles import TILE_WIDTH, TreeState
from ledger.cli.audit_replay import Keep
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.trusting import opened, parsed, read_text


class Folder:
    """The files of one export."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tree = TreeState()
        self._entries: list[bytes] = []

    def begin(self, note: str, keys: Sequence[str]) -> None:
        """Make the folder; it must be new, or empty."""
        self.path.mkdir(parents=True, exist_ok=True)
        if any(self.path.iterdir()):
            raise FaultyInput(f"{self.path} is not empty; name a new folder")
        self._write(exported.CHECKPOINT, note.encode())
        self._write(exported.KEYS, "".join(f"{key}\n" for key in keys).encode())
        self._payloads = (self.path / exported.PAYLOADS).open("wb")

    def add(self, entry: bytes, salt: bytes, payload: bytes) -> None:
        """The next event."""
        self._payloads.write(exported.payload_line(Payload(self._size + 1, salt, payload)))
        self._entries.append(entry)
        if len(self._entries) == TILE_WIDTH:
            self._bundle()

    def end(self, checkpoint: Checkpoint) -> None:
        """What is left, and the manifest."""
        if self._entries:
            self._bundle()
        for path, data in exported.partial_tiles(self._tree):
            self._write(path, data)
        self._payloads.close()
        self._write(exported.MANIFEST, exported.manifest(checkpoint).encode())

    @property
    def _size(self) -> int:
        return self._tree.size + len(self._entries)

    def _bundle(self) -> None:
        width, index = len(self._entries), self._tree.size // TILE_WIDTH
        self._write(exported.tile_path(exported.ENTRIES, index, width), exported.bundle(self._entries))
        self._tree, tiles = self._tree.append(list(map(leaf_hash, self._entries)))
        for tile in tiles:
            self._write(*exported.complete_tile(tile))
        self._entries = []

    def _write(self, name: str, data: bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def verify_folder(path: Path, trusted: Sequence[VerifierKey], keep: Keep | None = None) -> Replayed:
    """Everything in the folder fits together, and gives the root that a trusted key has signed; Refused says what
    does not, and at which position. `keep` gets each event, before that is known of all of them."""
    found = opened(read_text(path / exported.CHECKPOINT), trusted)
    replayed = Replayed(found)
    try:
        with (path / exported.PAYLOADS).open("rb") as lines:
            expected = _taken(path, replayed, map(exported.payload_of, lines), keep)
    except OSError as error:
        raise Refused(f"after position {replayed.size}: {error.filename} cannot be read") from error
    except VERIFICATION_ERRORS as error:
        raise Refused(str(error)) from error
    there = {str(each.relative_to(path)) for each in path.rglob("*") if each.is_file()}
    if strangers := sorted(there - expected):
        raise Refused(f"{strangers[0]} does not belong to the export ({len(strangers)} such files)")
    if replayed.unexplained:
        raise Refused(f"position {replayed.unexplained}: its payload is gone, and no redaction is recorded")
    _check_beside(path, found)
    return replayed


def _taken(path: Path, replayed: Replayed, payloads: Iterator[Payload], keep: Keep | None) -> set[str]:
    """Take all events; answers the names of the files that an export of so many has."""
    names = {exported.CHECKPOINT, exported.KEYS, exported.PAYLOADS, exported.MANIFEST}
    tree, size = TreeState(), replayed.checkpoint.size
    for index in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        name = exported.tile_path(exported.ENTRIES, index, width)
        entries = list(exported.entries_of((path / name).read_bytes()))
        if len(entries) != width:
            raise ProofError(f"{name} has {len(entries)} entries, not {width}")
        for entry in entries:
            payload = _next(payloads, replayed.size + 1)
            replayed.take(entry, payload.salt, payload.payload)
            if keep is not None:
                keep(entry, payload.salt, payload.payload)
        tree, tiles = tree.append(list(map(leaf_hash, entries)))
        names |= {name} | {_same(path, *exported.complete_tile(tile)) for tile in tiles}
    names |= {_same(path, *partial) for partial in exported.partial_tiles(tree)}
    for left in payloads:
        raise ProofError(f"a payload of position {left.position} is there, and no event")
    replayed.end()
    return names


def _next(payloads: Iterator[Payload], position: int) -> Payload:
    payload = next(payloads, None)
    if payload is None:
        raise ProofError(f"position {position}: its line of payloads is missing")
    if payload.position != position:
        raise ProofError(f"position {position}: the payload of position {payload.position} is in its place")
    return payload


def _same(path: Path, name: str, data: bytes) -> str:
    if (path / name).read_bytes() != data:
        raise ProofError(f"{name} does not hold what its entries give")
    return name


def _check_beside(path: Path, found: Checkpoint) -> None:
    """What is beside the record says the same."""
    if read_text(path / exported.MANIFEST) != exported.manifest(found):
        raise Refused("the manifest does not say what the checkpoint says")
    keys = read_text(path / exported.KEYS)
    named = parsed(keys.splitlines())
    if keys != "".join(f"{key}\n" for key in named):
        raise Refused("the file of keys is not as an export writes it")
    opened(read_text(path / exported.CHECKPOINT), named)
