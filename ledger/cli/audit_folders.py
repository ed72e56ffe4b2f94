"""A ledger, or a range of it, in a folder: verified without any server. Of the folder it believes nothing but what
fits the root that a trusted key has signed; it reads regular files only, and each within a bound."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ledger.audit import exported
from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.covered import Coverage, Rooted
from ledger.audit.exported import Payload
from ledger.audit.merkle import HASH_BYTES, ProofError, leaf_hash
from ledger.audit.notes import MAX_NOTE_BYTES, VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS, Proof, verify_proof
from ledger.audit.replayed import REDACTION, Taken, redacted_event
from ledger.audit.tiles import TILE_WIDTH
from ledger.cli.audit_replay import Keep
from ledger.cli.failures import Refused
from ledger.cli.trusting import MAX_FILE_BYTES, opened


class Verified(NamedTuple):
    """What a folder was found to hold."""

    checkpoint: Checkpoint
    note: str
    """The checkpoint as it was signed."""
    covered: Coverage
    redacted: int
    of_range: bool


Tell = Callable[[int, int], None]
"""What is told after each bundle: how many events are verified, and how many there are."""


def verify_folder(
    path: Path,
    trusted: Sequence[VerifierKey],
    tell: Tell = lambda done, total: None,
    keep: Keep = lambda entry, salt, payload: None,
) -> Verified:
    """Everything in the folder fits together, and gives the root that a trusted key has signed; Refused says what
    does not, and at which position. `keep` gets each event, before that is known of all of them."""
    with _telling():
        return _Verification(path, trusted, keep).run(tell)


def checkpoint_of(path: Path, trusted: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint of an export, before what it covers is looked at; Refused."""
    with _telling():
        return _Verification(path, trusted, lambda entry, salt, payload: None).checkpoint


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"{error.filename} cannot be read: {error.strerror}") from error
    except VERIFICATION_ERRORS as error:
        raise Refused(str(error)) from error


