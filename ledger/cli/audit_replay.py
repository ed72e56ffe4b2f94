"""`audit replay`: all that is recorded, verified event by event on this machine against a signed checkpoint."""

from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.progress import Progress

from incident.ledger.v1 import audit_service_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.audit.replayed import Replayed
from ledger.cli import wording
from ledger.cli.failures import Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import check_continues, key_option, opened, parsed, whose

BATCH = 5_000


@click.command(
    epilog=example(
        "incident-ledger audit replay --key ledger.example.org/main+2b5cd4b3+A…",
        "incident-ledger audit replay --since monday.checkpoint",
    )
)
@click.option("--since", type=click.File(), help="An earlier checkpoint, that the record must continue.")
@key_option
@connected
def replay(session: Session, since: Any, keys: Sequence[str]) -> None:
    """Replay everything that is recorded, and verify it here: each event, each payload, and the root of all.

    The server is trusted with nothing but its signature on the checkpoint that it begins with. Exit code 1 at the
    first position that does not fit.
    """
    trusted = parsed(keys or _named(session))
    earlier = opened(since.read(), trusted) if since is not None else None
    batches = _batches(session, earlier.size if earlier is not None else 0)
    first = next(batches)
    found = opened(first.checkpoint, trusted)
    if earlier is not None:
        check_continues(earlier, found, first.consistency_hashes)
    replayed = _verified(session, Replayed(found), batches)
    if session.as_json:
        told = {"origin": found.origin, "size": found.size, "root": found.root.hex(), "redacted": replayed.redacted}
        session.out.print_json(data=told)
        return
    session.out.print(f"All {wording.number(replayed.size)} events fit, and give the root that was signed.")
    if replayed.redacted:
        session.out.print(f"Of them {wording.number(replayed.redacted)} are redacted: their payloads are gone.")
    session.err.print(whose(keys, found), style="dim", soft_wrap=True)


def _verified(session: Session, replayed: Replayed, batches: Iterator[Any]) -> Replayed:
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
    return replayed


def _batches(session: Session, known: int) -> Iterator[Any]:
    request = messages.ReplayHistoryRequest(
        ledger=session.ledger,
        view=records_pb2.EVENT_VIEW_RAW,
        batch_size=BATCH,
        with_checkpoint=True,
        known_size=known,
    )
    return iter(session.stub(LedgerServiceStub).ReplayHistory(request, timeout=session.timeout))


def _named(session: Session) -> Sequence[str]:
    """The keys that the server names."""
    request = audit_service_pb2.GetCheckpointRequest(ledger=session.ledger)
    answer = session.stub(AuditServiceStub).GetCheckpoint(request, timeout=session.answer_within)
    return list(answer.verifier_keys)
