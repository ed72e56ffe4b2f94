"""A TCP proxy before a database's unix socket: it cuts connections at an exact message or all at once, refuses,
delays or stalls them, and drops the reply to a request that it let through. On loopback only; it knows no SQL."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK = 65_536
POLL_SECONDS = 0.02


class Cuts:
    """The bytes at which something happens to a connection, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self.done = 0

    def arm(self, *markers: bytes) -> None:
        """Happen where the first of them appears next, then where the second does, and so on."""
        with self._lock:
            self._waiting += markers

    def disarm(self) -> None:
        """Happen no more."""
        with self._lock:
            self._waiting.clear()

    def takes(self, chunk: bytes) -> bool:
        """Whether it happens at these bytes."""
        with self._lock:
            if not self._waiting or self._waiting[0] not in chunk:
                return False
            del self._waiting[0]
            self.done += 1
            return True


class Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.server = socket.socket(socket.AF_UNIX)
        self.deaf = threading.Event()
        """Once set, what the server says is dropped."""
        self.over = threading.Event()
        self._directions = 2

    def end(self) -> None:
        """Both ends see that it is over."""
        self.over.set()
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def leave(self) -> bool:
        """One direction is done; true where it was the last, and the sockets are closed."""
        self._directions -= 1
        if self._directions == 0:
            self.client.close()
            self.server.close()
        return self._directions == 0


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
        self.noticed = Cuts()
        """Counted where the client sends it, and passed on."""
        self.unanswered = Cuts()
        """Let through where the client sends it; nothing that the server says from then on arrives."""
        self.stalled = threading.Event()
        """While set, no byte arrives anywhere, and no connection ends."""
        self.refusing = threading.Event()
        """While set, nobody gets in."""
        self.delay_seconds = 0.0
        """What the server says arrives so much later."""
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._accepting.start()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._links)

    def retarget(self, url: str) -> None:
        """Pass new connections on to the socket of this URL: a server that starts again has another one."""
        given = conninfo_to_dict(url)
        self._target = f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}"

    def cut(self, *, deaf: bool = False) -> int:
        """Ends all connections, or those alone that hear nothing any more; how many."""
        with self._lock:
            links = [link for link in self._links if link.deaf.is_set() or not deaf]
        for link in links:
            link.end()
        return len(links)

    def deafen(self) -> int:
        """On the connections that there are, nothing that the server says arrives any more; how many."""
        with self._lock:
            for link in self._links:
                link.deaf.set()
            return len(self._links)

    def close(self) -> None:
        """Ends all connections and takes no more."""
        self._closed.set()
        self._accepting.join()
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                link = Link(client)
                try:
                    if self.refusing.is_set():
                        raise ConnectionRefusedError
                    link.server.connect(self._target)
                except OSError:
                    client.close()
                    link.server.close()
                    continue
                with self._lock:
                    self._links.append(link)
                for direction in (self._ask, self._answer):
                    threading.Thread(target=self._pass_on, args=(direction, link), daemon=True).start()

    def _pass_on(self, direction: Callable[[Link], None], link: Link) -> None:
        with suppress(OSError):
            direction(link)
        while self.stalled.is_set() and not self._done(link):
            self._closed.wait(POLL_SECONDS)
        link.end()
        with self._lock:
            if link.leave():
                self._links.remove(link)

    def _ask(self, link: Link) -> None:
        while chunk := link.client.recv(CHUNK):
            self._hold(link)
            if self.request.takes(chunk):
                break
            self.noticed.takes(chunk)
            if self.unanswered.takes(chunk):
                link.deaf.set()
            link.server.sendall(chunk)

    def _answer(self, link: Link) -> None:
        while chunk := link.server.recv(CHUNK):
            if self.delay_seconds:
                link.over.wait(self.delay_seconds)
            self._hold(link)
            if self.reply.takes(chunk):
                break
            if not link.deaf.is_set():
                link.client.sendall(chunk)

    def _hold(self, link: Link) -> None:
        while self.stalled.is_set() and not self._done(link):
            link.over.wait(POLL_SECONDS)

    def _done(self, link: Link) -> bool:
        return link.over.is_set() or self._closed.is_set()


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the database of a URL."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
