"""A subscriber for tests: reads a subscription in a thread and keeps what it says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub

PATIENCE_SECONDS = 40
CALL_SECONDS = 120


class Subscriber:
    """One subscription from a position on."""

    def __init__(self, channel: grpc.Channel, after: int = 0, **asked: Any) -> None:
        request = pb.SubscribeRequest(after_position=after, **asked)
        self.call: Any = LedgerServiceStub(channel).Subscribe(request, timeout=CALL_SECONDS)
        self.positions: list[int] = []
        self.said: list[Any] = []
        """All messages but batches."""
        self.ended: Any = None
        self.reads = threading.Event()
        """While it is not set, the subscription is one that nobody reads."""
        self.reads.set()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> Subscriber:
        """Begins to read."""
        self._thread.start()
        return self

    def kinds(self) -> list[str]:
        """The kinds of messages that it was told beside batches."""
        return [message.WhichOneof("message") for message in self.said]

    def wait(self, until: Callable[[Subscriber], bool], seconds: float = PATIENCE_SECONDS) -> Subscriber:
        """Until something is true of it."""
        deadline = time.monotonic() + seconds
        while not until(self):
            told = f"{len(self.positions)} events, {self.kinds()[-5:]}, {self.ended}"
            assert time.monotonic() < deadline, f"in vain: {told}"
            time.sleep(0.01)
        return self

    def wait_for(self, kind: str) -> Any:
        """Until it is told this; the message."""
        self.wait(lambda each: kind in each.kinds())
        return getattr(self.said[self.kinds().index(kind)], kind)

    def wait_for_end(self) -> Any:
        """Until it is over; the error."""
        return self.wait(lambda each: each.ended is not None).ended

    def _read(self) -> None:
        try:
            for message in self.call:
                if message.WhichOneof("message") == "batch":
                    self.positions += [event.position for event in message.batch.events]
                else:
                    self.said.append(message)
                self.reads.wait()
        except grpc.RpcError as error:
            self.ended = error
