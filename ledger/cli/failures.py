"""How a command fails: one `error:` line with its violations on standard error, and an exit code for scripts.
Never a traceback; what is not foreseen is named by its class and text."""

import sys
from collections.abc import Iterator
from typing import Any

import click
import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from incident.ledger.v1 import records_pb2
from ledger.cli.wording import visible

OK = 0
REFUSED = 1
FAULTY_INPUT = 2
UNREACHABLE = 3
INTERRUPTED = 130

_UNREACHABLE_CODES = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED))


class FaultyInput(click.ClickException):
    """Input with faults that are told already."""

    exit_code = FAULTY_INPUT


class Refused(click.ClickException):
    """The server refused, or the answer is no."""

    exit_code = REFUSED


class Unreachable(click.ClickException):
    """The server cannot be reached, or does not answer in time."""

    exit_code = UNREACHABLE


def tell(message: str, *more: str) -> None:
    """An error on standard error, with indented lines below it."""
    print(visible(f"error: {message}"), file=sys.stderr)
    for line in more:
        print(visible(f"  {line}"), file=sys.stderr)


def tell_failure(error: grpc.RpcError, address: str) -> int:
    """Tells why a call failed; the exit code."""
    code, details = _code_and_details(error)
    status = _rich_status(error)
    if status is None and code is grpc.StatusCode.UNAVAILABLE:
        tell(f"no server answers at {address}", "start one with `incident-ledger serve`, or name it with --address")
    elif status is None and code is grpc.StatusCode.DEADLINE_EXCEEDED:
        tell(f"no answer from {address} in time", "--timeout SECONDS waits longer")
    elif status is None and code is grpc.StatusCode.UNIMPLEMENTED:
        tell(f"the server at {address} does not serve this", "another --role of it may, at another --address")
    elif status is None:
        tell(f"{details or 'the call failed'} ({code.name})")
    else:
        tell(headline(status), *detail_lines(status))
    return exit_code_of(code)


def metadata_of(error: grpc.RpcError) -> dict[str, str]:
    """What the server says of an error for machines; empty where it did not send the error itself."""
    info = ErrorInfo()
    status = _rich_status(error)
    if status is not None and any(each.Unpack(info) for each in status.details):
        return dict(info.metadata)
    return {}


def exit_code_of(code: grpc.StatusCode) -> int:
    """3 where the same call may succeed later, 2 where the request itself has faults, else 1."""
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return FAULTY_INPUT
    return UNREACHABLE if code in _UNREACHABLE_CODES else REFUSED


def headline(status: Status) -> str:
    """The sentence of a status; violations are listed below it instead."""
    if any(each.Is(BadRequest.DESCRIPTOR) for each in status.details):
        return "the request has faults"
    return str(status.message)


def detail_lines(status: Status) -> Iterator[str]:
    """What a status says beyond its sentence."""
    for packed in status.details:
        for kind, lines in _DETAILS:
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                packed.Unpack(detail)
                yield from lines(detail)


def _violations(detail: Any) -> Iterator[str]:
    return (f"{each.field}: {each.description}" for each in detail.field_violations)


def _mismatches(detail: Any) -> Iterator[str]:
    return (f"{each.stream}: expected {each.expected}, is {each.actual}" for each in detail.mismatches)


def _digests(detail: Any) -> Iterator[str]:
    yield f"recorded: sha256 {detail.recorded_digest}"
    yield f"sent:     sha256 {detail.sent_digest}"


def _retry(detail: Any) -> Iterator[str]:
    yield f"try again in {detail.retry_delay.ToTimedelta().total_seconds():g} s"


_DETAILS = (
    (BadRequest, _violations),
    (RetryInfo, _retry),
    (records_pb2.RevisionConflict, _mismatches),
    (records_pb2.ReportConflict, _digests),
)


def _code_and_details(error: Any) -> tuple[grpc.StatusCode, str]:
    code = error.code() if callable(getattr(error, "code", None)) else grpc.StatusCode.UNKNOWN
    details = error.details() if callable(getattr(error, "details", None)) else str(error)
    return code or grpc.StatusCode.UNKNOWN, details or ""


def _rich_status(error: Any) -> Status | None:
    """The status with its details; None where the server itself did not send one."""
    try:
        return rpc_status.from_call(error)
    except (ValueError, AttributeError, TypeError):
        return None
