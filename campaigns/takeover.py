"""Whether the other service takes over what a stopped one leads: each is stopped in turn, and what the other one
then says of itself is looked at, over the service's own contract. It mends nothing and starts nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import grpc

from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1 import projection_service_pb2_grpc

CALL_SECONDS = 30.0
TAKE_OVER_SECONDS = 12.0
"""A lease of four seconds, twice over, and a busy machine."""
POLL_SECONDS = 0.2


class Stoppable(Protocol):
    """A service that can be stopped and continued."""

    address: str

    def pause(self) -> None:
        """Let it do nothing."""

    def go_on(self) -> None:
        """Let it go on."""


def faults(services: Sequence[Stoppable], seconds: float = TAKE_OVER_SECONDS, ledger: str = "main") -> list[str]:
    """The read models of which the other services did not take the lead in time."""
    found = []
    for stopped in services:
        others = [each.address for each in services if each is not stopped]
        stopped.pause()
        try:
            left = _left(others, seconds, ledger)
        finally:
            stopped.go_on()
        found += [f"nobody took the lead of {name} over from {stopped.address}, which was stopped" for name in left]
    return found


def _left(addresses: Sequence[str], seconds: float, ledger: str) -> list[str]:
    """The read models that none of these services leads, when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        told = [each for address in addresses for each in _projections(address, ledger)]
        led = {each.name for each in told if each.leads_here}
        left = sorted({each.name for each in told} - led)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(POLL_SECONDS)


def _projections(address: str, ledger: str) -> Sequence[pb.Projection]:
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = projection_service_pb2_grpc.ProjectionServiceStub(channel)
        asked = pb.ListProjectionsRequest(ledger=ledger)
        return list(stub.ListProjections(asked, timeout=CALL_SECONDS, wait_for_ready=True).projections)