class _Verification:
    """Of one folder."""

    def __init__(self, path: Path, trusted: Sequence[VerifierKey], keep: Keep) -> None:
        if not os.path.lexists(path / exported.MANIFEST):
            raise Refused(f"{path} has no {exported.MANIFEST}: it is no export, or one that did not end")
        self._path = path
        self._trusted = trusted
        self._keep = keep
        self._note = self._text(exported.CHECKPOINT, MAX_NOTE_BYTES)
        self.checkpoint = opened(self._note, trusted)
        size = self.checkpoint.size
        text = self._text(exported.MANIFEST, exported.MAX_MANIFEST_BYTES)
        self._range = exported.range_of(text)
        self._covered = Coverage.around(*self._range, size) if self._range else Coverage.whole(size)
        bounds = (self._covered.after + 1, self._covered.through) if self._range else None
        if text != exported.manifest(self.checkpoint, bounds):
            raise ProofError("the manifest does not say what the checkpoint and whole bundles of entries say")
        self._names = 4
        """How many files the export has: checkpoint, keys, payloads, manifest, and what else is read of it."""

    def run(self, tell: Tell) -> Verified:
        """Return only if everything fits."""
        self._check_keys()
        rooted = Rooted(self._covered, self.checkpoint.root, self._tile)
        taken = Taken(self.checkpoint.origin, self._covered.after, self._covered.through)
        with _opened(self._path / exported.PAYLOADS) as lines:
            for bundle in range(self._covered.first, self._covered.end):
                self._names += 1
                self._take_bundle(bundle, rooted.tile(0, bundle), lines, taken)
                tell(taken.size, self._covered.events)
            if left := _line(lines, taken.through):
                raise ProofError(f"a payload of position {left.position} is there, and no event")
        explained = self._take_redactions(taken)
        if taken.unexplained:
            raise ProofError(f"position {taken.unexplained}: its payload is gone, and no redaction is recorded")
        self._check_gone(taken)
        self._check_strangers(explained)
        return Verified(self.checkpoint, self._note, self._covered, taken.redacted, self._range is not None)

    def _take_bundle(self, bundle: int, hashes: Sequence[bytes], lines: BinaryIO, taken: Taken) -> None:
        entries = self._entries(bundle)
        if len(entries) != len(hashes):
            where = f"the bundle after position {taken.through}"
            raise ProofError(f"{where} has {len(entries)} entries, not {len(hashes)}")
        for entry, leaf in zip(entries, hashes, strict=True):
            place = taken.through + 1
            if leaf_hash(entry) != leaf:
                raise ProofError(f"position {place}: its envelope is not the one in the tree")
            payload = _payload(lines, place)
            taken.take(entry, payload.salt, payload.payload)
            self._keep(entry, payload.salt, payload.payload)

    def _entries(self, bundle: int) -> list[bytes]:
        name = exported.tile_path(exported.ENTRIES, bundle, self._covered.width(0, bundle))
        try:
            return list(exported.entries_of(self._read(name, exported.MAX_BUNDLE_BYTES)))
        except ProofError as error:
            raise ProofError(f"{name}: {error}") from error

    def _tile(self, level: int, index: int, width: int) -> Sequence[bytes]:
        """A tile as it is in the folder. Each is asked for once."""
        self._names += 1
        data = self._read(exported.tile_path(level, index, width), TILE_WIDTH * HASH_BYTES)
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    def _take_redactions(self, taken: Taken) -> set[str]:
        """Proofs of redactions that are recorded beyond the range; answers their paths."""
        folder, wanting = self._path / exported.REDACTIONS, taken.wanting
        if self._range is None or not wanting:
            return set()
        names = {f"{exported.REDACTIONS}/{name}" for name in os.listdir(folder)} if folder.is_dir() else set()
        for name in sorted(names):
            try:
                position, target = self._proven_redaction(name)
                if target not in wanting:
                    raise ProofError("it explains nothing that is missing here")
                taken.explain(position, target)
            except VERIFICATION_ERRORS as error:
                raise ProofError(f"{name}: {error}") from error
        self._names += len(names)
        return names

    def _proven_redaction(self, name: str) -> tuple[int, str]:
        proof = Proof.parse(self._text(name, MAX_FILE_BYTES))
        if proof.checkpoint != self._note:
            raise ProofError("it is not a proof for the checkpoint of this export")
        proven = verify_proof(proof, self._trusted)
        position = proven.envelope.position
        if proven.envelope.type != REDACTION or proven.payload is None or name != exported.redaction_path(position):
            raise ProofError("it is not the proof of a redaction that its name says")
        if position <= self._covered.through:
            raise ProofError("its position is not beyond the range")
        return position, redacted_event(proven.payload)

    def _check_gone(self, taken: Taken) -> None:
        """No event came with its payload although the record says that this was removed."""
        if not taken.elsewhere:
            return
        for bundle in range(self._covered.first, self._covered.end):
            if there := exported.position_of(taken.elsewhere, bundle * TILE_WIDTH + 1, self._entries(bundle)):
                raise ProofError(f"position {there}: its payload came, and the record says that it was removed")
        if self._covered == Coverage.whole(self._covered.size):
            raise ProofError(
                f"the payload of {min(taken.elsewhere)} was removed, and no such event is in the ledger"
            )

    def _check_keys(self) -> None:
        """The keys beside the record are such, and one of them has signed the checkpoint."""
        text = self._text(exported.KEYS, MAX_NOTE_BYTES)
        try:
            keys = list(map(VerifierKey.parse, text.splitlines()))
            if text != "".join(f"{key}\n" for key in dict.fromkeys(keys)):
                raise ProofError("it is not written as an export writes it")
            open_checkpoint(self._note, keys)
        except VERIFICATION_ERRORS as error:
            raise ProofError(f"the file {exported.KEYS}: {error}") from error

    def _check_strangers(self, explained: set[str]) -> None:
        """There is no file but those that were read: their number says so, and their names are not kept."""
        if sum(1 for _ in _files(self._path)) == self._names:
            return
        known = {exported.CHECKPOINT, exported.KEYS, exported.PAYLOADS, exported.MANIFEST, *explained}
        known |= set(self._covered.names())
        strangers = sorted(set(_files(self._path)) - known)
        if not strangers:
            raise ProofError("a file is gone since it was read")
        raise ProofError(f"{strangers[0]} does not belong to the export ({len(strangers)} such files)")

    def _text(self, name: str, most: int) -> str:
        try:
            return self._read(name, most).decode()
        except UnicodeDecodeError as error:
            raise ProofError(f"{name} is not UTF-8") from error

    def _read(self, name: str, most: int) -> bytes:
        with _opened(self._path / name) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise ProofError(f"{name} is larger than {most} bytes")
        return data


def _payload(lines: BinaryIO, place: int) -> Payload:
    """The line of payloads of a position."""
    payload = _line(lines, place)
    if payload is None:
        raise ProofError(f"position {place}: its line of payloads is missing")
    if payload.position != place:
        raise ProofError(f"position {place}: the payload of position {payload.position} is in its place")
    return payload


def _line(lines: BinaryIO, place: int) -> Payload | None:
    line = lines.readline(exported.MAX_LINE_BYTES + 1)
    if len(line) > exported.MAX_LINE_BYTES:
        raise ProofError(f"position {place}: its line of payloads is longer than {exported.MAX_LINE_BYTES} bytes")
    try:
        return exported.payload_of(line) if line else None
    except ProofError as error:
        raise ProofError(f"position {place}: {error}") from error


def _opened(file: Path) -> BinaryIO:
    """A regular file: a link could lead elsewhere tomorrow, and a pipe would keep us waiting."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ProofError(f"{file} is not a regular file")
    return os.fdopen(descriptor, "rb")


def _files(folder: Path) -> Iterator[str]:
    """The paths of all that is below a folder and is no folder; ProofError at a link, to a folder too."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if entry.is_symlink():
                    raise ProofError(f"{name} does not belong to the export: it is a link")
                if entry.is_dir():
                    waiting.append(f"{name}/")
                else:
                    yield name
