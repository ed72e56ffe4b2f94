"""Compares every live read model with a rebuild of it, as an operator would: over the service's own contract.
A projection that is behind, halted or different after the rebuild is a fault."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc

from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1 import projection_service_pb2_grpc

CALL_SECONDS = 30.0
CATCH_UP_SECONDS = 120.0
REBUILD_SECONDS = 600.0
POLL_SECONDS = 0.2


def compare(address: str, size: int, ledger: str = "main") -> dict[str, list[str]]:
    """By read model, what differs between it and its rebuild at the ledger's size."""
    with grpc.insecure_channel(address) as channel:
        stub = projection_service_pb2_grpc.ProjectionServiceStub(channel)
        asked = pb.ListProjectionsRequest(ledger=ledger)
        names = [
            each.name for each in stub.ListProjections(asked, timeout=CALL_SECONDS, wait_for_ready=True).projections
        ]
        return {
            name: _behind(stub, ledger, name, size) or list(_rebuilt(stub, ledger, name, size)) for name in names
        }


def _behind(
    stub: projection_service_pb2_grpc.ProjectionServiceStub, ledger: str, name: str, size: int
) -> list[str]:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        asked = pb.GetProjectionRequest(ledger=ledger, name=name)
        found = stub.GetProjection(asked, timeout=CALL_SECONDS).projection
        if found.position == size and not found.halted_because:
            return []
        if found.halted_because:
            return [f"{name} is halted at {found.position}: {found.halted_because}"]
        if time.monotonic() > deadline:
            return [f"{name} stays at {found.position} of {size}"]
        time.sleep(POLL_SECONDS)


def _rebuilt(
    stub: projection_service_pb2_grpc.ProjectionServiceStub, ledger: str, name: str, size: int
) -> Iterator[str]:
    live = stub.GetProjection(pb.GetProjectionRequest(ledger=ledger, name=name), timeout=CALL_SECONDS).projection
    last = pb.RebuildProgress()
    asked = pb.RebuildProjectionRequest(ledger=ledger, name=name)
    for answer in stub.RebuildProjection(asked, timeout=REBUILD_SECONDS):
        last = answer.progress
    if last.phase != pb.REBUILD_PHASE_DONE:
        yield f"the rebuild of {name} ended in {pb.RebuildPhase.Name(last.phase)}: {last.error}"
    elif not last.state_digest or last.state_digest != last.replaced_digest:
        yield f"{name} differs from its rebuild: {last.replaced_digest} was {last.state_digest}"
    elif live.state_digest != last.state_digest:
        yield f"{name} had the digest {live.state_digest} before the rebuild, {last.state_digest} after it"
    elif last.done != size:
        yield f"the rebuild of {name} took {last.done} of {size} events"
