"""Errors as gRPC statuses: a canonical code, a sentence, `ErrorInfo`, and one typed detail.
What nobody foresaw is logged under an id, and only the id is answered: no text of it leaves the service."""

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from random import uniform
from typing import Any, cast
from uuid import uuid4

import grpc
import psycopg
from eventsourcing.persistence import OperationalError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from incident.ledger.v1 import records_pb2
from ledger import errors

log = logging.getLogger(__name__)

ERROR_DOMAIN = "incident-ledger"
DETAILS_KEY = "grpc-status-details-bin"
NOT_WRITTEN = "Method not implemented!"
"""What the generated base classes raise for a method that a service does not have."""

MAX_MESSAGE_CHARACTERS = 1_000
MAX_TRAILER_BYTES = 4_500
"""Clients take 8 KiB of trailers by default; the details travel there in base 64, beside the message."""
MIN_RETRY_SECONDS = 0.05
RETRY_SPREAD = 1.0

DATABASE_AWAY = (psycopg.OperationalError, OperationalError)
"""The driver's, also what its pool raises (timed out, closed, full), and the recorder's."""

CODES: Mapping[type[errors.LedgerError], grpc.StatusCode] = {
    errors.InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.LedgerExistsError: grpc.StatusCode.ALREADY_EXISTS,
    errors.ReportConflictError: grpc.StatusCode.ALREADY_EXISTS,
    errors.RevisionConflictError: grpc.StatusCode.ABORTED,
    errors.NotPossibleError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.UnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineError: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.CorruptionError: grpc.StatusCode.DATA_LOSS,
    errors.UnimplementedError: grpc.StatusCode.UNIMPLEMENTED,
    errors.InternalError: grpc.StatusCode.INTERNAL,
}
"""The table of the contract; a subclass has the code of its base."""


def status_of(error: Exception) -> Status:
    """The whole status of an error, as an append stream carries it for one report."""
    known = known_error(error)
    status = Status(code=code_of(known).value[0], message=_bounded(str(known)))
    for detail in (_info(known), _typed_detail(known)):
        if detail is not None:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
    return status


def code_of(error: errors.LedgerError) -> grpc.StatusCode:
    """The canonical code of an error's class, or of the nearest base that has one."""
    return next((CODES[each] for each in type(error).__mro__ if each in CODES), grpc.StatusCode.INTERNAL)


class _Telling(grpc.GenericRpcHandler):
    """The methods of a service, each ending a call that raises with the status of its error; services raise and
    know nothing of codes. Wrapped once: an interceptor runs for each call and takes as long as reading a report."""

    def __init__(self, methods: grpc.GenericRpcHandler) -> None:
        self._methods = methods
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """The handler of a method; None where it is not one of the service's."""
        method = str(handler_call_details.method)
        if method not in self._wrapped:
            handler = self._methods.service(handler_call_details)
            if handler is None:
                return None
            self._wrapped[method] = _wrapped(handler, method)
        return self._wrapped[method]


class _Registry:
    """What generated code needs of a server to add a service."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._server.add_generic_rpc_handlers([_Telling(each) for each in handlers])

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """The same methods once more, for a kind of server that this is not."""


def telling(server: grpc.aio.Server) -> grpc.aio.Server:
    """Where services are added to a server so that their errors end calls with statuses."""
    return cast(grpc.aio.Server, _Registry(server))


def _wrapped(handler: Any, method: str) -> "grpc.RpcMethodHandler[Any, Any]":
    codec = (handler.request_deserializer, _or_ready(handler.response_serializer))
    if handler.stream_stream:
        return grpc.stream_stream_rpc_method_handler(_streaming(handler.stream_stream, method), *codec)
    if handler.unary_stream:
        return grpc.unary_stream_rpc_method_handler(_streaming(handler.unary_stream, method), *codec)
    return grpc.unary_unary_rpc_method_handler(_single(handler.unary_unary, method), *codec)


def _or_ready(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """A method may also answer with a message's bytes."""
    return lambda answer: answer if type(answer) is bytes else serialize(answer)


