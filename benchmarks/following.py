"""How far read models are behind a ledger that grows at a steady rate; and how long appends and questions take
while one of them is rebuilt, beside the same without. All on the ledger that rebuilds are measured on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import grpc

from benchmarks import appending, processes, stored
from benchmarks.clients import engine, paced, positions, questions, telling, writing
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Measure, Opponent, Scale, Turn
from benchmarks.processes import Serving
from benchmarks.rebuilding import NAMES, Record, part_of
from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub

RATE = 5_000.0
FOLLOWING = "following 5,000 events a second"
PATIENCE_SECONDS = 60.0
"""What a read model has not taken by then counts as so late."""
APPENDS_A_SECOND, QUESTIONS_A_SECOND = 50.0, 10.0
REBUILT = "casualties"
APPENDS, QUESTIONS = "AppendReport, 50 a second", "GetCasualties, 10 a second"
CANCEL_SECONDS = 1.0
WHILE_REBUILDING = " while casualties are rebuilt"


def lag_name(model: str) -> str:
    """How late one read model is."""
    return f"lag of {model}"


def opponents(ground: Ground, scale: Scale, record: Record) -> Iterator[Opponent]:
    """Lags, then answers."""
    yield Opponent(FOLLOWING, lambda turn: _followed(record, turn))
    for model in NAMES:
        yield part_of(FOLLOWING, f"{lag_name(model)}:")
    for suffix in ("", WHILE_REBUILDING):
        yield Opponent(f"{APPENDS}{suffix}", _answering(ground, record, suffix))
        yield part_of(f"{APPENDS}{suffix}", f"{QUESTIONS}{suffix}:")


def lags(
    commits: Sequence[tuple[int, float]], first: int, seen: Sequence[tuple[float, int]], most: float
) -> list[float]:
    """Of each event, how long after its commit a reader saw a position that covers it. Commits are sizes with
    times, after the first size; what was never seen counts as the most."""
    found: list[float] = []
    later = iter(seen)
    moment, position = next(later, (0.0, -1))
    for size, committed in commits:
        while position < size:
            following = next(later, None)
            if following is None:
                break
            moment, position = following
        lag = max(0.0, moment - committed) if position >= size else most
        found += [lag] * (size - first)
        first = size
    return found


def _followed(record: Record, turn: Turn) -> Measured:
    record.all_live()
    most = turn.seconds + processes.CLIENT_SECONDS
    with _running("engine", engine.Orders(record.url, most)) as follower:
        with _running("positions", positions.Orders(record.url, most, PATIENCE_SECONDS)) as watching:
            orders = writing.Orders(record.url, RATE, turn.seconds, turn.run())
            measured = processes.run("writing", orders)
            watching.terminate()
            seen = processes.finish(watching)["seen"]
        follower.terminate()
        memory = processes.finish(follower)["client_mib"]
    commits, first = measured.pop("commits"), measured.pop("first")
    worst: Measured = {}
    for model in NAMES:
        late = telling.percentiles(lags(commits, first, seen[model], PATIENCE_SECONDS))
        told = {**{key: measured[key] for key in ("calls", "events", "per_second", "events_per_second")}, **late}
        measured |= {f"{lag_name(model)}:{key}": value for key, value in told.items()}
        worst = max(worst, late, key=lambda each: each.get("p99_ms", 0.0))
    append = {f"append_{key}": measured[key] for key in ("p50_ms", "p99_ms")}
    return measured | append | worst | {"server_mib": memory}


@contextmanager
def _running(client: str, orders: object) -> Iterator[processes.Client]:
    """A client that is ready, until it is told to end."""
    process = processes.start(client, orders)
    try:
        if not processes.first_line(process.stdout):
            raise SystemExit(f"{client} does not start")
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(processes.STOP_SECONDS)


def _answering(ground: Ground, record: Record, suffix: str) -> Measure:
    def measure(turn: Turn) -> Measured:
        record.all_live()
        command = [sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0"]
        log = ground.folder / f"rebuilding-{turn.run()}.log"
        own = {"LEDGER_DATABASE_URL": record.url, "LEDGER_DATA_DIR": str(log.with_suffix(".data"))}
        with processes.serving(command, log, **own) as server:
            stored.register_actors(server.address)
            appending.until_level(server)
            if not suffix:
                return _asked(server, turn, suffix)
            with _rebuilding(server):
                return _asked(server, turn, suffix)

    return measure


def _asked(server: Serving, turn: Turn, suffix: str) -> Measured:
    """Appends and questions at the same time."""
    append = paced.Orders(server.address, APPENDS_A_SECOND, turn.seconds, turn.run())
    asking = processes.start("questions", questions.Orders(server.address, QUESTIONS_A_SECOND, turn.seconds))
    try:
        measured = processes.run("paced", append)
    finally:
        answered = processes.finish(asking)
    return measured | {f"{QUESTIONS}{suffix}:{key}": value for key, value in answered.items()}


@contextmanager
def _rebuilding(server: Serving) -> Iterator[None]:
    """Rebuilds for as long as the block lasts, one after the other where it lasts longer than one."""
    begun, over = threading.Event(), threading.Event()

    def rebuild() -> None:
        while not over.is_set():
            for step in stub.RebuildProjection(pb.RebuildProjectionRequest(name=REBUILT)):
                begun.set()
                if step.progress.error and not over.is_set():
                    raise SystemExit(step.progress.error)

    with grpc.insecure_channel(server.address) as channel:
        stub = ProjectionServiceStub(channel)
        thread = threading.Thread(target=rebuild, daemon=True)
        thread.start()
        if not begun.wait(processes.START_SECONDS):
            raise SystemExit("the rebuild does not begin")
        try:
            yield
            if not thread.is_alive():
                raise SystemExit("the rebuild has failed")
        finally:
            over.set()
            while thread.is_alive():
                _cancel(stub)
                thread.join(CANCEL_SECONDS)


def _cancel(stub: ProjectionServiceStub) -> None:
    """Ends the rebuild for good: with one that is only interrupted, the next one that is measured would go on."""
    with suppress(grpc.RpcError):  # it has just ended by itself
        stub.CancelRebuild(pb.CancelRebuildRequest(name=REBUILT), timeout=processes.STOP_SECONDS)
