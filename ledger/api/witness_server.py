"""A witness over HTTP (C2SP tlog-witness): one method, `add-checkpoint`. It bounds what it takes in size, time and
connections, and decides nothing."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ledger.audit.witnessing import ADD_CHECKPOINT, MAX_REQUEST_BYTES
from ledger.errors import NotPossibleError
from ledger.persistence.witnessed import Witness

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
REQUEST_SECONDS = 10.0
"""For a request to arrive."""
CONNECTION_SECONDS = 60.0
"""After which a connection is closed, once it is idle; also one that never said anything."""
SWEEP_SECONDS = 5.0
STOP_SECONDS = 5.0
THREADS = 4


class _Full(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class WitnessServer:
    """Serves one witness on one address."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        application.router.add_post(ADD_CHECKPOINT, self._add_checkpoint)
        # A body is taken as it comes: what a few bytes unpack to has no bound.
        self._runner = web.AppRunner(
            application, access_log=None, auto_decompress=False, shutdown_timeout=STOP_SECONDS
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="witness")
        self._busy: set[asyncio.BaseProtocol] = set()

    async def start(self, listen: str) -> str:
        """Begins to listen on HOST:PORT; gives the address with its real port. NotPossibleError."""
        host, _, port = listen.rpartition(":")
        await self._runner.setup()
        try:
            loop = asyncio.get_running_loop()
            self._listening = await loop.create_server(self._protocol, host.strip("[]"), int(port))
        except OSError as error:
            await self._runner.cleanup()
            why = f"cannot listen on {listen} ({error.strerror}); choose another address"
            raise NotPossibleError(why=why) from error
        self._sweeping = asyncio.create_task(self._sweep())
        return f"{host}:{self._listening.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Takes no new connections, and lets what is being cosigned end."""
        self._listening.close()
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping
        await self._runner.cleanup()
        self._threads.shutdown(wait=True)

    async def _add_checkpoint(self, request: web.Request) -> web.Response:
        if (request.content_length or 0) > MAX_REQUEST_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_REQUEST_BYTES, request.content_length or 0)
        connection = request.protocol
        self._busy.add(connection)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await request.read()
            loop, now = asyncio.get_running_loop(), int(time.time())
            answer = await loop.run_in_executor(self._threads, self._witness.add_checkpoint, body, now)
        except TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        finally:
            self._busy.discard(connection)
        # As bytes: the type of a size has no character set.
        return web.Response(status=answer.status, body=answer.body.encode(), content_type=answer.content_type)

    def _protocol(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(server.connections) >= MAX_CONNECTIONS:
            log.warning("a connection is refused: there are %d", MAX_CONNECTIONS)
            return _Full()
        return server()

    async def _sweep(self) -> None:
        """Close what is old: whoever says nothing, or half a request, must not keep others out."""
        since: dict[RequestHandler, float] = {}
        loop = asyncio.get_running_loop()
        while self._runner.server is not None:
            now = loop.time()
            since = {each: since.get(each, now) for each in self._runner.server.connections}
            for each, began in since.items():
                if now - began >= CONNECTION_SECONDS:
                    each.close() if each in self._busy else each.force_close()
            await asyncio.sleep(SWEEP_SECONDS)
