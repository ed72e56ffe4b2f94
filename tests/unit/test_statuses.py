"""Facts about what a client is told when a call fails, over a real gRPC server in this process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import psycopg
import psycopg_pool
import pytest
from eventsourcing.persistence import OperationalError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from incident.ledger.v1 import ledger_service_pb2 as ledger_messages
from incident.ledger.v1 import ledger_service_pb2_grpc as ledger_stubs
from incident.ledger.v1 import records_pb2
from ledger import errors
from ledger.api.statuses import CODES, status_of, telling


class FailingLedgerService(ledger_stubs.LedgerServiceServicer):
    """Raises what the test sets; streams two messages before it does."""

    error: BaseException = RuntimeError("not set")

    async def GetLedger(self, request: Any, context: Any) -> Any:
        raise self.error

    async def ListLedgers(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, "the service itself aborted")

    async def ReplayHistory(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for position in (1, 2):
            yield ledger_messages.ReplayHistoryResponse(through_position=position)
        raise self.error

    async def AppendReports(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield ledger_messages.AppendReportsResponse(
                outcomes=[ledger_messages.AppendOutcome(report_id=request.ledger)]
            )
        raise self.error


@pytest.fixture
async def service() -> AsyncIterator[FailingLedgerService]:
    """A service that fails, and its stub as `service.stub`."""
    server = grpc.aio.server()
    written: Any = FailingLedgerService
    servicer = written()
    ledger_stubs.add_LedgerServiceServicer_to_server(servicer, telling(server))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        servicer.stub = ledger_stubs.LedgerServiceStub(channel)
        yield servicer
    await server.stop(None)


async def status_from(call: Any) -> Status:
    """The rich status that a call ended with."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    status = rpc_status.from_call(failed.value)  # type: ignore[arg-type]
    assert status is not None, failed.value
    return status


async def told(service: Any, error: BaseException) -> Status:
    """What the client is told of an error in a unary call."""
    service.error = error
    return await status_from(service.stub.GetLedger(ledger_messages.GetLedgerRequest()))


def details_of(status: Status, kind: type[Any]) -> Any:
    """The one detail of a kind."""
    (packed,) = [each for each in status.details if each.Is(kind.DESCRIPTOR)]
    detail = kind()
    packed.Unpack(detail)
    return detail


def classes_below(base: type[Exception]) -> Iterator[type[Exception]]:
    """All subclasses at any depth."""
    for each in base.__subclasses__():
        yield each
        yield from classes_below(each)


