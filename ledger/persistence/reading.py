"""The connections that a ledger is read with. What waits on one for too long is cut off by this side: the server's
own bounds do not hold where nothing comes through. It knows no queries."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from select import POLLIN, poll
from weakref import WeakKeyDictionary

from psycopg_pool import ConnectionPool

from ledger.persistence.connecting import STATEMENT_SECONDS, cut, parameters
from ledger.persistence.log import Connection

READ_CONNECTIONS = 4
READ_SECONDS = 30.0
STUCK_SECONDS = STATEMENT_SECONDS + 5.0
"""The server ends statements before; when it has not, nothing comes through."""
CHECK_SECONDS = 2.0
"""A connection that does not answer so soon whether it is alive is not lent."""
FRESH_SECONDS = 0.5
"""A connection that answered so recently is not asked again, unless something has come since: word of its end."""
WATCH_SECONDS = 0.2


class ReadPool(ConnectionPool[Connection]):
    """A few connections, checked before they are lent, so that a restarted database costs nobody a call."""

    def __init__(self, url: str, purpose: str) -> None:
        self._due: dict[Connection, float] = {}
        self._returned = WeakKeyDictionary[Connection, float]()
        self._closing = threading.Event()
        super().__init__(
            url,
            min_size=1,
            max_size=READ_CONNECTIONS,
            timeout=READ_SECONDS,
            kwargs=parameters(url, purpose),
            check=self._check,
            open=True,
        )
        threading.Thread(target=self._watch, name=f"watch {purpose}", daemon=True).start()

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """Lends a connection, for no longer than a read may take."""
        with super().connection(timeout) as connection, self._cut_after(STUCK_SECONDS, connection):
            yield connection
            self._returned[connection] = time.monotonic()

    def close(self, timeout: float = 5.0) -> None:
        """Whoever still reads is cut off: nobody waits for the answer any more."""
        self._closing.set()
        self._cut_due(float("inf"))
        super().close(timeout)

    def _check(self, connection: Connection) -> None:
        answered = time.monotonic() - self._returned.get(connection, 0.0) < FRESH_SECONDS
        if answered and not _has_news(connection):
            return
        with self._cut_after(CHECK_SECONDS, connection):
            self.check_connection(connection)

    @contextmanager
    def _cut_after(self, seconds: float, connection: Connection) -> Iterator[None]:
        self._due[connection] = time.monotonic() + seconds
        try:
            yield
        finally:
            self._due.pop(connection, None)

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_SECONDS):
            self._cut_due(time.monotonic())

    def _cut_due(self, now: float) -> None:
        for connection, due in list(self._due.items()):
            if due <= now:
                cut(connection)


def _has_news(connection: Connection) -> bool:
    """Whether the server has said something, or has gone, since the last answer."""
    looking = poll()
    looking.register(connection.pgconn.socket, POLLIN)
    return bool(looking.poll(0))
