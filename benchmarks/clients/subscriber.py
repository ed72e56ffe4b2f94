"""Follows a ledger from its head on, and notes when each report of one run arrives. Prints a line `ready` when the
subscription is live; it sends nothing."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import grpc

from benchmarks import reports
from benchmarks.clients import telling
from benchmarks.clients.unary import EVENTS_A_REPORT
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub

QUIET_SECONDS = 4.0
"""Where nothing has arrived for so long after the first, nothing more will; heartbeats let that be seen."""


@dataclass(frozen=True)
class Orders:
    """One measurement."""

    address: str
    run: int
    count: int
    seconds: float
    """No longer than this."""


def measure(orders: Orders) -> dict[str, object]:
    """When each report's last event arrived, in the machine's monotonic clock; 0 where it did not."""
    arrived = [0.0] * orders.count
    numbers = {reports.report_id(orders.run, number + 1): number for number in range(orders.count)}
    left = orders.count * EVENTS_A_REPORT
    with grpc.insecure_channel(orders.address) as channel:
        stub = LedgerServiceStub(channel)
        head = stub.GetLedger(pb.GetLedgerRequest(), timeout=orders.seconds, wait_for_ready=True).ledger.size
        call = stub.Subscribe(pb.SubscribeRequest(after_position=head), timeout=orders.seconds)
        last, newest = head, 0.0
        try:
            for message in call:
                now = time.monotonic()
                if message.WhichOneof("message") == "caught_up":
                    print("ready", flush=True)
                for event in message.batch.events:
                    last = event.position
                    if event.report_id in numbers:
                        arrived[numbers[event.report_id]] = now
                        left, newest = left - 1, now
                if not left or (newest and now - newest > QUIET_SECONDS):
                    break
            call.cancel()
        except grpc.RpcError as error:  # what did not arrive in time is told as lost
            print(f"after position {last}: {error}", file=sys.stderr)
    return {"arrived": arrived}


if __name__ == "__main__":
    telling.tell(measure(telling.orders(Orders)))