ALL_ERRORS: list[tuple[errors.LedgerError, grpc.StatusCode, str]] = [
    (
        errors.InvalidRequestError([errors.Violation("a.b", "is wrong")]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    ),
    (errors.NotFoundError(kind="report", id="r"), grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    (errors.LedgerExistsError(ledger="main"), grpc.StatusCode.ALREADY_EXISTS, "LEDGER_EXISTS"),
    (
        errors.ReportConflictError(report_id="r", recorded_digest="aa", sent_digest="bb"),
        grpc.StatusCode.ALREADY_EXISTS,
        "REPORT_CONFLICT",
    ),
    (
        errors.RevisionConflictError([errors.RevisionMismatch("agreements/a", "3", 4)]),
        grpc.StatusCode.ABORTED,
        "REVISION_CONFLICT",
    ),
    (errors.NotPossibleError(why="it is retracted"), grpc.StatusCode.FAILED_PRECONDITION, "NOT_POSSIBLE"),
    (
        errors.ProjectionHaltedError(projection="threats", reached=7, min_position=9, because="8 P: no"),
        grpc.StatusCode.FAILED_PRECONDITION,
        "PROJECTION_HALTED",
    ),
    (errors.OverloadedError(what="queue", retry_seconds=1.5), grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
    (errors.UnavailableError(why="stopping"), grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    (
        errors.NotCosignedError(ledger="main", size=3, why="w has not cosigned"),
        grpc.StatusCode.UNAVAILABLE,
        "NOT_COSIGNED",
    ),
    (errors.DeadlineError(), grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE"),
    (
        errors.PositionNotReachedError(reached=7, min_position=9),
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "POSITION_NOT_REACHED",
    ),
    (errors.CorruptionError(position=3, what="x"), grpc.StatusCode.DATA_LOSS, "CORRUPTION"),
    (errors.PositionGapError(expected=3, found=4), grpc.StatusCode.DATA_LOSS, "POSITION_GAP"),
    (
        errors.NotContinuedError(position=3, ledger="main", known="its checkpoint", what="x", remedy="y"),
        grpc.StatusCode.DATA_LOSS,
        "NOT_CONTINUED",
    ),
    (errors.UnimplementedError(what="GetCheckpoint"), grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED"),
    (errors.InternalError(id="0"), grpc.StatusCode.INTERNAL, "INTERNAL"),
]


def test_every_error_of_the_tree_has_a_code() -> None:
    named = {each for each in classes_below(errors.LedgerError) if each.__module__ == errors.__name__}
    assert named == {type(error) for error, _, _ in ALL_ERRORS}
    assert set(CODES) <= named


@pytest.mark.parametrize(("error", "code", "reason"), ALL_ERRORS, ids=[reason for _, _, reason in ALL_ERRORS])
async def test_an_error_is_told_with_code_sentence_and_reason(
    service: Any, error: errors.LedgerError, code: grpc.StatusCode, reason: str
) -> None:
    status = await told(service, error)
    assert (status.code, status.message) == (code.value[0], str(error))
    info = details_of(status, ErrorInfo)
    assert (info.reason, info.domain) == (reason, "incident-ledger")
    assert dict(info.metadata).items() >= {name: str(value) for name, value in error.values.items()}.items()


async def test_every_violation_is_named_by_its_path(service: Any) -> None:
    found = [errors.Violation(f"report.claims[{index}].count", "is wrong") for index in range(20)]
    status = await told(service, errors.InvalidRequestError(found))
    fields = details_of(status, BadRequest).field_violations
    assert [(each.field, each.description) for each in fields] == [(each.field, each.description) for each in found]


async def test_a_thousand_violations_still_reach_the_client(service: Any) -> None:
    found = [errors.Violation(f"report.claims[{index}]", "sagt nichts: größer als " * 9) for index in range(1_000)]
    status = await told(service, errors.InvalidRequestError(found))
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert details_of(status, BadRequest).field_violations[0].field == "report.claims[0]"
    assert details_of(status, ErrorInfo).metadata["violations"] == "1000"


def test_an_append_stream_carries_all_violations_however_many() -> None:
    found = [errors.Violation(f"report.claims[{index}]", "is wrong") for index in range(1_000)]
    assert len(details_of(status_of(errors.InvalidRequestError(found)), BadRequest).field_violations) == 1_000


async def test_a_revision_conflict_names_all_streams(service: Any) -> None:
    mismatches = [
        errors.RevisionMismatch("agreements/a", "3", 4),
        errors.RevisionMismatch("agreements/b", "no stream", 1),
    ]
    detail = details_of(await told(service, errors.RevisionConflictError(mismatches)), records_pb2.RevisionConflict)
    assert [(each.stream, each.expected, each.actual) for each in detail.mismatches] == [
        ("agreements/a", "3", 4),
        ("agreements/b", "no stream", 1),
    ]


async def test_a_report_conflict_names_both_digests(service: Any) -> None:
    error = errors.ReportConflictError(report_id="r", recorded_digest="aa", sent_digest="bb")
    detail = details_of(await told(service, error), records_pb2.ReportConflict)
    assert (detail.report_id, detail.recorded_digest, detail.sent_digest) == ("r", "aa", "bb")


async def test_a_position_not_reached_names_the_position_reached(service: Any) -> None:
    error = errors.PositionNotReachedError(reached=7, min_position=9)
    detail = details_of(await told(service, error), records_pb2.PositionNotReached)
    assert (detail.min_position, detail.reached) == (9, 7)


async def test_a_halt_before_the_position_is_no_matter_of_time(service: Any) -> None:
    error = errors.ProjectionHaltedError(projection="casualties", reached=40, min_position=42, because="41 P: no")
    status = await told(service, error)
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert status.message == "The read model casualties is halted at position 40 and does not reach 42: 41 P: no"
    detail = details_of(status, records_pb2.PositionNotReached)
    assert (detail.reached, detail.min_position) == (40, 42)


async def test_an_overload_says_when_to_try_again(service: Any) -> None:
    error = errors.OverloadedError(what="queue", retry_seconds=1.5)
    delays = [details_of(await told(service, error), RetryInfo).retry_delay for _ in range(20)]
    seconds = {delay.ToTimedelta().total_seconds() for delay in delays}
    assert min(seconds) >= 1.5
    assert max(seconds) <= 3
    assert len(seconds) > 10, "those who are refused together come back one after the other"


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection to 10.0.0.7 as secret-role failed"),
        psycopg_pool.PoolTimeout("secret-role"),
        psycopg.errors.AdminShutdown("secret-role"),
        OperationalError("secret-role"),
    ],
)
async def test_a_database_that_is_away_is_unavailable_and_its_text_stays_inside(
    service: Any, error: Exception
) -> None:
    status = await told(service, error)
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert "secret-role" not in str(status)


async def test_what_nobody_foresaw_is_logged_under_the_id_that_is_told(
    service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status = await told(service, KeyError("secret"))
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert "secret" not in str(status)
    identifier = details_of(status, ErrorInfo).metadata["id"]
    assert identifier in status.message
    (logged,) = [each for each in caplog.records if identifier in each.getMessage()]
    assert logged.exc_info is not None
    assert "secret" in str(logged.exc_info[1])


async def test_a_method_that_is_not_written_is_unimplemented(service: Any) -> None:
    status = await status_from(service.stub.GetReport(ledger_messages.GetReportRequest()))
    assert (status.code, status.message) == (grpc.StatusCode.UNIMPLEMENTED.value[0], "GetReport is not built yet.")


async def test_a_streamed_method_that_is_not_written_is_unimplemented(service: Any) -> None:
    status = await status_from(service.stub.Subscribe(ledger_messages.SubscribeRequest()).read())
    assert status.message == "Subscribe is not built yet."


async def test_a_stream_gives_what_it_has_and_then_its_error(service: Any) -> None:
    service.error = errors.PositionGapError(expected=3, found=5)
    call = service.stub.ReplayHistory(ledger_messages.ReplayHistoryRequest())
    assert [(await call.read()).through_position for _ in range(2)] == [1, 2]
    status = await status_from(call.read())
    assert status.message == "Position 3 is missing from the record: 5 follows instead."


async def test_a_stream_both_ways_ends_with_its_error(service: Any) -> None:
    service.error = errors.UnavailableError(why="stopping")
    call = service.stub.AppendReports(iter([ledger_messages.AppendReportsRequest(ledger="main")]))
    assert (await call.read()).outcomes[0].report_id == "main"
    assert (await status_from(call.read())).code == grpc.StatusCode.UNAVAILABLE.value[0]


async def test_a_service_can_still_abort_by_itself(service: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await service.stub.ListLedgers(ledger_messages.ListLedgersRequest())
    assert (failed.value.code(), failed.value.details()) == (
        grpc.StatusCode.OUT_OF_RANGE,
        "the service itself aborted",
    )


async def test_a_cancelled_call_is_no_error_of_the_service(service: Any, caplog: pytest.LogCaptureFixture) -> None:
    service.error = asyncio.CancelledError()
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await service.stub.GetLedger(ledger_messages.GetLedgerRequest(), timeout=2)
    assert not [each for each in caplog.records if each.name == "ledger.api.statuses"]
