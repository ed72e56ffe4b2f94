"""Takes the reports of single calls in groups: what has arrived is read, decided and queued in one go, and answered
in one go. The same work scattered between the network's system calls takes three times as long.
A group's reports share nothing but the moment: each is recorded or refused by itself."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from incident.ledger.v1 import ledger_service_pb2 as pb
from ledger.api.appending import Appending, Letter, Sent, read
from ledger.persistence.lane import full_queue

GATHER_SECONDS = 0.0005
"""Under load, a group is closed when nothing more has arrived for so long."""
LONGEST_GATHER_SECONDS = 0.01
ENOUGH = 48
"""A group of so many is closed at once: while it is being recorded, the next one arrives."""
MAX_GROUP_BYTES = 256 * 1024
"""Some five hundred ordinary reports, which take about as long to read as a group gathers."""

Response = asyncio.Future[pb.AppendReportResponse]


@dataclass(slots=True)
class Arrived:
    """One call that waits to be read."""

    request: pb.AppendReportRequest
    left: Callable[[], float]
    """How many seconds the call may still take."""
    response: Response
    message: pb.AppendReportResponse
    client: str

    def settle(self, error: BaseException | None) -> None:
        """Answers the call, unless it has gone."""
        if self.response.done():
            return
        if error is None:
            self.response.set_result(self.message)
        else:
            self.response.set_exception(error)


class Intake:
    """The single appends to one open ledger, on the event loop."""

    def __init__(self, appending: Appending) -> None:
        self._appending = appending
        self._loop = asyncio.get_running_loop()
        self._arrived: list[Arrived] = []
        self._taking: asyncio.TimerHandle | None = None
        """When what has arrived is taken, if anything has."""
        self._under_way = 0
        """Reports that are not answered yet; the next group gathers meanwhile."""
        self._acting: set[asyncio.Task[None]] = set()

    def append(self, request: pb.AppendReportRequest, left: Callable[[], float], client: str = "") -> Response:
        """The response to come, or why the report is refused."""
        response: Response = self._loop.create_future()
        self._arrived.append(Arrived(request, left, response, pb.AppendReportResponse(), client))
        if self._taking is None:
            # The lane watches the deadlines and bounds the number of what waits, so nothing waits here for long.
            self._take_in(LONGEST_GATHER_SECONDS if self._under_way else 0)
        elif len(self._arrived) == ENOUGH:
            self._take_in(0)
        return response

    def _take_in(self, seconds: float) -> None:
        if self._taking is not None:
            self._taking.cancel()
        self._taking = self._loop.call_later(seconds, self._take)

    def _gather(self, seen: int, until: float) -> None:
        """Waits as long as more arrives: in a larger group each report costs less."""
        if len(self._arrived) > seen and self._loop.time() < until:
            self._taking = self._loop.call_later(GATHER_SECONDS, self._gather, len(self._arrived), until)
        else:
            self._take()

    def _take(self) -> None:
        """Reads the next group and queues it. Where there is no room for any, it is refused unread."""
        arrived = self._next()
        self._taking = self._loop.call_later(0, self._take) if self._arrived else None
        letters: list[Letter] = []
        if not self._appending.has_room():
            for each in arrived:
                each.settle(full_queue())
            return
        now = time.monotonic()
        sendings = read([each.request for each in arrived], self._appending.limits)
        for each, sent in zip(arrived, sendings, strict=True):
            if isinstance(sent, Exception):
                each.settle(sent)
            elif sent.report.acts:
                acting = self._loop.create_task(self._act(sent, each))
                self._acting.add(acting)
                acting.add_done_callback(self._acting.discard)
            else:
                settled = partial(self._settled, each)
                letters.append(Letter(sent, now + each.left(), each.message.receipt, settled, each.client))
        self._under_way += len(letters)
        self._appending.queue(self._appending.prepared(letters))

    def _next(self) -> list[Arrived]:
        """Calls that are still there, as many as can be read without holding up everything else."""
        size = count = 0
        while count < len(self._arrived) and size < MAX_GROUP_BYTES:
            size += self._arrived[count].request.ByteSize()
            count += 1
        taken, self._arrived = self._arrived[:count], self._arrived[count:]
        return [each for each in taken if not each.response.done()]

    def _settled(self, arrived: Arrived, error: BaseException | None) -> None:
        """With the last answer, the next group begins to close."""
        arrived.settle(error)
        self._under_way -= 1
        if not self._under_way and self._taking is not None:
            self._taking.cancel()
            until = self._loop.time() + LONGEST_GATHER_SECONDS
            self._taking = self._loop.call_later(GATHER_SECONDS, self._gather, len(self._arrived), until)

    async def _act(self, sent: Sent, arrived: Arrived) -> None:
        try:
            await self._appending.append(sent, arrived.left(), arrived.message.receipt, arrived.client)
        except Exception as error:
            arrived.settle(error)
        else:
            arrived.settle(None)