def _single(behaviour: Callable[..., Any], method: str) -> Callable[..., Awaitable[Any]]:
    waits = inspect.iscoroutinefunction(behaviour)

    async def call(request: Any, context: Any) -> Any:
        try:
            answer = behaviour(request, context)
            return await answer if waits else answer
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await _refuse(context, error, method)

    return call


def _streaming(behaviour: Callable[..., Any], method: str) -> Callable[..., AsyncIterator[Any]]:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async with aclosing(behaviour(request, context)) as answers:
                async for answer in answers:
                    yield answer
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await _refuse(context, error, method)

    return call


async def _refuse(context: Any, error: Exception, method: str) -> None:
    if isinstance(error, NotImplementedError) and str(error) == NOT_WRITTEN:
        error = errors.UnimplementedError(what=method.rpartition("/")[2])
    known = known_error(error)
    status = _fit_for_trailers(status_of(known))
    trailer = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(code_of(known), status.message, trailer)


def known_error(error: Exception) -> errors.LedgerError:
    """An error of our own tree; what comes from elsewhere is told without its text."""
    if isinstance(error, errors.LedgerError):
        return error
    if isinstance(error, DATABASE_AWAY):
        log.warning("database away: %s", error)
        return errors.UnavailableError(why="the database is away; try again later")
    unforeseen = errors.InternalError(id=uuid4().hex)
    log.error("unforeseen error %s", unforeseen.values["id"], exc_info=error)
    return unforeseen


def _bounded(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else f"{message[: MAX_MESSAGE_CHARACTERS - 1]}…"


def _info(error: errors.LedgerError) -> Message:
    values = {name: _bounded(str(value)) for name, value in error.values.items()}
    if isinstance(error, errors.InvalidRequestError):
        values["violations"] = str(len(error.violations))
    info: Message = ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN, metadata=values)
    return info


def _typed_detail(error: errors.LedgerError) -> Message | None:
    detail: Message | None = None
    match error:
        case errors.InvalidRequestError(violations=violations):
            fields = [{"field": each.field, "description": each.description} for each in violations]
            detail = BadRequest(field_violations=fields)
        case errors.RevisionConflictError(mismatches=mismatches):
            detail = records_pb2.RevisionConflict(
                mismatches=[
                    records_pb2.RevisionConflict.Mismatch(
                        stream=each.stream, expected=each.expected, actual=each.actual
                    )
                    for each in mismatches
                ]
            )
        case errors.ReportConflictError(values=values):
            detail = records_pb2.ReportConflict(
                report_id=str(values.get("report_id", "")),
                recorded_digest=str(values.get("recorded_digest", "")),
                sent_digest=str(values.get("sent_digest", "")),
            )
        case errors.PositionNotReachedError(values=values) | errors.ProjectionHaltedError(values=values):
            detail = records_pb2.PositionNotReached(min_position=values["min_position"], reached=values["reached"])
        case errors.OverloadedError(values=values):
            # Many are refused in the same moment; they must not all come back in the same moment.
            seconds = values.get("retry_seconds", 0) * uniform(1, 1 + RETRY_SPREAD)
            detail = RetryInfo(retry_delay=_duration(seconds))
    return detail


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(max(seconds, MIN_RETRY_SECONDS) * 1_000))
    return duration


def _fit_for_trailers(status: Status) -> Status:
    """Leaves out the last of many violations: a status that no client can take says nothing at all.
    `ErrorInfo` tells how many there are; an append stream carries them all."""
    if status.ByteSize() <= MAX_TRAILER_BYTES:
        return status
    packed = status.details[-1]
    for kind, field in ((BadRequest, "field_violations"), (records_pb2.RevisionConflict, "mismatches")):
        if not packed.Is(kind.DESCRIPTOR):
            continue
        detail = kind()
        packed.Unpack(detail)
        items = getattr(detail, field)
        while items and status.ByteSize() > MAX_TRAILER_BYTES:
            del items[-1]
            packed.Pack(detail)
    return status
