"""A TCP proxy before a database's unix socket that cuts a connection at an exact message, or stalls all of them.
For tests of what happens when the network fails; it listens on loopback only and knows no SQL."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK = 65_536
POLL_SECONDS = 0.02


class Cuts:
    """The bytes at which connections are cut, one after the other. What holds them is not passed on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self.done = 0

    def arm(self, *markers: bytes) -> None:
        """Cut where the first of them appears next, then where the second does, and so on."""
        with self._lock:
            self._waiting += markers

    def takes(self, chunk: bytes) -> bool:
        """Whether the connection ends at these bytes."""
        with self._lock:
            if not self._waiting or self._waiting[0] not in chunk:
                return False
            del self._waiting[0]
            self.done += 1
            return True


class Proxy:
    """Passes bytes on, until told otherwise."""

    def __init__(self, url: str) -> None:
        self.retarget(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(POLL_SECONDS)
        host, port = self._listener.getsockname()
        self.url = make_conninfo(url, host=host, port=port, sslmode="disable")
        self.request = Cuts()
        """Cut where the client sends it: the server never sees it."""
        self.reply = Cuts()
        """Cut where the server answers it: the client never sees it."""
        self.stalled = threading.Event()
        """While set, no byte arrives anywhere, and no connection ends."""
        self._closed = threading.Event()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def retarget(self, url: str) -> None:
        """Pass new connections on to the socket of this URL: a server that starts again has another one."""
        given = conninfo_to_dict(url)
        self._target = f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}"

    def close(self) -> None:
        """Ends all connections."""
        self._closed.set()
        self._threads[0].join()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._ends += (client, server)
                try:
                    server.connect(self._target)
                except OSError:
                    client.shutdown(socket.SHUT_RDWR)
                    continue
                for source, target, cuts in ((client, server, self.request), (server, client, self.reply)):
                    thread = threading.Thread(target=self._pass_on, args=(source, target, cuts))
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, cuts: Cuts) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                while self.stalled.is_set() and not self._closed.is_set():
                    self._closed.wait(POLL_SECONDS)
                if cuts.takes(chunk):
                    break
                target.sendall(chunk)
        while self.stalled.is_set() and not self._closed.is_set():
            self._closed.wait(POLL_SECONDS)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the database of a URL."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
