"""Unary appends: the ledger beside a bare echo on the same kind of server, on an ordinary disk, and as two
processes. The client is the same everywhere: one process with one connection, or one for each of two servers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import grpc

from benchmarks import processes, reports
from benchmarks.bulk import umadb
from benchmarks.clients import unary
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Measure, Opponent, Scale, Turn, watched
from benchmarks.processes import TOGETHER_SECONDS, Serving
from benchmarks.servers import echo, single
from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub

AT_ONCE = (1, 16, 64)
MOST = 64
LEVEL_SECONDS = 120.0
LEVEL_LOOK_SECONDS = 0.2


def opponents(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """Ledger, echo, and the ledger with all roles for information."""
    for at_once in scale.levels(AT_ONCE, (MOST,)):
        yield Opponent(f"echo, {at_once} at once", _echo(ground, at_once))
        yield Opponent(f"AppendReport, {at_once} at once", _ledger(ground, at_once))
        yield Opponent(f"AppendReport with all roles, {at_once} at once", _all_roles(ground, at_once))


def slowed(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """The same with every sync slowed by a millisecond."""
    for at_once in scale.levels(AT_ONCE, (MOST,)):
        yield Opponent(f"AppendReport, slow syncs, {at_once} at once", _ledger(ground, at_once, slow=True))
    yield Opponent(f"one transaction per call, slow syncs, {MOST} at once", _single(ground))
    for at_once in scale.levels((16, MOST), (16,)):
        yield Opponent(f"UmaDB, 1 a call, slow syncs, {at_once} at once", umadb(ground, 1, at_once, slow=True))


def pairs(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """Two server processes, each with a client process of its own, each with half of the calls at once."""
    yield Opponent(
        "two echoes, 64 at once", lambda turn: _together(turn, [ground.echo("a"), ground.echo("b")], echo.METHOD)
    )
    yield Opponent(
        "AppendReport, two processes, 64 at once",
        lambda turn: _together(turn, [ground.ledger("a", "pair"), ground.ledger("b", "pair")], reports.METHOD),
    )


def orders(turn: Turn, server: Serving, method: str, at_once: int, begin: float = 0.0) -> unary.Orders:
    """A closed loop of one method."""
    return unary.Orders(server.address, method, at_once, turn.seconds, turn.run(), begin)


def _echo(ground: Ground, at_once: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        server = ground.echo("a")
        return watched(server, "unary", orders(turn, server, echo.METHOD, at_once))

    return measure


def _ledger(ground: Ground, at_once: int, *, slow: bool = False) -> Measure:
    def measure(turn: Turn) -> Measured:
        server = ground.ledger("slow" if slow else "write", slow=slow)
        return watched(server, "unary", orders(turn, server, reports.METHOD, at_once))

    return measure


def _all_roles(ground: Ground, at_once: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        server = ground.ledger("all", "all_roles", role="all")
        measured = watched(server, "unary", orders(turn, server, reports.METHOD, at_once))
        until_level(server)  # its read models would go on folding while the next opponent is measured
        return measured

    return measure


def until_level(server: Serving) -> None:
    """Waits until the read models have taken all that is recorded."""
    end = time.monotonic() + LEVEL_SECONDS
    with grpc.insecure_channel(server.address) as channel:
        stub = ProjectionServiceStub(channel)
        while time.monotonic() < end:
            listed = stub.ListProjections(pb.ListProjectionsRequest(), timeout=LEVEL_SECONDS).projections
            if all(each.position == each.head for each in listed):
                return
            time.sleep(LEVEL_LOOK_SECONDS)


def _single(ground: Ground) -> Measure:
    def measure(turn: Turn) -> Measured:
        return watched(ground.single, "unary", orders(turn, ground.single, single.METHOD, MOST))

    return measure


def _together(turn: Turn, servers: Sequence[Serving], method: str) -> Measured:
    for server in servers:
        server.forget_peak()
    begin = time.monotonic() + TOGETHER_SECONDS
    share = MOST // len(servers)
    clients = [processes.start("unary", orders(turn, server, method, share, begin)) for server in servers]
    measured = processes.merged([processes.finish(client) for client in clients])
    return measured | {"server_mib": sum(server.peak() for server in servers)}
