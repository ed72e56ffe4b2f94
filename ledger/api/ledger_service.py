"""LedgerService: append, read back, replay, follow. It reads requests and writes answers; deciding and recording
are the application's, and errors become statuses elsewhere."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any
from uuid import UUID

import grpc

from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1 import ledger_service_pb2_grpc, records_pb2
from ledger.administration import By
from ledger.api.append_stream import AppendStream
from ledger.api.appending import Appending
from ledger.api.checkpoints import Checkpoints
from ledger.api.following import Following
from ledger.api.intake import Intake
from ledger.api.ledgers import Ledgers, OpenLedger
from ledger.api.messages import record_to_proto, timestamp_to_proto
from ledger.api.replaying import Replaying
from ledger.api.requests import (
    ANONYMOUS,
    bounded,
    client_of,
    history_filter,
    ledger_name,
    not_negative,
    seconds_left,
)
from ledger.domain.administration import ADMINISTRATION
from ledger.errors import InvalidRequestError, LedgerError, NotFoundError, NotPossibleError, Violation
from ledger.persistence.history import HistoryFilter
from ledger.persistence.records import Head, StoredRecord

DEFAULT_BATCH = 500
DEFAULT_PAGE = 100
MAX_PAGE = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class LedgerServicer(ledger_service_pb2_grpc.LedgerServiceServicer):
    """The service on the ledgers that this process has open."""

    def __init__(self, ledgers: Ledgers, checkpoints: Checkpoints) -> None:
        self._ledgers = ledgers
        self._checkpoints = checkpoints
        self._intakes: dict[OpenLedger, Intake] = {}

    async def CreateLedger(self, request: pb.CreateLedgerRequest, context: Context) -> pb.CreateLedgerResponse:
        if not request.ledger:
            raise InvalidRequestError([Violation("ledger", "is empty; name the ledger to create")])
        name = ledger_name(request.ledger)
        _refuse_administration(name, "it is there, and the service alone writes it")
        await self._ledgers.create(name, By(ANONYMOUS, client_of(context)))
        return pb.CreateLedgerResponse(ledger=await self._stated(name))

    async def GetLedger(self, request: pb.GetLedgerRequest, context: Context) -> pb.GetLedgerResponse:
        return pb.GetLedgerResponse(ledger=await self._stated(ledger_name(request.ledger)))

    async def ListLedgers(self, request: pb.ListLedgersRequest, context: Context) -> pb.ListLedgersResponse:
        size = bounded(request.page_size, "page_size", DEFAULT_PAGE, MAX_PAGE)
        after = ledger_name(request.page_token, "page_token") if request.page_token else ""
        names = await self._ledgers.names(after, size + 1)
        stated = [await self._stated(name) for name in names[:size]]
        return pb.ListLedgersResponse(ledgers=stated, next_page_token=names[size - 1] if len(names) > size else "")

    async def AppendReport(self, request: pb.AppendReportRequest, context: Context) -> pb.AppendReportResponse:
        ledger = await self._written(request.ledger)
        if request.wait == records_pb2.APPEND_WAIT_CHECKPOINTED:
            await self._checkpoints.check()  # before anything is recorded
        if ledger not in self._intakes:
            self._intakes[ledger] = Intake(Appending(self._ledgers, ledger, ANONYMOUS))
        answer = await self._intakes[ledger].append(request, partial(seconds_left, context), client_of(context))
        if request.wait == records_pb2.APPEND_WAIT_CHECKPOINTED:
            answer.checkpoint = await self._covering(ledger, answer.receipt)
        return answer

    async def AppendReports(
        self, request_iterator: AsyncIterator[pb.AppendReportsRequest], context: Context
    ) -> AsyncIterator[pb.AppendReportsResponse]:
        batches = aiter(request_iterator)
        first = await anext(batches, None)
        if first is None:
            return
        ledger = await self._written(first.ledger)
        covering = partial(self._checkpoints.covering, ledger)
        stream = AppendStream(Appending(self._ledgers, ledger, ANONYMOUS), covering, client_of(context))
        async for answer in stream.outcomes(_with_first(first, batches)):
            yield answer

    async def GetReport(self, request: pb.GetReportRequest, context: Context) -> pb.GetReportResponse:
        ledger = await self._ledgers.get(ledger_name(request.ledger))
        records = await self._ledgers.run(_report, ledger, request.report_id)
        if not records:
            raise NotFoundError(kind="report", id=request.report_id)
        return pb.GetReportResponse(events=[record_to_proto(each, records_pb2.EVENT_VIEW_FULL) for each in records])

    async def GetEvent(self, request: pb.GetEventRequest, context: Context) -> pb.GetEventResponse:
        ledger = await self._ledgers.get(ledger_name(request.ledger))
        position = await self._position(ledger, request)
        record = await self._ledgers.run(_event, ledger, position)
        return pb.GetEventResponse(event=record_to_proto(record, request.view))

    async def ReplayHistory(self, request: pb.ReplayHistoryRequest, context: Context) -> AsyncIterator[Any]:
        first = not_negative(request.from_position, "from_position")
        last = not_negative(request.to_position, "to_position")
        if last and first > last:
            sentence = f"is {first}, after to_position {last}; exchange them"
            raise InvalidRequestError([Violation("from_position", sentence)])
        if request.with_checkpoint:
            signed = await self._signed(request)
            yield signed.SerializeToString()
            last = min(last, signed.head_position) if last else signed.head_position
            if not last:
                return
        ledger = await self._ledgers.examined(ledger_name(request.ledger))
        async with aclosing(Replaying(*self._chosen(request, ledger)).replay(first, last)) as messages:
            async for message in messages:
                yield message

    async def Subscribe(
        self, request: pb.SubscribeRequest, context: Context
    ) -> AsyncIterator[pb.SubscribeResponse]:
        after = not_negative(request.after_position, "after_position")
        with self._ledgers.subscription():
            ledger = await self._ledgers.get(ledger_name(request.ledger))
            following = Following(*self._chosen(request, ledger), after)
            async with aclosing(following.messages()) as messages:
                async for message in messages:
                    yield message

    def _chosen(
        self, request: pb.ReplayHistoryRequest | pb.SubscribeRequest, ledger: OpenLedger
    ) -> tuple[Ledgers, OpenLedger, HistoryFilter, int, int]:
        most = self._ledgers.limits.max_page_events
        size = bounded(
            request.batch_size, "batch_size", min(DEFAULT_BATCH, most), most, " (LEDGER_MAX_PAGE_EVENTS)"
        )
        chosen = history_filter(request.filter)
        return self._ledgers, ledger, chosen, request.view, size

    async def _written(self, given: str) -> OpenLedger:
        """A ledger to which reports may be appended."""
        name = ledger_name(given)
        _refuse_administration(name, "the service alone writes it; append to another ledger")
        return await self._ledgers.get(name)

    async def _covering(self, ledger: OpenLedger, receipt: records_pb2.Receipt) -> str:
        """A checkpoint of a report that was recorded, as the error says too where there is none."""
        try:
            return (await self._checkpoints.covering(ledger, receipt.tree_size)).note
        except LedgerError as error:
            said = f"The report {receipt.report_id!r} was recorded, and got no checkpoint: {error}"
            raise type(error)(said, **error.values) from error

    async def _signed(self, request: pb.ReplayHistoryRequest) -> pb.ReplayHistoryResponse:
        """What a replay begins with, where a checkpoint of it is asked for."""
        known = not_negative(request.known_size, "known_size")
        ledger = await self._ledgers.get(ledger_name(request.ledger))
        issued, _ = await self._checkpoints.newest(ledger)
        proof = await self._ledgers.run(ledger.consistency, known, issued.size)
        return pb.ReplayHistoryResponse(
            checkpoint=issued.note, consistency_hashes=proof.hashes, head_position=issued.size
        )

    async def _stated(self, name: str) -> pb.Ledger:
        ledger = await self._ledgers.examined(name)
        head: Head = await self._ledgers.run(_head, ledger)
        stated = pb.Ledger(name=name, size=head.size, root_hash=head.root)
        if head.committed_at is not None:
            stated.last_recorded_at.CopyFrom(timestamp_to_proto(head.committed_at))
        return stated

    async def _position(self, ledger: OpenLedger, request: pb.GetEventRequest) -> int:
        match request.WhichOneof("event"):
            case "position":
                return not_negative(request.position, "position")
            case "event_id":
                return await self._ledgers.run(_position_of, ledger, request.event_id)
            case _:
                raise InvalidRequestError([Violation("event", "is missing; give event_id or position")])


def _refuse_administration(ledger: str, why: str) -> None:
    if ledger == ADMINISTRATION:
        raise NotPossibleError(why=f"{ledger} is the administrative record: {why}")


async def _with_first(
    first: pb.AppendReportsRequest, rest: AsyncIterator[pb.AppendReportsRequest]
) -> AsyncIterator[pb.AppendReportsRequest]:
    yield first
    async for batch in rest:
        yield batch


def _head(ledger: OpenLedger) -> Head:
    with ledger.recorder.pool.connection() as connection:
        return ledger.log.head(connection)


def _report(ledger: OpenLedger, report_id: str) -> list[StoredRecord]:
    with ledger.recorder.pool.connection() as connection:
        return ledger.log.report(connection, report_id, raw=True)


def _event(ledger: OpenLedger, position: int) -> StoredRecord:
    with ledger.recorder.pool.connection() as connection:
        records = ledger.log.read(connection, position - 1, 1, position, raw=True) if position else []
    if not records:
        raise NotFoundError(kind="event at position", id=position)
    return records[0]


def _position_of(ledger: OpenLedger, event_id: str) -> int:
    try:
        asked = UUID(event_id)
    except ValueError:
        sentence = f"{event_id!r} is not an event id; it is a UUID, as receipts give it"
        raise InvalidRequestError([Violation("event_id", sentence)]) from None
    with ledger.recorder.pool.connection() as connection:
        found = ledger.log.by_ids(connection, [asked])
    if not found:
        raise NotFoundError(kind="event", id=event_id)
    return found[asked].position
