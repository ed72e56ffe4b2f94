"""Whose signatures an auditor takes: verifier keys and a policy of witnesses from the command line, and what they
have signed; and the key that an auditor signs with. A policy goes where the keys go, so that nothing is verified
with the one and not the other."""

import stat
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from ledger.audit import policies
from ledger.audit.checkpoints import Checkpoint, open_checkpoint
from ledger.audit.cosignatures import Cosignature, cosignatures
from ledger.audit.merkle import verify_consistency
from ledger.audit.notes import NoteError, SignerKey, VerifierKey
from ledger.audit.policies import Policy, PolicyError
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.cli import wording
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.session import Session
from ledger.persistence.durable import write_whole

KEYS = "LEDGER_VERIFIER_KEYS"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
POLICY = "LEDGER_POLICY"
MAX_SHOWN = 253_402_300_799
"""The last second of the year 9999: what is later is no date."""

MAX_FILE_BYTES = 128 * 1024 * 1024
"""Of a file of one of these formats: a proof holds a payload in base 64 of base 64."""

FILE = click.Path(dir_okay=False, path_type=Path)
"""A file to read or to write."""


class Keys(tuple[str, ...]):
    """Verifier keys as they are given, with the policy that is given beside them."""

    policy: Policy | None = None


class Trusted(tuple[VerifierKey, ...]):
    """Keys of the ledger, with the policy that says which witnesses have to have cosigned."""

    policy: Policy | None = None


def key_option(function: Any) -> Any:
    """Whom to trust: the function gets it as `keys`."""

    @wraps(function)
    def command(*arguments: Any, keys: Sequence[str], policy_file: Path | None, **options: Any) -> None:
        function(*arguments, keys=_given(keys, policy_file), **options)

    said = f"A policy file: which witnesses have to have cosigned; its `log` lines stand in for --key [${POLICY}]."
    command = click.option("--witness-policy", "policy_file", type=FILE, envvar=POLICY, help=said)(command)
    said = f"A verifier key of the ledger, as its operator publishes it; may be repeated [${KEYS}]."
    return click.option("--key", "keys", multiple=True, metavar="KEY", envvar=KEYS, help=said)(command)


def _given(keys: Sequence[str], policy_file: Path | None) -> Keys:
    if policy_file is None:
        return Keys(keys)
    policy = read_policy(policy_file)
    given = Keys(keys or map(str, policy.log_keys))
    if not given:
        raise click.UsageError(f"{policy_file} has no `log` line; add one, or give the ledger's key with --key")
    given.policy = policy
    return given


def read_policy(path: Path) -> Policy:
    """The policy in a file."""
    try:
        return policies.parse(path.read_bytes().decode("utf-8", "surrogateescape"))
    except OSError as error:
        raise FaultyInput(f"{path} cannot be read: {error.strerror}") from error
    except PolicyError as error:
        raise FaultyInput(f"{path}: {error}") from error


def parsed(keys: Iterable[str]) -> Trusted:
    """Keys as they are given, several of them with spaces between."""
    found = []
    for each in (part for key in keys for part in key.split()):
        try:
            found.append(VerifierKey.parse(each))
        except NoteError as error:
            raise click.BadParameter(str(error), param_hint="--key") from error
    trusted = Trusted(found)
    trusted.policy = keys.policy if isinstance(keys, Keys) else None
    return trusted


def signer(path: Path) -> SignerKey:
    """The one key of a file that nobody else reads."""
    text = read_text(path)
    if path.stat().st_mode & OTHERS:
        raise FaultyInput(f"others can read {path}; take that away with `chmod 600 {path}`")
    try:
        return SignerKey.parse(text)
    except NoteError as error:
        raise FaultyInput(f"{path} holds no key that signs: {error}") from error


def opened(note: str, trusted: Sequence[VerifierKey], ledger: str = "") -> Checkpoint:
    """The checkpoint that one of the keys has signed, and a quorum of the witnesses where a policy asks for it; of
    the ledger of this name, where one is given."""
    try:
        found = open_checkpoint(note, trusted)
        seen = _cosignatures(note, trusted)
    except VERIFICATION_ERRORS as error:
        refuse("the checkpoint", error)
    if isinstance(trusted, Trusted) and trusted.policy is not None:
        lacking = trusted.policy.shortfall({each.key for each in seen})
        if lacking:
            raise Refused(f"the checkpoint of {found.size} events is not cosigned by a quorum: {lacking}")
    if ledger and found.origin.rpartition("/")[2] != ledger:
        raise Refused(f"the checkpoint is of {found.origin}, not of the ledger {ledger}")
    return found


def witnessed(note: str, trusted: Sequence[VerifierKey]) -> list[str]:
    """Which witnesses of the policy have cosigned a checkpoint that was opened, each with its time."""
    return [
        f"{each.key.name} at {datetime.fromtimestamp(each.at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        if each.at <= MAX_SHOWN
        else f"{each.key.name} at {each.at} s"
        for each in _cosignatures(note, trusted)
    ]


def _cosignatures(note: str, trusted: Sequence[VerifierKey]) -> list[Cosignature]:
    policy = trusted.policy if isinstance(trusted, Trusted) else None
    return cosignatures(note, policy.witness_keys) if policy is not None else []


def tell_witnesses(session: Session, note: str, trusted: Sequence[VerifierKey]) -> None:
    """Print who has cosigned."""
    for each in witnessed(note, trusted):
        session.err.print(f"cosigned by {wording.visible(each)}", style="dim", soft_wrap=True)


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
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise FaultyInput(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        return data.decode()
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
