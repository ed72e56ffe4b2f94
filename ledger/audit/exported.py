"""A ledger as files: entries and tiles as C2SP tlog-tiles names and cuts them, payloads as JSON lines beside them.

Pure functions over bytes and names; whoever writes or reads the files is elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, NamedTuple

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.envelope import SALT_BYTES
from ledger.audit.merkle import ProofError
from ledger.audit.tiles import TILE_WIDTH, Tile, TreeState

CHECKPOINT, KEYS, PAYLOADS, MANIFEST = "checkpoint", "keys", "payloads.jsonl", "manifest.json"
ENTRIES = "entries"
REDACTIONS = "redactions"
FORMAT = "incident-ledger/export/v1"
FORMAT_OF_RANGE = "incident-ledger/export-range/v1"
MAX_MANIFEST_BYTES = 4_096
MAX_ENTRY_BYTES = 2**16 - 1
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
MAX_LINE_BYTES = 64 * 1024 * 1024
"""Of payloads: as much as an answer of the service at most."""
EVENT_ID_LINE = 6
"""Of an envelope, counted from 1."""
_LENGTH_BYTES = 2
_PLACES = 1_000
_SHOWN = re.compile(rb'\{"position":([1-9][0-9]*),"salt":"([0-9a-f]{32})","payload":(.*)\}\n')
_REDACTED = re.compile(rb'\{"position":([1-9][0-9]*),"redacted":true\}\n')


class Payload(NamedTuple):
    """What a line of payloads holds; salt and payload are empty where it was redacted."""

    position: int
    salt: bytes
    payload: bytes


def tile_path(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is, or a bundle of entries, as tlog-tiles says: `tile/0/x001/x234/067.p/8`."""
    last, groups = f"{index % _PLACES:03}", []
    while index := index // _PLACES:
        groups.append(f"x{index % _PLACES:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return "/".join(["tile", str(level), *reversed(groups), last + partial])


def bundle(entries: Sequence[bytes]) -> bytes:
    """Entries one after the other, each with its length before it, in two bytes, the larger first; ProofError."""
    if any(len(each) > MAX_ENTRY_BYTES for each in entries):
        raise ProofError(f"an entry is longer than {MAX_ENTRY_BYTES} bytes, and cannot be in a bundle")
    return b"".join(len(each).to_bytes(_LENGTH_BYTES, "big") + each for each in entries)


def entries_of(data: bytes) -> Iterator[bytes]:
    """The entries of a bundle; ProofError where it is cut off."""
    at = 0
    while at < len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        if end > len(data) or at + _LENGTH_BYTES > len(data):
            raise ProofError("a bundle of entries is cut off")
        yield data[at + _LENGTH_BYTES : end]
        at = end


def position_of(ids: Set[str], first: int, entries: Iterable[bytes]) -> int:
    """The position of an event that has one of these ids, among entries from a position on; 0 where none has."""
    for position, entry in enumerate(entries, first):
        if ids and entry.split(b"\n", EVENT_ID_LINE)[EVENT_ID_LINE - 1].decode() in ids:
            return position
    return 0


def partial_tiles(tree: TreeState) -> Iterator[tuple[str, bytes]]:
    """The tiles of a tree that are not complete, with their paths."""
    for level, row in enumerate(tree.rows):
        if row:
            yield tile_path(level, tree.size >> 8 * (level + 1), len(row)), b"".join(row)


def complete_tile(tile: Tile) -> tuple[str, bytes]:
    """A complete tile with its path."""
    return tile_path(tile.level, tile.index), tile.hashes


def payload_line(payload: Payload) -> bytes:
    """A line of payloads, JSON: the stored bytes are in it as they are, and therefore exact; ProofError."""
    if not payload.salt:
        return b'{"position":%d,"redacted":true}\n' % payload.position
    if b"\n" in payload.payload or len(payload.salt) != SALT_BYTES or not _is_json(payload.payload):
        raise ProofError(f"position {payload.position}: its payload cannot be a line of JSON")
    salt = payload.salt.hex().encode()
    return b'{"position":%d,"salt":"%s","payload":%s}\n' % (payload.position, salt, payload.payload)


def payload_of(line: bytes) -> Payload:
    """What a line of payloads holds; ProofError."""
    found = _SHOWN.fullmatch(line)
    # What is no JSON by itself could be read as something else within its line.
    if found and _is_json(found[3]):
        return Payload(int(found[1]), bytes.fromhex(found[2].decode()), found[3])
    if found := _REDACTED.fullmatch(line):
        return Payload(int(found[1]), b"", b"")
    raise ProofError(f"this is no line of payloads: {line[:60]!r}")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def redaction_path(position: int) -> str:
    """Where the proof is of a PayloadRedacted that an export of a range does not hold."""
    return f"{REDACTIONS}/{position}.tlog-proof"


def manifest(checkpoint: Checkpoint, covered: tuple[int, int] | None = None) -> str:
    """The manifest of an export up to a checkpoint; of a range, with its first and last position."""
    told: dict[str, object] = {"format": FORMAT if covered is None else FORMAT_OF_RANGE}
    told |= {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
    if covered is not None:
        told |= {"from": covered[0], "to": covered[1]}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def range_of(text: str) -> tuple[int, int] | None:
    """The first and last position that a manifest states, or that it is of everything; ProofError. Whether the rest
    of it is right is seen when it is written again."""
    try:
        told: Any = json.loads(text)
        if told["format"] == FORMAT:
            return None
        first, last = told["from"], told["to"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProofError("the manifest is not one of an export") from error
    if type(first) is not int or type(last) is not int:
        raise ProofError("the manifest does not state a range of positions")
    return first, last
