"""`audit verify`: what was signed, proven or exported, verified on this machine, without a server or a network."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from ledger.audit import exported
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS, Proof, Proven, verify_proof
from ledger.cli.audit_folders import verify_folder
from ledger.cli.failures import Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_table, table
from ledger.cli.trusting import KEYS, key_option, opened, parsed, read_text, refuse, witnessed

Rows = dict[str, str | list[str]]
"""What was verified, by name."""


@click.command(
    epilog=example("incident-ledger audit verify 17.tlog-proof --key ledger.example.org/main+2b5cd4b3+AQ...")
)
@click.argument("file", type=click.Path(path_type=Path))
@key_option
@connected
def verify(session: Session, file: Path, keys: Sequence[str]) -> None:
    """Verify a proof file, a checkpoint or an exported folder, without any server.

    Exit code 1 where something does not fit, with the first position of which that is known.
    """
    if not keys:
        raise click.UsageError(
            f"give the ledger's verifier key with --key, {KEYS} or a policy; the file cannot vouch for itself"
        )
    trusted = parsed(keys)
    if file.is_dir():
        replayed = verify_folder(file, trusted)
        told: Rows = {"events": str(replayed.size), "of them redacted": str(replayed.redacted)}
        seen = witness_rows(read_text(file / exported.CHECKPOINT), trusted)
        _print_rows(session, "export", told | _checkpoint_rows(replayed.checkpoint) | seen)
        return
    text = read_text(file)
    if text.startswith("c2sp.org/tlog-proof"):
        try:
            proof = Proof.parse(text)
        except VERIFICATION_ERRORS as error:
            raise Refused(str(error)) from error
        print_proven(session, proven_by(proof, trusted), witness_rows(proof.checkpoint, trusted))
        return
    found = opened(text, trusted)
    _print_rows(session, "checkpoint", _checkpoint_rows(found) | witness_rows(text, trusted))


def proven_by(proof: Proof, trusted: Sequence[VerifierKey]) -> Proven:
    """What a proof shows; Refused where it does not hold."""
    opened(proof.checkpoint, trusted)
    try:
        return verify_proof(proof, trusted)
    except VERIFICATION_ERRORS as error:
        refuse("the proof", error)


def print_proven(session: Session, proven: Proven, seen: Rows) -> None:
    """Print what was proven, and which witnesses have seen it."""
    envelope, payload = proven.envelope, proven.payload
    rows: Rows = {
        "position": str(envelope.position),
        "type": envelope.type,
        "report": envelope.report_id,
        "recorded at": envelope.recorded_at,
        "recorder": envelope.recorder,
        "stream": f"{envelope.stream}, revision {envelope.revision}",
        "payload": payload.decode(errors="replace") if payload is not None else "not shown",
    }
    _print_rows(session, "proven", rows | _checkpoint_rows(proven.checkpoint) | seen)


def witness_rows(note: str, trusted: Sequence[VerifierKey]) -> Rows:
    """Who has cosigned a checkpoint, of those who were asked for."""
    seen = witnessed(note, trusted)
    return {"cosigned by": seen} if seen else {}


def _checkpoint_rows(found: Checkpoint) -> Rows:
    return {"origin": found.origin, "size": str(found.size), "root": found.root.hex()}


def _print_rows(session: Session, title: str, rows: Rows) -> None:
    console: Console = session.out
    if session.as_json:
        console.print_json(
            data={"verified": title} | {name.replace(" ", "_"): value for name, value in rows.items()}
        )
        return
    made = table(title, "")
    for name, value in rows.items():
        made.add_row(name, value if isinstance(value, str) else "\n".join(value))
    print_table(console, made, "")
