"""Whose signatures an auditor takes: verifier keys from the command line, and what they have signed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.merkle import verify_consistency
from ledger.audit.notes import NoteError, VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.cli import wording
from ledger.cli.failures import FaultyInput, Refused
from ledger.persistence.issued import write_whole

KEYS = "LEDGER_VERIFIER_KEYS"


FILE = click.Path(dir_okay=False, path_type=Path)
"""A file to read or to write."""


def key_option(function: Any) -> Any:
    """Whom to trust."""
    said = f"A verifier key of the ledger, as its operator publishes it; may be repeated [${KEYS}]."
    return click.option("--key", "keys", multiple=True, metavar="KEY", envvar=KEYS, help=said)(function)


def parsed(keys: Iterable[str]) -> list[VerifierKey]:
    """Keys as they are given, several of them with spaces between."""
    found = []
    for each in (part for key in keys for part in key.split()):
        try:
            found.append(VerifierKey.parse(each))
        except NoteError as error:
            raise click.BadParameter(str(error), param_hint="--key") from error
    return found


def opened(note: str, trusted: Sequence[VerifierKey], ledger: str = "") -> Checkpoint:
    """The checkpoint that one of the keys has signed; of the ledger of this name, where one is given."""
    try:
        found = open_checkpoint(note, trusted)
    except VERIFICATION_ERRORS as error:
        refuse("the checkpoint", error)
    if ledger and not found.origin.endswith(f"/{ledger}"):
        raise Refused(f"the checkpoint is of {found.origin}, not of the ledger {ledger}")
    return found


def refuse(what: str, error: Exception) -> NoReturn:
    """Something does not hold."""
    raise Refused(f"{what} does not hold: {error}") from error


def whose(keys: Sequence[str], found: Checkpoint) -> str:
    """What a checkpoint is of, and how much its verification is worth."""
    by = "the keys that you gave" if keys else "the keys that the server names; compare them with published ones"
    return f"{found.origin}, {wording.number(found.size)} events, verified with {by}"


def check_origin(earlier: Checkpoint, found: Checkpoint) -> None:
    """Two checkpoints are of one ledger."""
    if earlier.origin != found.origin:
        raise Refused(f"the earlier checkpoint is of {earlier.origin}, the new one of {found.origin}")


def check_continues(earlier: Checkpoint, found: Checkpoint, hashes: Sequence[bytes]) -> None:
    """The tree of a checkpoint begins with that of an earlier one."""
    check_origin(earlier, found)
    try:
        verify_consistency(earlier.size, found.size, hashes, earlier.root, found.root)
    except VERIFICATION_ERRORS as error:
        raise Refused(f"the ledger does not continue the checkpoint of {earlier.size} events: {error}") from error


def earlier_ones(since: Path | None, remember: Path | None) -> list[Path]:
    """The files of checkpoints that a new one must continue; the first time there is nothing to remember."""
    return [each for each in (since, remember) if each is not None and (each != remember or each.exists())]


def read_text(path: Path) -> str:
    """A file of one of these formats, byte for byte."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise FaultyInput(f"{path} is not UTF-8") from error
    except OSError as error:
        raise FaultyInput(f"{path} cannot be read: {error.strerror}") from error


def write_text(path: Path, text: str) -> None:
    """Write such a file."""
    try:
        path.write_bytes(text.encode())
    except OSError as error:
        raise FaultyInput(f"{path} cannot be written: {error.strerror}") from error


def replace_text(path: Path, text: str) -> None:
    """Write such a file in the place of another, whole or not at all."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise FaultyInput(f"{path} cannot be written: {error.strerror}") from error
