"""Exports without a server: of an invented ledger, whole or of a range, and every way to change a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from ledger.audit import exported
from ledger.audit.checkpoints import Checkpoint, sign_checkpoint
from ledger.audit.covered import Coverage
from ledger.audit.envelope import encode, payload_commitment
from ledger.audit.merkle import inclusion_proof, leaf_hash
from ledger.audit.notes import SignerKey
from ledger.audit.proofs import Proof
from ledger.audit.tiles import TreeState, stored_subtrees
from ledger.cli.audit_writing import Folder, Growing, Proving

KEY = SignerKey("ledger.example/main", bytes(32))
TRUSTED = [KEY.verifier()]
SALT = bytes(range(16))


class Invented:
    """A ledger of so many events. `redactions`: positions of events without payload, each with the position that
    removes it."""

    def __init__(self, size: int, redactions: dict[int, int] | None = None, said: bytes = b"{}") -> None:
        self.size = size
        self.redactions = redactions or {}
        self.removes = {act: target for target, act in self.redactions.items()}
        self.said = said
        self.entries = list(map(self.entry, range(1, size + 1)))
        self.leaves = list(map(leaf_hash, self.entries))
        self.tree, tiles = TreeState().append(self.leaves)
        self.tiles = {(each.level, each.index): each.hashes for each in tiles}
        self.checkpoint = Checkpoint(KEY.name, size, self.tree.root())
        self.note = sign_checkpoint(self.checkpoint, [KEY])

    def payload(self, position: int) -> bytes:
        """What an event says."""
        if position not in self.removes:
            return self.said
        return b'{"type":"PayloadRedacted","target_event_id":"%s"}' % str(UUID(int=self.removes[position])).encode()

    def entry(self, position: int) -> bytes:
        """Its envelope."""
        return encode(
            ledger="main",
            position=position,
            stream=f"s/{position}",
            revision=1,
            event_id=UUID(int=position),
            type="PayloadRedacted" if position in self.removes else "TroopsKilled",
            report_id="r",
            recorded_at="2020-02-12T10:00:00.000000Z",
            recorder="anonymous",
            commitment=payload_commitment(SALT, self.payload(position)),
            client=None if position % 3 == 0 else "a-client/1.0",  # entries of both versions
        )

    def proof(self, position: int) -> Proof:
        """Of an event, with its payload."""
        subtree = stored_subtrees(self.tree, lambda level, index: self.tiles[level, index])
        path = inclusion_proof(position - 1, self.size, subtree)
        payload = self.payload(position)
        return Proof(self.entries[position - 1], SALT, payload, position - 1, tuple(path), self.note)

    def tile(self, level: int, index: int, width: int) -> Sequence[bytes]:
        """The hashes of a tile."""
        data = self.tiles.get((level, index)) or b"".join(self.tree.rows[level])
        assert len(data) == 32 * width
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def export(self, path: Path, first: int = 0, last: int = 0) -> Path:
        """All of it, or the bundles around a range with the proofs of redactions beyond."""
        whole = Coverage.whole(self.size)
        covered = Coverage.around(first, last, self.size) if first else whole
        tiles = Proving(covered, self.checkpoint.root, self.tile) if first else Growing()
        bounds = (covered.after + 1, covered.through) if first else None
        with Folder(path, tiles, covered.after) as folder:
            for position in range(covered.after + 1, covered.through + 1):
                gone = position in self.redactions
                folder.add(self.entries[position - 1], *(b"", b"") if gone else (SALT, self.payload(position)))
            beyond = [
                (exported.redaction_path(act), self.proof(act).text().encode())
                for target, act in self.redactions.items()
                if covered.after < target <= covered.through < act
            ]
            manifest = exported.manifest(self.checkpoint, bounds)
            folder.end(self.note, TRUSTED, manifest, lambda: [*tiles.edge(), *beyond])
        return path


def files(folder: Path) -> list[Path]:
    """All files of a folder, in order."""
    return sorted(each for each in folder.rglob("*") if each.is_file())


def changed_bytes(data: bytes) -> Iterator[bytes]:
    """The content of a file, changed in one way after the other."""
    for at in sorted({0, len(data) // 3, len(data) // 2, len(data) - 1} if data else ()):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        yield data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :]
    yield from (data[: len(data) // 2], data[:-1], data + b"x", data + b"\n", b"")
    yield data.replace(b"\n", b"\r\n")
    yield data + data


def changes(folder: Path) -> Iterator[str]:
    """Changes a folder in one way after the other, and undoes each when the next is asked for; what was done."""
    for file in files(folder):
        name, data = str(file.relative_to(folder)), file.read_bytes()
        for number, other in enumerate(changed_bytes(data)):
            if other != data:
                file.write_bytes(other)
                yield f"{name} changed {number}"
        file.unlink()
        yield f"{name} missing"
        beside = folder.with_name("beside")
        beside.write_bytes(data)
        file.symlink_to(beside)
        yield f"{name} a link"
        file.unlink()
        beside.unlink()
        file.mkdir()
        yield f"{name} a folder"
        file.rmdir()
        file.with_name(f"{file.name}~").write_bytes(data)
        yield f"{name} renamed"
        file.with_name(f"{file.name}~").rename(file)
    yield from _arranged_anew(folder)


def _arranged_anew(folder: Path) -> Iterator[str]:
    """Files that are exchanged, doubled, or besides."""
    tiles = [each for each in files(folder) if "tile" in each.parts]
    for one, two in pairwise(tiles):
        kept, other = one.read_bytes(), two.read_bytes()
        if kept != other:
            one.write_bytes(other)
            two.write_bytes(kept)
            yield f"{one.name} and {two.name} exchanged"
            one.write_bytes(kept)
            two.write_bytes(other)
    for below in sorted(each for each in (folder / "tile").glob("*")):
        below.rename(beside := folder.with_name("beside"))
        below.symlink_to(beside)
        yield f"{below.name} a link to a folder"
        below.unlink()
        beside.rename(below)
    for stranger in ("tile/stranger", "tile/0/999", "tile/000", "tile/7/000", "redactions/9.tlog-proof", "a/b/c"):
        file = folder / stranger
        above = file.parent
        missing = [each for each in (above, *above.parents) if not each.exists()]
        above.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
        yield f"{stranger} besides"
        file.unlink()
        for each in missing:
            each.rmdir()
    lines = (folder / exported.PAYLOADS).read_bytes().splitlines(keepends=True)
    for number, forged in enumerate(_lines_anew(lines)):
        (folder / exported.PAYLOADS).write_bytes(b"".join(forged))
        yield f"lines of payloads anew {number}"
    (folder / exported.PAYLOADS).write_bytes(b"".join(lines))


def _lines_anew(lines: list[bytes]) -> Iterator[list[bytes]]:
    yield lines[1:]
    yield lines[:-1]
    yield [lines[0], *lines]
    yield [lines[1], lines[0], *lines[2:]]
    yield [*lines, lines[-1]]
    yield [b'{"position":1,"redacted":true}\n', *lines[1:]]
    yield [lines[0].replace(b'"payload":', b'"payload": '), *lines[1:]]
    yield [b"\n", *lines]


def copied(folder: Path, to: Path) -> Path:
    """The same folder again, to be changed."""
    shutil.copytree(folder, to)
    return to
