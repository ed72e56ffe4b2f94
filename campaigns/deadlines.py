"""Measures how long after its deadline a call ended, as its client saw it. A witness with the same deadline, in the
same process, asks somebody who never answers: the lateness of both is the client's own, and not the service's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import grpc

MARGIN_SECONDS = 0.5
"""So long after the witness a call may end: on a busy machine the threads of a client take turns."""
LEAD_SECONDS = 0.25
"""The witness begins so long before the deadline: most calls are over by then and need none."""


class Witness:
    """Calls that nobody answers, so that they end at their deadlines."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))  # its backlog takes the connection
        host, port = self._listener.getsockname()
        self._channel = grpc.aio.insecure_channel(f"{host}:{port}")
        self._call: Any = self._channel.unary_unary("/witness/Wait")

    async def wait(self, seconds: float) -> None:
        """One call."""
        with suppress(grpc.aio.AioRpcError):
            await self._call(b"", timeout=seconds, wait_for_ready=True)

    async def close(self) -> None:
        """No more calls."""
        await self._channel.close()
        self._listener.close()


class Deadline:
    """The deadline of a call that begins now."""

    def __init__(
        self, seconds: float, clock: Callable[[], float], wait: Callable[[float], Coroutine[Any, Any, None]]
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._at = clock() + seconds
        self._witnessed: float | None = None
        self._witness = asyncio.create_task(self._testify(max(0.0, seconds - LEAD_SECONDS)))

    def late(self) -> float:
        """How long it has been past, by the clock alone; 0 before."""
        return max(0.0, self._clock() - self._at)

    def overrun(self) -> float:
        """The call has ended: how long after the witness; 0 where that has not ended yet."""
        self._witness.cancel()
        return 0.0 if self._witnessed is None else self._clock() - self._witnessed

    async def _testify(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._wait(max(0.0, self._at - self._clock()))
        self._witnessed = self._clock()
