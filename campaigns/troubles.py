"""Injects faults: into a service and its network, and into the database that both services share.
Each says whether it struck: a fault that met nobody does not count, and is tried again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from campaigns.proxy import Cuts, Proxy
from campaigns.schedule import Fault, Kind
from campaigns.services import Service
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.provision import SERVICE
from ledger.persistence.queries import Queries

QUERIES = Queries("campaigns", "trouble.sql")
SCHEMA = sql.Identifier("ledger_main")
ENVELOPE = b"incident-ledger/event/v2"
"""In a lane's insert, and in nothing else that it sends."""
COMMIT = b"COMMIT\x00"
STRIKE_SECONDS = 10.0
"""How long a fault waits for somebody to strike."""
POLL_SECONDS = 0.005
SLOWEST_SECONDS = 0.08
JUST_AFTER_SECONDS = 0.05
STATEMENT_SECONDS = 20
MAINTENANCE = (
    ("vacuum",),
    ("freeze",),
    ("analyze",),
    ("checkpoint",),
    ("drop_index", "create_index"),
    ("reindex",),
)


class ServiceTroubles:
    """Faults of one service process and of the network between it and its database."""

    def __init__(self, service: Service, proxy: Proxy) -> None:
        self._service = service
        self._proxy = proxy
        self.died: list[str] = []
        self._by_kind: dict[Kind, Callable[[Fault], bool]] = {
            Kind.KILL: self._kill,
            Kind.STOP: self._stop,
            Kind.CUT: lambda fault: self._connected() and proxy.cut() > 0,
            Kind.PARTITION: self._partition,
            Kind.DELAY: self._delay,
            Kind.HOLE: self._hole,
            Kind.FORGOTTEN: self._forget,
            Kind.UNSENT_INSERT: lambda fault: self._happens(proxy.request, ENVELOPE),
            Kind.UNANSWERED_INSERT: lambda fault: self._unanswered(fault, ENVELOPE),
            Kind.UNANSWERED_COMMIT: lambda fault: self._unanswered(fault, COMMIT),
        }

    def inflict(self, fault: Fault) -> bool:
        """Injects a fault, and mends it; whether it struck."""
        if self._service.died():
            self.died.append(f"{self._service.address} ended by itself; see {self._service.log.name}")
            self._service.kill()
            self._service.start()
        return self._by_kind[fault.kind](fault)

    def _kill(self, fault: Fault) -> bool:
        self._service.kill()
        time.sleep(fault.seconds)
        self._service.start()
        return True

    def _stop(self, fault: Fault) -> bool:
        self._service.pause()
        time.sleep(fault.seconds)
        self._service.go_on()
        return True

    def _partition(self, fault: Fault) -> bool:
        if not self._connected():
            return False
        self._proxy.refusing.set()
        struck = self._proxy.cut() > 0
        time.sleep(fault.seconds)
        self._proxy.refusing.clear()
        return struck

    def _delay(self, fault: Fault) -> bool:
        if not self._connected():
            return False
        self._proxy.delay_seconds = fault.roll * SLOWEST_SECONDS
        time.sleep(fault.seconds)
        self._proxy.delay_seconds = 0.0
        return True

    def _hole(self, fault: Fault) -> bool:
        """No byte arrives anywhere; then either all that was sent does, or the connections end."""
        if not self._connected():
            return False
        self._proxy.stalled.set()
        time.sleep(fault.seconds)
        if fault.roll < 0.5:
            self._proxy.cut()
        self._proxy.stalled.clear()
        return True

    def _forget(self, fault: Fault) -> bool:
        """Nothing arrives any more on old connections, as when a router has forgotten them; new ones work."""
        struck = self._connected() and self._proxy.deafen() > 0
        time.sleep(fault.seconds)
        self._proxy.cut(deaf=True)
        return struck

    def _unanswered(self, fault: Fault, marker: bytes) -> bool:
        """A request arrives, and its reply does not; after a while the connection ends."""
        struck = self._happens(self._proxy.unanswered, marker)
        if struck:
            time.sleep(fault.seconds)
        self._proxy.cut(deaf=True)
        return struck

    def _happens(self, cuts: Cuts, marker: bytes) -> bool:
        before = cuts.done
        cuts.arm(marker)
        struck = _until(lambda: cuts.done > before)
        cuts.disarm()
        return struck

    def _connected(self) -> bool:
        return _until(lambda: self._proxy.connections > 0)


class DatabaseTroubles:
    """Faults of the database, and what its administrators do to it."""

    def __init__(self, server: EmbeddedPostgres, owner_url: str, proxies: Sequence[Proxy]) -> None:
        self._server = server
        self._owner_url = owner_url
        self._proxies = proxies
        self._holders: list[threading.Thread] = []

    def inflict(self, fault: Fault) -> bool:
        """Injects a fault, and mends it; whether it struck."""
        match fault.kind:
            case Kind.CRASH:
                return self._crash(fault)
            case Kind.TERMINATE:
                return self._terminate(fault)
            case Kind.SNAPSHOT:
                return self._hold_snapshot(fault)
            case _:
                return self._maintain(fault)

    def settle(self) -> None:
        """Waits for what is still held."""
        for holder in self._holders:
            holder.join()

    def _crash(self, fault: Fault) -> bool:
        """In the middle of an insert, or just when it is acknowledged. SIGQUIT to the server is what `pg_ctl stop
        -m immediate` sends: no checkpoint, the log is replayed."""
        if not self._insert_passes():
            return False
        time.sleep(fault.roll * JUST_AFTER_SECONDS)
        os.kill(self._server.pid, signal.SIGQUIT)
        self._server.stop()
        time.sleep(fault.seconds)
        self._server.start()
        for proxy in self._proxies:
            proxy.retarget(self._server.url())  # perhaps it has another socket now
        return True

    def _insert_passes(self) -> bool:
        noticed = [proxy.noticed for proxy in self._proxies]
        before = [each.done for each in noticed]
        for each in noticed:
            each.arm(ENVELOPE)
        passed = _until(lambda: [each.done for each in noticed] != before)
        for each in noticed:
            each.disarm()
        return passed

    def _terminate(self, fault: Fault) -> bool:
        with psycopg.connect(self._server.url(self._database()), autocommit=True) as connection:
            values = {"service": SERVICE, "lanes": fault.roll < 0.5}
            row = connection.execute(QUERIES.terminate, values).fetchone()
        return bool(row and row[0])

    def _hold_snapshot(self, fault: Fault) -> bool:
        held = threading.Event()
        holder = threading.Thread(target=self._hold, args=(fault.seconds, held), daemon=True)
        holder.start()
        self._holders.append(holder)
        return held.wait(STRIKE_SECONDS)

    def _hold(self, seconds: float, held: threading.Event) -> None:
        # It may be terminated or crash with the server, which ends it early.
        with suppress(psycopg.OperationalError), psycopg.connect(self._owner_url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute(sql.SQL(QUERIES.snapshot).format(schema=SCHEMA))
            held.set()
            time.sleep(seconds)

    def _maintain(self, fault: Fault) -> bool:
        with psycopg.connect(self._server.url(self._database()), autocommit=True) as connection:
            connection.execute(sql.SQL("SET statement_timeout = {}").format(STATEMENT_SECONDS * 1000))
            for step in MAINTENANCE[int(fault.roll * len(MAINTENANCE))]:
                connection.execute(sql.SQL(getattr(QUERIES, step)).format(schema=SCHEMA))
        return True

    def _database(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self._owner_url)["dbname"])


def _until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + STRIKE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
