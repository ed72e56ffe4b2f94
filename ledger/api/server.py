"""The gRPC server: health, reflection, bounds. It knows no service of its own; the composition root brings them.
It listens, tells its health, and stops in an order that loses nothing."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ledger.api.statuses import telling
from ledger.errors import UnavailableError
from ledger.settings import Settings

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
STOP_SECONDS = 5.0
MIN_PING_MILLISECONDS = 10_000


def options(settings: Settings) -> Sequence[tuple[str, int]]:
    """What gRPC is told of the bounds."""
    return (
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", settings.max_calls_per_connection),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", MIN_PING_MILLISECONDS),
        # gRPC shares by default, so that a second service on the port would silently take half of the calls.
        ("grpc.so_reuseport", int(settings.share_port)),
    )


class _Health(health.aio.HealthServicer):
    """Health that can be listed too, which the library leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, int] = {}

    async def List(self, request: Any, context: Any) -> Any:
        """The health of the whole, of each service and of each part."""
        statuses = {name: health_pb2.HealthCheckResponse(status=status) for name, status in self.told.items()}
        messages: Any = health_pb2  # its types come without this one
        return messages.HealthListResponse(statuses=statuses)

    async def tell(self, statuses: Mapping[str, int]) -> None:
        """State what differs from what was stated before; what is gone is unknown."""
        gone = dict.fromkeys(self.told.keys() - statuses.keys(), UNKNOWN)
        before, self.told = self.told, dict(statuses)
        for name, status in (gone | self.told).items():
            if before.get(name) != status:
                await self.set(name, status)


class Server:
    """A gRPC server on one address."""

    def __init__(self, settings: Settings) -> None:
        self._server = grpc.aio.server(options=options(settings))
        self._health = _Health()
        self._address = settings.listen
        self._services: list[str] = [health.SERVICE_NAME, reflection.SERVICE_NAME]

    @property
    def registry(self) -> grpc.aio.Server:
        """Where services are added."""
        return telling(self._server)

    def offers(self, service: ServiceDescriptor) -> None:
        """Names a service that was added, for reflection and health."""
        self._services.append(service.full_name)

    async def start(self) -> str:
        """Begins to listen, not yet healthy; gives the address with its real port."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(self._services, self._server)
        await self.tell_health(False)
        host = self._address.rpartition(":")[0]
        try:
            port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise UnavailableError(
                why=f"cannot listen on {self._address}; choose another with LEDGER_LISTEN"
            ) from error
        await self._server.start()
        return f"{host}:{port}"

    async def tell_health(self, serving: bool, parts: Mapping[str, bool] = MappingProxyType({})) -> None:
        """States the health of the whole, of each service, and of parts that have a name of their own. A part that
        does not work leaves the whole serving: what depends on it still answers, and no restart mends it."""
        names = {**dict.fromkeys(("", *self._services), True), **parts}
        await self._health.tell(
            {name: SERVING if serving and works else NOT_SERVING for name, works in names.items()}
        )

    async def stop(self) -> None:
        """Takes no new calls, lets running ones end, cuts the rest."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(STOP_SECONDS)
