"""`accept-rollback`: lets a ledger go on that the service refuses, because it does not continue what was signed or
seen. It works on the data folder, which only the service's own account can write to, and keeps what was refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import grpc

from incident.ledger.v1 import audit_service_pb2, ledger_service_pb2
from incident.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.audit.checkpoints import Checkpoint
from ledger.audit.merkle import EMPTY_ROOT
from ledger.cli import wording
from ledger.cli.failures import FaultyInput, Refused, metadata_of
from ledger.cli.parameters import position_from
from ledger.cli.session import Session, connected, example
from ledger.persistence.issued import IssuedCheckpoints
from ledger.settings import Settings

CHECKPOINT = "its checkpoint of"


@click.command("accept-rollback", epilog=example("incident-ledger accept-rollback main --size 1204"))
@click.argument("name", metavar="LEDGER")
@click.option("--size", type=position_from(0), help="How many events the ledger has now: what you accept.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The service's. LEDGER_DATA_DIR, else .incident-ledger.",
)
@connected
def accept_rollback(session: Session, name: str, size: int | None, data_dir: Path | None) -> None:
    """Accept that a ledger is not what it was: set back, or another one. The service goes on with it.

    Without --size it only shows what was, and what is now. The service must be running. What was signed before is
    kept in the folder as evidence; whoever has a checkpoint of it will find that the ledger does not continue it.
    """
    issued = IssuedCheckpoints(Settings.read(data_dir=data_dir).data_dir)
    refusal, last = _refusal(session, name), issued.last(name)
    if refusal.known.startswith(CHECKPOINT) and (last is None or last.size != refusal.size):
        raise FaultyInput(f"{issued.folder} is not that of the service; name its data folder with --data-dir")
    now = _now(session, name, last)
    told = {"ledger": name, "why": refusal.why, "now": {"size": now.size, "root": now.root.hex()}}
    if last is not None:
        told["was"] = {"size": last.size, "root": last.root.hex()}
    if size is None or size != now.size:
        _tell(session, told)
        found = "" if size is None else f"it has {now.size} events, not {size}; "
        raise FaultyInput(f"{found}to accept what is there now, give --size {now.size}")
    evidence = issued.accept(now, name, datetime.now(UTC))
    _tell(session, told | {"evidence": str(evidence) if evidence is not None else ""})
    if not session.as_json:
        session.out.print("Accepted: the service goes on with it within seconds.")


class _Refusal(NamedTuple):
    """What the service says of a ledger that it refuses."""

    known: str
    size: int
    why: str


def _refusal(session: Session, ledger: str) -> _Refusal:
    request = audit_service_pb2.GetCheckpointRequest(ledger=ledger)
    try:
        session.stub(AuditServiceStub).GetCheckpoint(request, timeout=session.answer_within)
    except grpc.RpcError as error:
        told = metadata_of(error)
        if not {"known", "now", "size", "what"} <= told.keys():
            raise
        return _Refusal(told["known"], int(told["size"]), f"it does not continue {told['known']}: {told['what']}")
    raise Refused(f"{ledger} is not refused: it continues all that was signed; there is nothing to accept")


def _now(session: Session, ledger: str, last: Checkpoint | None) -> Checkpoint:
    """What there is now; nothing, where the ledger is gone altogether."""
    origin = last.origin if last is not None else ledger
    request = ledger_service_pb2.GetLedgerRequest(ledger=ledger)
    try:
        found = session.stub(LedgerServiceStub).GetLedger(request, timeout=session.answer_within).ledger
    except grpc.RpcError as error:
        if metadata_of(error).get("now") != "0":
            raise
        return Checkpoint(origin, 0, EMPTY_ROOT)
    return Checkpoint(origin, found.size, found.root_hash)


def _tell(session: Session, told: dict[str, Any]) -> None:
    if session.as_json:
        session.out.print_json(data=told)
        return
    session.out.print(wording.visible(f"{told['ledger']} is refused: {told['why']}"), soft_wrap=True)
    for name in ("was", "now"):
        if name in told:
            size = wording.number(told[name]["size"])
            session.out.print(f"{name}: {size} events, root {told[name]['root']}", soft_wrap=True)
    if told.get("evidence"):
        session.out.print(f"what was signed before is kept in {told['evidence']}", soft_wrap=True)
