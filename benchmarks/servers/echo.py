"""A server of the same kind as the ledger's, with one method that gives back the bytes that it got.
The ceiling of what any method of such a server can do. Prints its address and serves until it is told to stop."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from ledger.api.server import options
from ledger.api.statuses import telling
from ledger.settings import Settings

SERVICE = "incident.ledger.v1.Measurement"
METHOD = f"/{SERVICE}/Echo"


async def echo(request: bytes, context: Any) -> bytes:
    """What came in."""
    return request


async def serve() -> None:
    """Listens on a free port."""
    server = grpc.aio.server(options=options(Settings()))
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Echo": grpc.unary_unary_rpc_method_handler(echo)})
    telling(server).add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"serving on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve())
