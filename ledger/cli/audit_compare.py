"""`audit compare`: two checkpoints of one ledger, kept by different people or at different times. This is how two
histories that were served to two people are found."""

from collections.abc import Sequence
from pathlib import Path

import click
import grpc

from incident.ledger.v1 import audit_service_pb2 as messages
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from ledger.audit.checkpoints import Checkpoint
from ledger.cli import wording
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.session import Session, connected, example
from ledger.cli.trusting import FILE, KEYS, check_continues, key_option, opened, parsed, read_text


@click.command(epilog=example("incident-ledger audit compare mine.checkpoint yours.checkpoint"))
@click.argument("one", type=FILE)
@click.argument("other", type=FILE)
@key_option
@connected
def compare(session: Session, one: Path, other: Path, keys: Sequence[str]) -> None:
    """Tell whether two checkpoints are of one history.

    No server is asked where they are of the same size. Else one has to prove that the larger continues the smaller.
    Exit code 1 where they contradict each other, or where that is not proven.
    """
    if not keys:
        raise click.UsageError(
            f"give the ledger's verifier key with --key or {KEYS}; nobody else vouches for either"
        )
    trusted = parsed(keys)
    first, second = (opened(read_text(each), trusted) for each in (one, other))
    if first.origin != second.origin:
        raise FaultyInput(f"{one} is of {first.origin}, {other} of {second.origin}: there is nothing to compare")
    earlier, later = sorted((first, second), key=lambda each: each.size)
    if earlier.size == later.size:
        _check_equal(first, second)
        verdict = "same"
    else:
        _check_proven(session, earlier, later)
        verdict = "continued"
    if session.as_json:
        told = {"origin": first.origin, "verdict": verdict, "sizes": [first.size, second.size]}
        session.out.print_json(data=told)
        return
    sizes = f"{wording.number(earlier.size)} events"
    said = f"Both say the same of {sizes}." if verdict == "same" else f"The larger continues that of {sizes}."
    session.out.print(f"{said} They are of one history of {first.origin}.", soft_wrap=True)


def _check_equal(first: Checkpoint, second: Checkpoint) -> None:
    if first.root != second.root:
        raise Refused(
            f"two histories of {first.origin} were signed: both files are of {first.size} events, and their roots"
            f" differ, {first.root.hex()} and {second.root.hex()}; keep both, for they prove it to anybody"
        )


def _check_proven(session: Session, earlier: Checkpoint, later: Checkpoint) -> None:
    ledger = later.origin.rpartition("/")[2]
    asked = messages.GetConsistencyProofRequest(ledger=ledger, first_size=earlier.size, second_size=later.size)
    try:
        proof = session.stub(AuditServiceStub).GetConsistencyProof(asked, timeout=session.answer_within)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        less = f"the server has no tree of {later.size} events of {ledger}, of which a checkpoint was signed"
        raise Refused(f"{less}: it was set back, or serves another history") from error
    check_continues(earlier, later, proof.hashes)
