"""`audit replay`: all that is recorded, verified event by event on this machine against a signed checkpoint."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from incident.ledger.v1 import audit_service_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.audit.replayed import Replayed
from ledger.cli import wording
from ledger.cli.failures import Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import FILE, check_continues, key_option, opened, parsed, read_text, whose


@click.command(
    epilog=example(
        "incident-ledger audit replay --key ledger.example.org/main+2b5cd4b3+A…",
        "incident-ledger audit replay --since monday.checkpoint",
    )
)
@click.option("--since", type=FILE, help="An earlier checkpoint, that the record must continue.")
@key_option
@connected
def replay(session: Session, since: Path | None, keys: Sequence[str]) -> None:
    """Replay everything that is recorded, and verify it here: each event, each payload, and the root of all.

    The server is trusted with nothing but its signature on the checkpoint that it begins with. Exit code 1 at the
    first position that does not fit.
    """
    trusted = parsed(keys or _named(session))
    earlier = opened(read_text(since), trusted) if since is not None else None
    found, hashes, batches = _begun(session, trusted, known=earlier.size if earlier is not None else 0)
    if earlier is not None:
        check_continues(earlier, found, hashes)
    replayed = Replayed(found)
    _take_all(session, replayed, batches)
    if replayed.unexplained:  # perhaps by what was recorded meanwhile
        found, _, batches = _begun(session, trusted, after=replayed.size)
        _go_on(session, replayed, found, batches)
    if session.as_json:
        told = {"origin": found.origin, "size": found.size, "root": found.root.hex(), "redacted": replayed.redacted}
        session.out.print_json(data=told)
        return
    session.out.print(f"All {wording.number(replayed.size)} events fit, and give the root that was signed.")
    if replayed.redacted:
        session.out.print(f"Of them {wording.number(replayed.redacted)} are redacted: their payloads are gone.")
    session.err.print(whose(keys, found), style="dim", soft_wrap=True)


def _take_all(session: Session, replayed: Replayed, batches: Iterator[Any]) -> None:
    with Progress(console=session.err, disable=session.as_json or not session.err.is_terminal) as progress:
        bar = progress.add_task("verified", total=replayed.checkpoint.size)
        try:
            for batch in batches:
                for event in batch.events:
                    replayed.take(event.envelope, event.salt, event.payload)
                progress.update(bar, completed=replayed.size)
            replayed.end()
        except VERIFICATION_ERRORS as error:
            raise Refused(str(error)) from error


def _go_on(session: Session, replayed: Replayed, found: Checkpoint, batches: Iterator[Any]) -> None:
    replayed.go_on(found)
    _take_all(session, replayed, batches)
    if replayed.unexplained:
        raise Refused(f"position {replayed.unexplained}: its payload is gone, and no redaction is recorded")


def _begun(
    session: Session, trusted: Sequence[VerifierKey], after: int = 0, known: int = 0
) -> tuple[Checkpoint, Sequence[bytes], Iterator[Any]]:
    """A replay from after a position on: its checkpoint, the proof from a known size on, and its batches."""
    request = messages.ReplayHistoryRequest(
        ledger=session.ledger,
        from_position=after + 1,
        view=records_pb2.EVENT_VIEW_RAW,
        with_checkpoint=True,
        known_size=known,
    )
    batches = iter(session.stub(LedgerServiceStub).ReplayHistory(request, timeout=session.timeout))
    first = next(batches, messages.ReplayHistoryResponse())
    return opened(first.checkpoint, trusted, session.ledger), first.consistency_hashes, batches


def _named(session: Session) -> Sequence[str]:
    """The keys that the server names."""
    request = audit_service_pb2.GetCheckpointRequest(ledger=session.ledger)
    answer = session.stub(AuditServiceStub).GetCheckpoint(request, timeout=session.answer_within)
    return list(answer.verifier_keys)
