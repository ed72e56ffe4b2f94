"""A witness's memory, in files: of each ledger the last checkpoint that it has cosigned, and what shows a fork.
Nothing is cosigned before it is on disk, and nothing where what is on disk cannot be read."""

import logging
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.cosignatures import CosigningKey
from ledger.audit.notes import NoteError, parts
from ledger.audit.witnessing import (
    CONFLICT,
    NOTHING,
    OK,
    SIZE_TYPE,
    Logs,
    RefusedError,
    Request,
    Seen,
    Shows,
    check_continues,
    signed_checkpoint,
)
from ledger.errors import NotPossibleError
from ledger.persistence.durable import LockedError, make_folder, take_lock, write_whole

log = logging.getLogger(__name__)

STATE, FORKS, KEY_FILE = "cosigned", "forks", "witness.key"
NAME_BYTES = 6
BROKEN, BUSY = 500, 503
PLAIN = "text/plain"
MAX_CASES = 100
"""Of evidence of one kind and ledger that are kept, so that none can crowd out another; beyond them it is logged
only."""
CASE_DIGITS = 16
MAX_SHOWN = 200
"""Characters of a reason."""


class Answer(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: str
    content_type: str = PLAIN


class Witness:
    """Cosigns checkpoints of known ledgers. Threads and other processes may share its folder."""

    def __init__(self, folder: Path, key: CosigningKey, logs: Logs) -> None:
        self._folder = folder
        self._key = key
        self._logs = logs

    def add_checkpoint(self, body: bytes, now: int) -> Answer:
        """Cosign the checkpoint of a request, or say why not; `now` in seconds since 1970."""
        try:
            request = Request.parse(body)
            checkpoint = signed_checkpoint(request, self._logs)
        except RefusedError as refused:
            log.info("refused (%d): %s", refused.status, _shown(refused))
            return Answer(refused.status, f"{_shown(refused)}\n")
        called = f"{checkpoint.origin} at {checkpoint.size}"
        try:
            line = self._cosigned(request, checkpoint, now)
        except RefusedError as refused:
            log.log(
                logging.ERROR if refused.shows else logging.INFO,
                "refused (%d) %s: %s",
                refused.status,
                called,
                refused,
            )
            size = refused.size
            if size is not None:
                return Answer(CONFLICT, f"{size}\n", SIZE_TYPE)
            return Answer(refused.status, f"{refused}\n")
        except LockedError as error:
            log.warning("refused (%d) %s: another process holds its lock %s", BUSY, called, error)
            return Answer(BUSY, "busy; try again\n")
        except (OSError, NoteError, UnicodeDecodeError) as error:
            log.error("refused (%d) %s: what was cosigned cannot be read or kept: %s", BROKEN, called, error)
            return Answer(BROKEN, "the witness cannot read or keep what it has cosigned\n")
        log.info("cosigned %s", called)
        return Answer(OK, f"{line}\n")

    def _cosigned(self, request: Request, checkpoint: Checkpoint, now: int) -> str:
        with self._locked(checkpoint.origin) as file:
            seen = _seen(file, checkpoint.origin)
            try:
                check_continues(request, checkpoint, seen)
            except RefusedError as refused:
                if refused.shows is not None:
                    self._keep(refused.shows, seen, request.note, str(refused))
                raise
            if not seen.note or seen.size != checkpoint.size:
                write_whole(file, request.note)
        return self._key.cosignature(parts(request.note)[0], now)

    @contextmanager
    def _locked(self, origin: str) -> Iterator[Path]:
        """The file of a ledger, while nobody else cosigns one of it."""
        folder = self._folder / STATE
        make_folder(folder)
        name = sha256(origin.encode()).hexdigest()
        with (folder / f"{name}.lock").open("w") as lock:
            take_lock(lock.fileno())
            yield folder / name

    def _keep(self, shows: Shows, seen: Seen, sent: str, why: str) -> None:
        """Both checkpoints, as the ledger has signed them. Never raises: what is answered does not depend on it."""
        cases = self._folder / FORKS
        # By the texts: anybody can add lines of signatures, and so make as many cases of one as they like.
        was, now = parts(seen.note)[0], parts(sent)[0]
        ledger, both = (sha256(each.encode()).hexdigest()[:CASE_DIGITS] for each in (_origin(now), was + now))
        case = cases / f"{shows}-{seen.size}-{ledger}-{both}"
        try:
            make_folder(cases)
            if not case.exists() and sum(1 for _ in cases.glob(f"{shows}-*-{ledger}-*")) >= MAX_CASES:
                log.error("%s has %d cases of this kind: what was sent is not kept: %a", cases, MAX_CASES, sent)
                return
            make_folder(case)
            for what, text in (("cosigned", seen.note), ("sent", sent), ("why", f"{why}\n")):
                write_whole(case / what, text)
        except OSError as error:
            log.error("evidence cannot be kept in %s (%s): what was sent is %a", case, error, sent)
            return
        log.error("evidence is kept in %s", case)


def _origin(text: str) -> str:
    return text.partition("\n")[0]


def _shown(refused: RefusedError) -> str:
    """A reason, in which is what somebody sent, as one line of a log."""
    text = str(refused)[:MAX_SHOWN]
    return "".join(each if each.isprintable() else "?" for each in text)


def witness_key(folder: Path, name: str | None) -> CosigningKey:
    """The key in a witness's folder, made under a name where there is none yet; NotPossibleError."""
    path = folder / KEY_FILE
    try:
        make_folder(folder)
        if not path.exists():
            made = CosigningKey.generate(name or f"incident-ledger-witness-{secrets.token_hex(NAME_BYTES)}")
            write_whole(path, f"{made.secret()}\n", only_new=True)
            log.info("made a key, %s; publish its verifier key, and keep the file", path)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NotPossibleError(why=f"others can read {path}; take that away with `chmod 600`")
        key = CosigningKey.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotPossibleError(why=f"{folder} cannot hold what a witness keeps ({error}); name another") from error
    except (NoteError, UnicodeDecodeError) as error:
        raise NotPossibleError(why=f"{path} holds no key of a witness: {error}") from error
    if name and name != key.name:
        raise NotPossibleError(why=f"the key in {path} is of {key.name}, not of {name}; leave the name out")
    return key


def _seen(file: Path, origin: str) -> Seen:
    """What was cosigned last; NoteError where it cannot be read: it is never taken for nothing."""
    try:
        note = file.read_bytes().decode()
    except FileNotFoundError:
        return NOTHING
    checkpoint = Checkpoint.parse(parts(note)[0])
    if checkpoint.origin != origin:
        raise NoteError(f"{file} is of {checkpoint.origin}")
    return Seen(checkpoint.size, checkpoint.root, note)
