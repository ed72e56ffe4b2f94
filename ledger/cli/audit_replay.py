"""`audit replay`: all that is recorded, verified event by event on this machine against a signed checkpoint."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.progress import Progress

from incident.ledger.v1 import audit_service_pb2, records_pb2
from incident.ledger.v1 import ledger_service_pb2 as messages
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.notes import VerifierKey
from ledger.audit.proofs import VERIFICATION_ERRORS
from ledger.audit.replayed import Replayed, Taken
from ledger.cli import wording
from ledger.cli.failures import Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import (
    FILE,
    check_continues,
    earlier_ones,
    key_option,
    opened,
    parsed,
    read_text,
    replace_text,
    tell_witnesses,
    whose,
)

Keep = Callable[[bytes, bytes, bytes], None]
"""What is done with an event that fits: its entry, salt and payload."""


@click.command(
    epilog=example(
        "incident-ledger audit replay --key ledger.example.org/main+2b5cd4b3+A…",
        "incident-ledger audit replay --since monday.checkpoint",
    )
)
@click.option("--since", type=FILE, help="An earlier checkpoint, that the record must continue.")
@click.option("--remember", type=FILE, help="The last one that you got: continued likewise, then replaced.")
@key_option
@connected
def replay(session: Session, since: Path | None, remember: Path | None, keys: Sequence[str]) -> None:
    """Replay everything that is recorded, and verify it here: each event, each payload, and the root of all.

    The server is trusted with nothing but its signature on the checkpoint that it begins with. Exit code 1 at the
    first position that does not fit.
    """
    trusted = parsed(keys or named_keys(session))
    if since is not None and remember is not None:
        raise click.UsageError("give --since or --remember, not both")
    files = earlier_ones(since, remember)
    # What somebody has kept needs no witnesses: it is compared with what has.
    earlier = opened(read_text(files[0]), tuple(trusted)) if files else None
    first = begun(session, trusted, known=earlier.size if earlier is not None else 0)
    found = first.checkpoint
    if earlier is not None:
        check_continues(earlier, found, first.hashes)
    replayed = Replayed(found)
    take_all(session, replayed, found.size, first.batches)
    if replayed.unexplained:  # perhaps by what was recorded meanwhile
        go_on(session, replayed, begun(session, trusted, after=replayed.size))
    if remember is not None:
        replace_text(remember, first.note)
    if session.as_json:
        told = {"origin": found.origin, "size": found.size, "root": found.root.hex(), "redacted": replayed.redacted}
        session.out.print_json(data=told)
        return
    session.out.print(f"All {wording.number(replayed.size)} events fit, and give the root that was signed.")
    if replayed.redacted:
        session.out.print(f"Of them {wording.number(replayed.redacted)} are redacted: their payloads are gone.")
    session.out.print(whose(keys, found), style="dim", soft_wrap=True)
    tell_witnesses(session, first.note, trusted)


class Begun(NamedTuple):
    """A replay that begins with a checkpoint."""

    checkpoint: Checkpoint
    note: str
    hashes: Sequence[bytes]
    """The proof that it continues a known size."""
    batches: Iterator[Any]


def begun(
    session: Session, trusted: Sequence[VerifierKey], after: int = 0, through: int = 0, known: int = 0
) -> Begun:
    """A replay of what was recorded after a position, through another or, with 0, to the end."""
    request = messages.ReplayHistoryRequest(
        ledger=session.ledger,
        from_position=after + 1,
        to_position=through,
        view=records_pb2.EVENT_VIEW_RAW,
        with_checkpoint=True,
        known_size=known,
    )
    batches = iter(session.stub(LedgerServiceStub).ReplayHistory(request, timeout=session.timeout))
    first = next(batches, messages.ReplayHistoryResponse())
    found = opened(first.checkpoint, trusted, session.ledger)
    return Begun(found, first.checkpoint, first.consistency_hashes, batches)


def take_all(session: Session, taken: Taken, total: int, batches: Iterator[Any], keep: Keep | None = None) -> None:
    """Verify all events, so many, and keep each that fits; Refused says which does not."""
    with Progress(console=session.err, disable=session.as_json or not session.err.is_terminal) as progress:
        bar = progress.add_task("verified", total=total)
        try:
            for batch in batches:
                for event in batch.events:
                    taken.take(event.envelope, event.salt, event.payload)
                    if keep is not None:
                        keep(event.envelope, event.salt, event.payload)
                progress.update(bar, completed=taken.size)
            taken.end()
        except VERIFICATION_ERRORS as error:
            raise Refused(str(error)) from error


def named_keys(session: Session) -> Sequence[str]:
    """The keys that the server names."""
    request = audit_service_pb2.GetCheckpointRequest(ledger=session.ledger)
    answer = session.stub(AuditServiceStub).GetCheckpoint(request, timeout=session.answer_within)
    return list(answer.verifier_keys)


def go_on(session: Session, replayed: Replayed, later: Begun, keep: Keep | None = None) -> None:
    """Go on to a later checkpoint, which has to explain why payloads are gone."""
    replayed.go_on(later.checkpoint)
    take_all(session, replayed, later.checkpoint.size, later.batches, keep)
    if replayed.unexplained:
        raise Refused(f"position {replayed.unexplained}: its payload is gone, and no redaction is recorded")
