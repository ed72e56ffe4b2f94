"""A ledger with a long history: replayed beside COPY, UmaDB's read and the library's select-and-decode, and
appended to beside a ledger with ten thousand events. It is filled through the append stream, so its roots hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import grpc

from benchmarks import processes, reports, stored
from benchmarks.bulk import MESSAGES_UNDER_WAY, REPORTS_A_MESSAGE
from benchmarks.clients import library, raw_read, replay, stream, uma, unary
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Opponent, Scale, Turn, watched
from benchmarks.processes import Serving
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub

DATABASE = "history"
FILL_RUN = 100
"""The number of the run that fills the ledger."""
SMALL = 10_000
DECODED_SHARE = 5
"""A fifth of the history is enough where every event is decoded."""
CALL_SECONDS = 60.0
AT_ONCE = 64
FILL_SECONDS = 7_200.0


def opponents(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """All that need a history."""
    past = Past(ground, scale)
    yield from replays(ground, scale, past)
    yield from growth(ground, scale, past)


class Past:
    """The ledger with a history, filled when it is first asked for; and fresh small ones beside it."""

    def __init__(self, ground: Ground, scale: Scale) -> None:
        self._ground = ground
        self.events = scale.history
        self.small_events = min(SMALL, scale.history)
        self.server = cache(self._server)

    def _server(self) -> Serving:
        server: Serving = self._ground.ledger("history", DATABASE)
        self._fill(server, FILL_RUN, self.events)
        return server

    def small(self, turn: Turn) -> str:
        """A new ledger with ten thousand events, in the same database and process."""
        name = f"small_{turn.run()}"
        server = self.server()
        with grpc.insecure_channel(server.address) as channel:
            LedgerServiceStub(channel).CreateLedger(pb.CreateLedgerRequest(ledger=name), timeout=CALL_SECONDS)
        stored.register_actors(server.address, name)
        self._fill(server, FILL_RUN, self.small_events, name)
        return name

    def _fill(self, server: Serving, run: int, events: int, ledger: str = "") -> None:
        reports_needed = events // unary.EVENTS_A_REPORT
        shape = (1, REPORTS_A_MESSAGE[1], MESSAGES_UNDER_WAY, 0.0)
        processes.run("stream", stream.Orders(server.address, run, *shape, reports_needed, ledger), FILL_SECONDS)


def replays(ground: Ground, scale: Scale, past: Past) -> Iterator[Opponent]:
    """Reads of the whole."""
    decoded = max(unary.EVENTS_A_REPORT, scale.history // DECODED_SHARE)

    def replayed(turn: Turn, through: int, raw: bool) -> Measured:
        server = past.server()
        return watched(server, "replay", replay.Orders(server.address, through, raw))

    def copied(turn: Turn) -> Measured:
        past.server()
        return processes.run("raw_read", raw_read.Orders(ground.database(DATABASE), "main", scale.history))

    def read(turn: Turn) -> Measured:
        asked = uma.Orders(ground.umadb.address, turn.run(), 1, ground.rows(1), through=scale.history)
        return watched(ground.umadb, "uma", asked)

    def selected(turn: Turn) -> Measured:
        asked = library.Orders(ground.library, "history_events", turn.run(), 1, ground.rows(1), through=decoded)
        return processes.run("library", asked)

    yield Opponent("ReplayHistory RAW", lambda turn: replayed(turn, scale.history, True))
    yield Opponent("raw COPY TO", copied)
    yield Opponent("UmaDB, read", read)
    yield Opponent("ReplayHistory FULL", lambda turn: replayed(turn, decoded, False))
    yield Opponent("eventsourcing, select and decode", selected)


def growth(ground: Ground, scale: Scale, past: Past) -> Iterator[Opponent]:
    """Appends where much is recorded already, and where little is."""

    def streamed(turn: Turn, ledger: str) -> Measured:
        server = past.server()
        shape = (1, REPORTS_A_MESSAGE[1], MESSAGES_UNDER_WAY, turn.seconds)
        asked = stream.Orders(server.address, turn.run(), *shape, ledger=ledger)
        return watched(server, "stream", asked)

    def called(turn: Turn, ledger: str) -> Measured:
        server = past.server()
        shape = (reports.METHOD, AT_ONCE, turn.seconds, turn.run())
        return watched(server, "unary", unary.Orders(server.address, *shape, ledger=ledger))

    yield Opponent("AppendReports on the small ledger", lambda turn: streamed(turn, past.small(turn)))
    yield Opponent("AppendReports on the large ledger", lambda turn: streamed(turn, ""))
    yield Opponent("AppendReport on the small ledger", lambda turn: called(turn, past.small(turn)))
    yield Opponent("AppendReport on the large ledger", lambda turn: called(turn, ""))
