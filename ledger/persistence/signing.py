"""The keys that sign checkpoints, and the last checkpoint signed of each ledger: files that no other account reads.
What is signed continues what was signed before, whatever a database says that was set back or exchanged."""

import fcntl
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.audit.checkpoints import Checkpoint, origin_of, sign_checkpoint
from ledger.audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from ledger.audit.notes import NoteError, SignerKey, VerifierKey
from ledger.errors import NotContinuedError, NotFoundError, NotPossibleError, UnavailableError
from ledger.persistence.tree import Consistency

log = logging.getLogger(__name__)

KEY_FILE = "checkpoint.key"
ISSUED_FOLDER = "checkpoints"
NAME_BYTES = 6
LOCK_SECONDS = 5.0
LOCK_PAUSE_SECONDS = 0.005
OTHERS = stat.S_IRWXG | stat.S_IRWXO

Continued = Callable[[int], Consistency]
"""That what is recorded now begins with the tree of a size; NotFoundError where it is smaller."""


class Issued(NamedTuple):
    """A signed checkpoint."""

    note: str
    size: int
    cosigned_by: tuple[str, ...] = ()
    """Names of the keys of witnesses whose cosignatures the note carries."""
    shortfall: str = ""
    """Why they are no quorum; empty where they are, or where none is asked for."""


class Signing:
    """Signs checkpoints of the ledgers of one installation. Other processes may share its files."""

    def __init__(self, folder: Path, given: str | None = None, name: str | None = None) -> None:
        self._folder = folder
        self._given = given
        self._name = name

    def keys(self) -> tuple[SignerKey, ...]:
        """The keys, each of which signs; made where there is no file yet. NotPossibleError says what to do."""
        path = self._folder / KEY_FILE
        try:
            if self._given is not None:
                return _keys(self._given)
            if not path.exists():
                self._make(path)
            if path.stat().st_mode & OTHERS:
                raise NotPossibleError(why=f"others can read {path}; take that away with `chmod 600`")
            return _keys(path.read_text(encoding="utf-8"))
        except OSError as error:
            why = f"there is no key for checkpoints ({error}); set LEDGER_CHECKPOINT_KEY or LEDGER_DATA_DIR"
            raise NotPossibleError(why=why) from error
        except (NoteError, UnicodeDecodeError) as error:
            where = "LEDGER_CHECKPOINT_KEY" if self._given is not None else str(path)
            raise NotPossibleError(why=f"{where} holds no keys for checkpoints: {error}") from error

    def verifiers(self, ledger: str) -> list[VerifierKey]:
        """With what to verify the checkpoints of a ledger."""
        keys = self.keys()
        return [each.named(_origin(keys, ledger)).verifier() for each in keys]

    def issue(self, ledger: str, continued: Continued) -> Issued:
        """A checkpoint of all that is recorded; NotContinuedError where that does not continue the one before."""
        keys = self.keys()
        with self._locked(ledger) as file:
            last = self._last(ledger, file)
            found = self._checked(ledger, file, last, continued)
            checkpoint = Checkpoint(_origin(keys, ledger), found.size, found.root)
            note = sign_checkpoint(checkpoint, keys)
            if last != checkpoint or file.read_text(encoding="utf-8") != note:  # other keys sign than before
                _write(file, note)
        return Issued(note, found.size)

    def _checked(self, ledger: str, file: Path, last: Checkpoint | None, continued: Continued) -> Consistency:
        size = last.size if last is not None else 0
        try:
            found = continued(size)
        except NotFoundError as error:
            raise _not_continued(ledger, size, file, "it is smaller now") from error
        try:
            # By the proof, not by what is stored of that size: nothing else ties it to the root that is signed.
            root = last.root if last is not None else EMPTY_ROOT
            verify_consistency(size, found.size, found.hashes, root, found.root)
        except ProofError as error:
            raise _not_continued(ledger, size, file, "what is recorded does not begin with it") from error
        return found

    def _last(self, ledger: str, file: Path) -> Checkpoint | None:
        if not file.exists():
            return None
        try:
            note = file.read_text(encoding="utf-8")
            # By whatever key: what counts is what was given out. Only this account writes here.
            return Checkpoint.parse(note.rpartition("\n\n")[0] + "\n")
        except (NoteError, UnicodeDecodeError) as error:
            raise NotPossibleError(why=f"{file} does not hold the last checkpoint of {ledger}: {error}") from error

    @contextmanager
    def _locked(self, ledger: str) -> Iterator[Path]:
        """The file of the last checkpoint, while no other process or thread signs one of this ledger."""
        folder = self._folder / ISSUED_FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (folder / f"{ledger}.lock").open("w") as lock:
                _lock(lock.fileno(), ledger)
                yield folder / ledger
        except OSError as error:
            why = f"checkpoints cannot be kept in {folder} ({error}); set LEDGER_DATA_DIR"
            raise NotPossibleError(why=why) from error

    def _make(self, path: Path) -> None:
        """Make a key, unless another process has just done so."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = SignerKey.generate(self._name or f"incident-ledger-{secrets.token_hex(NAME_BYTES)}")
        _write(path, key.secret() + "\n", only_new=True)
        log.info("made a key for checkpoints, %s; publish its verifier key, and keep the file", path)


def _keys(text: str) -> tuple[SignerKey, ...]:
    keys = tuple(map(SignerKey.parse, text.split()))
    if not keys:
        raise NoteError("there is none")
    if len({each.name for each in keys}) > 1:
        raise NoteError("they have different names, and a ledger has one")
    return keys


def _origin(keys: tuple[SignerKey, ...], ledger: str) -> str:
    return origin_of(keys[0].name, ledger)


def _not_continued(ledger: str, size: int, file: Path, what: str) -> NotContinuedError:
    remedy = f"find out why before anything is signed; to accept it, move {file} away"
    return NotContinuedError(position=size, ledger=ledger, size=size, what=what, remedy=remedy)


def _lock(file: int, ledger: str) -> None:
    """Take a lock that another process may hold; UnavailableError where that lasts, and it may be stopped."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                why = f"another process has been signing a checkpoint of {ledger} for {LOCK_SECONDS:g} seconds"
                raise UnavailableError(why=why) from error
            time.sleep(LOCK_PAUSE_SECONDS)


def _write(path: Path, text: str, *, only_new: bool = False) -> None:
    """A file that is there whole or not at all, also after a crash, and that nobody else reads."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(NAME_BYTES)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if only_new:
            os.link(draft, path)
        else:
            draft.replace(path)
    except FileExistsError:
        pass  # another process was faster, and its key is the one
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
