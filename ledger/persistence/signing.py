"""The keys that sign checkpoints, and the last checkpoint signed of each ledger: files that no other account reads.
What is signed continues what was signed before, whatever a database says that was set back or exchanged."""

import logging
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ledger.audit.checkpoints import Checkpoint, origin_of, sign_checkpoint
from ledger.audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from ledger.audit.notes import NoteError, SignerKey, VerifierKey
from ledger.errors import NotFoundError, NotPossibleError
from ledger.persistence.durable import write_whole
from ledger.persistence.issued import IssuedCheckpoints, not_continued
from ledger.persistence.tree import Consistency

log = logging.getLogger(__name__)

KEY_FILE = "checkpoint.key"
NAME_BYTES = 6
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
        self.issued = IssuedCheckpoints(folder)

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
        with self.issued.locked(ledger) as file:
            last = self.issued.last(ledger)
            found = _checked(ledger, last, continued)
            checkpoint = Checkpoint(_origin(keys, ledger), found.size, found.root)
            note = sign_checkpoint(checkpoint, keys)
            if last != checkpoint or file.read_text(encoding="utf-8") != note:  # other keys sign than before
                write_whole(file, note)
        return Issued(note, found.size)

    def _make(self, path: Path) -> None:
        """Make a key, unless another process has just done so."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = SignerKey.generate(self._name or f"incident-ledger-{secrets.token_hex(NAME_BYTES)}")
        write_whole(path, key.secret() + "\n", only_new=True)
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


def _checked(ledger: str, last: Checkpoint | None, continued: Continued) -> Consistency:
    size = last.size if last is not None else 0
    try:
        found = continued(size)
    except NotFoundError as error:
        now = error.values.get("now", 0)
        raise not_continued(ledger, size, now, f"it is smaller now, and has {now}") from error
    try:
        # By the proof, not by what is stored of that size: nothing else ties it to the root that is signed.
        root = last.root if last is not None else EMPTY_ROOT
        verify_consistency(size, found.size, found.hashes, root, found.root)
    except ProofError as error:
        raise not_continued(ledger, size, found.size, "what is recorded does not begin with it") from error
    return found
