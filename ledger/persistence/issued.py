"""The last checkpoint of each ledger, as files outside of the database: what the next one must continue, until an
operator accepts another record. What was refused is kept as evidence. It signs nothing and reads no database."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.notes import NoteError
from ledger.domain.administration import RollbackAccepted
from ledger.errors import NotContinuedError, NotPossibleError, UnavailableError
from ledger.persistence.durable import LockedError, take_lock, write_whole

ISSUED_FOLDER = "checkpoints"
LEDGER_NAME = re.compile(r"[a-z][a-z0-9_]*")
"""Everything else in the folder has a point in its name."""
ACCEPTED = re.compile(r"(\S+) was (?:unknown|(\d+) ([0-9a-f]{64})) now (\d+) [0-9a-f]{64}")
"""A line of what was accepted."""


class IssuedCheckpoints:
    """The files of one installation. Other processes may share them."""

    def __init__(self, folder: Path) -> None:
        """Of a data folder."""
        self.folder = folder / ISSUED_FOLDER
        self._read: dict[str, tuple[tuple[int, ...], Checkpoint]] = {}

    def ledgers(self) -> list[str]:
        """Names of the ledgers that have one."""
        try:
            names = [each.name for each in self.folder.iterdir()] if self.folder.exists() else []
        except OSError as error:
            raise NotPossibleError(why=f"checkpoints cannot be read in {self.folder} ({error})") from error
        return sorted(name for name in names if LEDGER_NAME.fullmatch(name))

    def last(self, ledger: str) -> Checkpoint | None:
        """The last one, by whatever key: what counts is what was given out. None where there is none;
        NotPossibleError where it cannot be read."""
        file = self.folder / ledger
        try:
            found = file.stat()
            written = (found.st_mtime_ns, found.st_ino, found.st_size)
            known = self._read.get(ledger)
            if known is None or known[0] != written:
                note = file.read_text(encoding="utf-8")
                known = self._read[ledger] = (written, Checkpoint.parse(note.rpartition("\n\n")[0] + "\n"))
            return known[1]
        except FileNotFoundError:
            return None
        except (OSError, NoteError, UnicodeDecodeError) as error:
            raise NotPossibleError(why=f"{file} does not hold the last checkpoint of {ledger}: {error}") from error

    def refuse_gone(self, ledger: str) -> None:
        """Refuse to make or open a ledger that was there and is not any more: never anew in silence.
        NotContinuedError."""
        last = self.last(ledger)
        if last is not None and last.size:
            raise not_continued(ledger, last.size, 0, "the database has no ledger of this name any more")

    def accepted(self, ledger: str) -> int:
        """A number that grows whenever another record is accepted: what was known before counts no longer."""
        try:
            return self._acceptances(ledger).stat().st_size
        except OSError:
            return 0

    def accept(self, now: Checkpoint, ledger: str, moment: datetime) -> Path | None:
        """Let the record go on from what it is now. The file with what was signed before, if anything."""
        with self.locked(ledger) as file:
            last = self.last(ledger)
            evidence = file.with_name(f"{ledger}.refused-{moment:%Y%m%dT%H%M%SZ}") if last is not None else None
            if evidence is not None:
                os.link(file, evidence)
            write_whole(file, f"{now.text()}\n")  # a note without signatures, until the next one is signed
            was = f"{last.size} {last.root.hex()}" if last is not None else "unknown"
            with self._acceptances(ledger).open("a", encoding="utf-8") as log:
                log.write(f"{moment:%Y-%m-%dT%H:%M:%SZ} was {was} now {now.size} {now.root.hex()}\n")
                log.flush()
                os.fsync(log.fileno())
        return evidence

    def acceptances(self, ledger: str) -> list[RollbackAccepted]:
        """All that operators have accepted of a ledger, as the administrative record tells it."""
        try:
            lines = self._acceptances(ledger).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        return [_acceptance(ledger, *found.groups()) for found in map(ACCEPTED.fullmatch, lines) if found]

    @contextmanager
    def locked(self, ledger: str) -> Iterator[Path]:
        """The file of a ledger, while no other process or thread signs one of it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self.folder / f"{ledger}.lock").open("w") as lock:
                take_lock(lock.fileno())
                yield self.folder / ledger
        except LockedError as error:
            why = f"another process has been signing a checkpoint of {ledger} {error}"
            raise UnavailableError(why=why) from error
        except OSError as error:
            why = f"checkpoints cannot be kept in {self.folder} ({error}); set LEDGER_DATA_DIR"
            raise NotPossibleError(why=why) from error

    def _acceptances(self, ledger: str) -> Path:
        return self.folder / f"{ledger}.accepted"


def _acceptance(ledger: str, moment: str, size: str | None, root: str | None, now: str) -> RollbackAccepted:
    said = {"issued_size": size, "issued_root": root} if size is not None else {}
    return RollbackAccepted.of(ledger=ledger, size=now, accepted_at=moment, **said)


def not_continued(ledger: str, size: int, now: int, what: str, known: str = "") -> NotContinuedError:
    """What is said of a record that is not what it was, and how an operator accepts it."""
    remedy = (
        "find out why; once you know, accept what is there with"
        f" `incident-ledger accept-rollback {ledger} --size {now}`"
    )
    known = known or f"its checkpoint of {size} events"
    return NotContinuedError(
        position=size, ledger=ledger, known=known, size=size, now=now, what=what, remedy=remedy
    )
