"""`audit`: checkpoints and one-file proofs from a server. Its subcommands that ask more are beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from incident.ledger.v1 import audit_service_pb2 as messages
from incident.ledger.v1 import ledger_service_pb2, records_pb2
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.cosignatures import CosigningKey
from ledger.audit.notes import NoteError, SignerKey
from ledger.audit.proofs import Proof
from ledger.cli import wording
from ledger.cli.audit_check import check
from ledger.cli.audit_compare import compare
from ledger.cli.audit_export import export
from ledger.cli.audit_figure import figure
from ledger.cli.audit_replay import replay
from ledger.cli.audit_verify import print_proven, proven_by, verify, witness_rows
from ledger.cli.failures import Refused
from ledger.cli.parameters import position_from
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json
from ledger.cli.trusting import (
    FILE,
    check_continues,
    check_origin,
    earlier_ones,
    key_option,
    opened,
    parsed,
    read_text,
    replace_text,
    tell_witnesses,
    whose,
    write_text,
)


@click.group(
    epilog=example(
        "incident-ledger audit checkpoint --output monday.checkpoint",
        "incident-ledger audit prove 17 --output 17.tlog-proof",
        "incident-ledger audit verify 17.tlog-proof --key ledger.example.org/main+2b5cd4b3+A…",
    )
)
@connected
def audit(session: Session) -> None:
    """Check for yourself that nothing was changed, left out or slipped in."""
    click.get_current_context().obj = session.options


@audit.command(
    epilog=example(
        "incident-ledger audit checkpoint",
        "incident-ledger audit checkpoint --since monday.checkpoint --output tuesday.checkpoint",
        "incident-ledger audit checkpoint --remember last.checkpoint",
    )
)
@click.option("--since", type=FILE, help="An earlier checkpoint, that the new one must continue.")
@click.option("--remember", type=FILE, help="The last one that you got: it must continue it, and takes its place.")
@click.option("--output", "-o", type=FILE, help="Write it here.")
@key_option
@connected
def checkpoint(
    session: Session, since: Path | None, remember: Path | None, output: Path | None, keys: Sequence[str]
) -> None:
    """Get a signed checkpoint of all that is recorded, and verify it.

    Without --key it is verified with the keys that the server names, which says little: compare them with those
    that the ledger's operator has published.
    """
    stub = session.stub(AuditServiceStub)
    request = messages.GetCheckpointRequest(ledger=session.ledger)
    answer = stub.GetCheckpoint(request, timeout=session.answer_within)
    trusted = parsed(keys or answer.verifier_keys)
    found = opened(answer.checkpoint, trusted, session.ledger)
    for earlier in earlier_ones(since, remember):
        # What somebody has kept needs no witnesses: it is compared with what has.
        _continues(session, opened(read_text(earlier), tuple(trusted)), found)
    if remember is not None:
        replace_text(remember, answer.checkpoint)
    if output is not None:
        write_text(output, answer.checkpoint)
    if session.as_json:
        print_json(session.out, answer)
        return
    if output is None:
        session.out.print(answer.checkpoint, end="", soft_wrap=True)
    for each in answer.verifier_keys:
        session.err.print(f"key: {wording.visible(each)}", style="dim", soft_wrap=True)
    session.err.print(whose(keys, found), style="dim", soft_wrap=True)
    tell_witnesses(session, answer.checkpoint, trusted)
    if answer.witness_shortfall:
        said = f"not cosigned by the quorum that the server asks for: {answer.witness_shortfall}"
        session.err.print(wording.visible(said), style="dim", soft_wrap=True)


@audit.command(epilog=example("incident-ledger audit prove 17 --output 17.tlog-proof"))
@click.argument("position", type=position_from(1))
@click.option("--output", "-o", type=FILE, help="Write it here.")
@click.option("--without-payload", is_flag=True, help="Do not show what the event says.")
@key_option
@connected
def prove(session: Session, position: int, output: Path | None, without_payload: bool, keys: Sequence[str]) -> None:
    """Make a proof that an event is in the ledger: one file that is verified without the ledger.

    Whoever gets it needs the ledger's verifier key, from the operator and not from you.
    """
    stub = session.stub(AuditServiceStub)
    signed = stub.GetCheckpoint(messages.GetCheckpointRequest(ledger=session.ledger), timeout=session.answer_within)
    trusted = parsed(keys or signed.verifier_keys)
    size = opened(signed.checkpoint, trusted, session.ledger).size
    asked = messages.GetInclusionProofRequest(ledger=session.ledger, position=position, tree_size=size)
    path = stub.GetInclusionProof(asked, timeout=session.answer_within)
    event = _event(session, position)
    shown = None if without_payload or not event.payload else event.payload
    salt = event.salt if shown is not None else None
    proof = Proof(event.envelope, salt, shown, position - 1, tuple(path.hashes), signed.checkpoint)
    proven = proven_by(proof, trusted)  # never a file that would not be verified
    if output is not None:
        write_text(output, proof.text())
    if output is not None or session.as_json:
        print_proven(session, proven, witness_rows(signed.checkpoint, trusted))
    else:
        session.out.print(proof.text(), end="", soft_wrap=True)


@audit.command("new-key", epilog=example("incident-ledger audit new-key ledger.example.org"))
@click.argument("name")
@click.option("--witness", is_flag=True, help="For `incident-ledger witness` instead; its file is `witness.key`.")
def new_key(name: str, witness: bool) -> None:
    """Make a key that signs, under this name, and print it. It is a secret; keep it where nobody else reads it.

    Of an installation, it signs checkpoints: to rotate keys, put it in front of the old one in the service's
    `checkpoint.key`, with the same name. Of an auditor, it signs the statements of `audit figure`, and is verified
    with the key that is printed on standard error.
    """
    try:
        key = (CosigningKey if witness else SignerKey).generate(name)
    except NoteError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    click.echo(key.secret())
    click.echo(f"verified with: {key.verifier()}", err=True)


def _event(session: Session, position: int) -> Any:
    raw = records_pb2.EVENT_VIEW_RAW
    request = ledger_service_pb2.GetEventRequest(ledger=session.ledger, position=position, view=raw)
    return session.stub(LedgerServiceStub).GetEvent(request, timeout=session.answer_within).event


def _continues(session: Session, earlier: Checkpoint, found: Checkpoint) -> None:
    """That the new checkpoint's tree begins with the earlier one's."""
    check_origin(earlier, found)
    if earlier.size > found.size:
        raise Refused(f"the ledger has {found.size} events, and had {earlier.size} before: it was set back")
    asked = messages.GetConsistencyProofRequest(
        ledger=session.ledger, first_size=earlier.size, second_size=found.size
    )
    proof = session.stub(AuditServiceStub).GetConsistencyProof(asked, timeout=session.answer_within)
    check_continues(earlier, found, proof.hashes)
    said = f"It continues the checkpoint of {wording.number(earlier.size)} events."
    session.err.print(said, style="dim", soft_wrap=True)


for each in (verify, compare, replay, export, figure, check):
    audit.add_command(each)
