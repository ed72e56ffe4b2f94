"""Tells of new commits: to those who wait in this process, and by NOTIFY to other processes; hears those of others.
A notice is a hint and may be lost; whoever waits also polls. NOTIFY goes out after the commit and on a connection
of its own, because inside a transaction it takes a lock that serialises the whole database."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.persistence.connecting import connect, cut, parameters
from ledger.persistence.log import AsyncConnection, EventLog, head_of
from ledger.persistence.queries import Queries

log = logging.getLogger(__name__)

QUERIES = Queries("ledger.persistence", "writing.sql")
POLL_SECONDS = 0.2
GATHER_SECONDS = 0.003
"""Between two notices: under load several commits share one, which spares whoever is woken by it."""
STOP_SECONDS = 2.0
"""After so long a notice that does not come through is given up; it was a hint."""
ANSWER_SECONDS = 5.0
"""After so long without an answer the connection that listens is taken for dead and cut."""
LISTEN = sql.SQL("LISTEN {}")


def channel_of(ledger: str) -> str:
    """The NOTIFY channel of a ledger; its payload is the new size."""
    return f"ledger_{ledger}"


async def sizes(ledger: EventLog, url: str) -> AsyncGenerator[int, None]:
    """The sizes of a ledger as they become known, whoever commits: by notices, and by a look now and then, the
    first of them once it listens. Raises when the connection is lost, or when nothing comes through it."""
    listen = LISTEN.format(sql.Identifier(channel_of(ledger.ledger)))
    async with await AsyncConnection.connect(url, **parameters(url, f"listen {ledger.ledger}")) as connection:
        while True:
            cutting = asyncio.get_running_loop().call_later(ANSWER_SECONDS, cut, connection)
            try:
                await connection.execute(listen)
                head = head_of(await (await connection.execute(ledger.query("head"))).fetchone())
            finally:
                cutting.cancel()
            yield head.size
            async with aclosing(connection.notifies(timeout=POLL_SECONDS)) as notices:
                async for notice in notices:
                    yield int(notice.payload)


class Notices:
    """The newest size that this process knows to be committed."""

    def __init__(self, ledger: str, url: str) -> None:
        self._channel = channel_of(ledger)
        self._url = url
        self._size = 0
        self._sent = 0
        self._stopping = False
        self._stop_told = threading.Event()
        self._changed = threading.Condition()
        self._listeners: list[Callable[[int], None]] = []
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._thread = threading.Thread(target=self._notify, name=f"notices-{ledger}", daemon=True)
        self._thread.start()

    def announce(self, size: int) -> None:
        """Called by the lane after each commit; never blocks on the database."""
        with self._changed:
            self._size = max(self._size, size)
            self._changed.notify_all()
        for listener in self._listeners:
            listener(size)

    def on_announce(self, listener: Callable[[int], None]) -> None:
        """Calls the listener, on the lane's thread, after each commit of this process."""
        self._listeners.append(listener)

    def wait_beyond(self, size: int) -> int:
        """Waits until more than size is committed, at most a poll's length; gives the newest known size."""
        with self._changed:
            self._changed.wait_for(lambda: self._size > size or self._stopping, timeout=POLL_SECONDS)
            return self._size

    def stop(self) -> None:
        """Ends the thread; what was not sent is found by the others' polls."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._stop_told.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive() and self._connection is not None:
            cut(self._connection)
        self._thread.join()

    def _notify(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._size > self._sent or self._stopping)
                if self._stopping:
                    break
                size = self._size
            self._sent = size  # one try: several commits share a notice, and a lost one is only late
            try:
                if self._connection is None:
                    self._connection = connect(self._url, "notices")
                self._connection.execute(QUERIES.notify, {"channel": self._channel, "size": str(size)})
            except psycopg.Error as error:
                log.warning("a notice of %s was not sent: %s", self._channel, str(error).strip())
                self._close()
            self._stop_told.wait(GATHER_SECONDS)
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
