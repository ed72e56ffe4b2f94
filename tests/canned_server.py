"""A gRPC server of this project's contract that gives the answers it was told to give and remembers what it was
asked: for tests of clients. It decides nothing."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from incident.ledger.v1 import (
    casualty_service_pb2,
    ceasefire_service_pb2,
    ledger_service_pb2,
    projection_service_pb2,
)
from ledger.api.statuses import status_of

FILES = (
    ledger_service_pb2.DESCRIPTOR,
    casualty_service_pb2.DESCRIPTOR,
    ceasefire_service_pb2.DESCRIPTOR,
    projection_service_pb2.DESCRIPTOR,
    health_pb2.DESCRIPTOR,
)


NOT_SERVED = object()
"""The answer of a server that does not have the method's service."""


class CannedServer:
    """Answers by method name: a message, a list for a stream, an error, or a function of the request."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.address = ""

    def requests(self, method: str) -> list[Any]:
        """What a method was asked, in order."""
        return [request for name, request in self.asked if name == method]

    def handler(self, method: Any) -> Any:
        """How one method answers."""
        request_class, response_class = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[method.client_streaming, method.server_streaming]
        answer = self._streamed(method) if method.server_streaming else self._single(method)
        return make(answer, request_class.FromString, response_class.SerializeToString)

    def _single(self, method: Any) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: Any) -> Any:
            return next(self._given(method, request, context))

        return answer

    def _streamed(self, method: Any) -> Callable[[Any, Any], Iterator[Any]]:
        def answer(request: Any, context: Any) -> Iterator[Any]:
            for each in request if method.client_streaming else [request]:
                yield from self._given(method, each, context)

        return answer

    def _given(self, method: Any, request: Any, context: Any) -> Iterator[Any]:
        self.asked.append((method.name, request))
        found = self.answers.get(method.name, NotImplementedError(method.name))
        if found is NOT_SERVED:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        found = found(request) if callable(found) else found
        for each in found if isinstance(found, list) else [found]:
            if isinstance(each, Exception):
                context.abort_with_status(rpc_status.to_status(status_of(each)))
            yield each


@contextmanager
def canned_server() -> Iterator[CannedServer]:
    """A server on a free port of this machine, for the time of a test."""
    canned = CannedServer()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    for file in FILES:
        for service in file.services_by_name.values():
            handlers = {method.name: canned.handler(method) for method in service.methods if method.name != "Watch"}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    canned.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield canned
    finally:
        server.stop(None).wait()
