"""Subscribers that follow the ledger from its beginning and resume by position after every end, at any service.
A process of its own, like that of the clients: every message is written down as it came, and nothing is judged."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import grpc

from campaigns.clients import CHANNEL_OPTIONS, Stub
from campaigns.deadlines import Deadline, Witness
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import ledger_service_pb2_grpc, records_pb2

CALL_SECONDS = (3.0, 30.0)
SILENT_SECONDS = 8.0
"""A subscription that says nothing for so long, not even that it is alive, is given up and begun again."""
BATCHES = (1, 20, 500)
PAUSE_SECONDS = (0.02, 0.3)
LAST_SECONDS = 60.0
"""How long after the last append a subscriber may need to see it."""


@dataclass(frozen=True)
class Orders:
    """What one process of subscribers is to do."""

    addresses: tuple[str, ...]
    seed: int
    subscribers: tuple[int, ...]


class Subscriber:
    """One subscriber."""

    def __init__(self, stubs: Sequence[Stub], witness: Witness, seed: int, number: int) -> None:
        self._stubs = stubs
        self._witness = witness
        self._random = random.Random(f"subscriber {seed}/{number}")
        self._number = number
        self._position = 0
        self._last: int | None = None
        self.reached = asyncio.Event()
        """It has seen the last position."""

    def aim(self, last: int) -> None:
        """Nothing more is appended after this position."""
        self._last = last
        self._resume_after(self._position)

    async def follow(self) -> None:
        """Subscribes again and again."""
        while True:
            request = pb.SubscribeRequest(
                after_position=self._position,
                view=records_pb2.EVENT_VIEW_RAW,
                batch_size=self._random.choice(BATCHES),
            )
            seconds = self._random.uniform(*CALL_SECONDS)
            deadline = Deadline(seconds, time.monotonic, self._witness.wait)
            call = self._random.choice(self._stubs).Subscribe(request, timeout=seconds)
            code, details = await self._read(call)
            late, overrun = deadline.late(), deadline.overrun()
            if late:
                self._write(
                    "late", call=f"Subscribe of {self._number}", seconds=seconds, late=late, overrun=overrun
                )
            self._write("end", code=code, details=details)
            await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))

    async def _read(self, call: Any) -> tuple[str, str]:
        """Takes messages to the end of one subscription; how it ended."""
        try:
            while True:
                message = await asyncio.wait_for(call.read(), SILENT_SECONDS)
                if message is grpc.aio.EOF:
                    return "OK", ""
                self._take(message)
        except TimeoutError:
            call.cancel()
            return "SILENT", ""
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details() or ""

    def _take(self, message: pb.SubscribeResponse) -> None:
        match message.WhichOneof("message"):
            case "batch":
                self._write("batch", events=[_seen(event) for event in message.batch.events])
                self._resume_after(message.batch.events[-1].position)
            case "checkpoint":
                self._resume_after(message.checkpoint.position)
            case "heartbeat":
                self._write("heartbeat")

    def _resume_after(self, position: int) -> None:
        self._position = position
        if self._last is not None and position >= self._last:
            self.reached.set()

    def _write(self, kind: str, **content: object) -> None:
        print(json.dumps({"kind": kind, "subscriber": self._number, **content}), flush=True)


def _seen(event: records_pb2.RecordedEvent) -> list[Any]:
    leaf = sha256(b"\x00" + event.envelope).hexdigest()
    return [event.position, event.event_id, event.stream, event.revision, leaf]


async def run(orders: Orders) -> None:
    """Runs the subscribers of one process, until they have seen the position that is named in the end."""
    channels = [grpc.aio.insecure_channel(address, CHANNEL_OPTIONS) for address in orders.addresses]
    stubs = [ledger_service_pb2_grpc.LedgerServiceStub(channel) for channel in channels]
    witness = Witness()
    subscribers = [Subscriber(stubs, witness, orders.seed, number) for number in orders.subscribers]
    following = [asyncio.create_task(each.follow()) for each in subscribers]
    last = int(await asyncio.to_thread(sys.stdin.readline) or 0)
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            for each in subscribers:
                each.aim(last)
                await each.reached.wait()
    for task in following:
        if task.done():
            task.result()
        task.cancel()
    await witness.close()
    for channel in channels:
        await channel.close()


if __name__ == "__main__":
    asyncio.run(run(Orders(**json.loads(sys.stdin.readline()))))
