"""`audit verify`: what was signed, proven or exported, verified on this machine, without a server or a network."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ledger.audit.checkpoints import Checkpoint
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS, Proof, Proven, verify_proof
from ledger.audit.statements import FORMAT as FIGURE
from ledger.cli.audit_folders import verify_folder
from ledger.cli.failures import Refused
from ledger.cli.figure_verify import verify_statement
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_table, table
from ledger.cli.trusting import KEYS, key_option, opened, parsed, read_text, refuse, witnessed

Rows = dict[str, str | list[str]]
"""What was verified, by name."""


@click.command(
    epilog=example("incident-ledger audit verify 17.tlog-proof --key ledger.example.org/main+2b5cd4b3+AQ...")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--recompute", is_flag=True, help="Compute a figure's statement again, from the server's record.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="With --recompute: from an exported folder instead.",
)
@key_option
@connected
def verify(session: Session, file: Path, recompute: bool, folder: Path | None, keys: Sequence[str]) -> None:
    """Verify a proof file, a checkpoint, an exported folder or a figure's statement, without any server.

    Exit code 1 where something does not fit, with the first position of which that is known. A statement needs the
    key of whoever made it beside that of the ledger.
    """
    if not keys:
        raise click.UsageError(
            f"give the ledger's verifier key with --key, {KEYS} or a policy; the file cannot vouch for itself"
        )
    trusted = parsed(keys)
    text = "" if file.is_dir() else read_text(file)  # once: it can be a pipe
    is_figure = text.startswith(FIGURE)
    if (recompute or folder is not None) and not (is_figure and recompute):
        raise click.UsageError("--recompute is for a figure's statement, and --folder goes with it")
    if is_figure:
        verify_statement(session, text, trusted, recompute, folder)
        return
    if file.is_dir():
        with Progress(console=session.err, disable=session.as_json or not session.err.is_terminal) as progress:
            bar = progress.add_task("verified", total=None)
            found = verify_folder(
                file, trusted, lambda done, total: progress.update(bar, completed=done, total=total)
            )
        told: Rows = {"events": str(found.covered.events), "of them redacted": str(found.redacted)}
        if found.of_range:
            told |= {"from position": str(found.covered.after + 1), "to position": str(found.covered.through)}
        seen = witness_rows(found.note, trusted)
        _print_rows(session, "export", told | _checkpoint_rows(found.checkpoint) | seen)
        return
    if text.startswith("c2sp.org/tlog-proof"):
        try:
            proof = Proof.parse(text)
        except VERIFICATION_ERRORS as error:
            raise Refused(str(error)) from error
        print_proven(session, proven_by(proof, trusted), witness_rows(proof.checkpoint, trusted))
        return
    signed = opened(text, trusted)
    _print_rows(session, "checkpoint", _checkpoint_rows(signed) | witness_rows(text, trusted))


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
