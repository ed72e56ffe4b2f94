"""The gRPC server: health, reflection, bounds. It knows no service of its own; the composition root brings them.
It listens, tells its health, and stops in an order that loses nothing."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ledger.api.statuses import telling
from ledger.errors import UnavailableError
from ledger.settings import Settings

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


class Server:
    """A gRPC server on one address."""

    def __init__(self, settings: Settings) -> None:
        self._server = grpc.aio.server(options=options(settings))
        self._health = health.aio.HealthServicer()
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

    async def tell_health(self, serving: bool) -> None:
        """States the health of the whole and of each service."""
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if serving else states.NOT_SERVING
        for service in ("", *self._services):
            await self._health.set(service, state)

    async def stop(self) -> None:
        """Takes no new calls, lets running ones end, cuts the rest."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(STOP_SECONDS)
