"""How long one waits: for the answer to an append at half of the load that the service bears, and for an append
to arrive at a subscriber. Both in an open loop, which does not slow down with the service."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import appending, processes, reports
from benchmarks.clients import paced, raw_append, subscriber, telling
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Measure, Opponent, Scale, Turn, watched
from benchmarks.processes import Serving

SHARE_OF_SATURATION = 0.5
DELIVERED_A_SECOND = 1_000.0
SLACK_SECONDS = 60.0


def latencies(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """On the disk as it is, and on one whose syncs are slowed."""
    for slow in (False, True):
        yield Opponent(f"raw one-row commit{_on(slow)}", _row(ground, slow))
        yield Opponent(f"AppendReport at half of saturation{_on(slow)}", _paced(ground, slow))


def deliveries(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """From the sending of an append to its arrival at another client."""
    yield Opponent("append to delivery, 1,000 a second", lambda turn: _delivered(ground.ledger("write"), turn))


def _on(slow: bool) -> str:
    return ", slow syncs" if slow else ""


def _row(ground: Ground, slow: bool) -> Measure:
    def measure(turn: Turn) -> Measured:
        url = ground.database("raw", slow=slow)
        asked = raw_append.Orders(url, "row_1", "row", 1, turn.seconds, turn.run(), 1, ground.rows(1))
        return processes.run("raw_append", asked)

    return measure


def _paced(ground: Ground, slow: bool) -> Measure:
    def measure(turn: Turn) -> Measured:
        server = ground.ledger("slow" if slow else "write", slow=slow)
        saturated = turn.latest.get(f"AppendReport{_on(slow)}, {appending.MOST} at once")
        if saturated is None:  # only this was asked for
            asked = appending.orders(turn, server, reports.METHOD, appending.MOST)
            saturated = processes.run("unary", asked)
        rate = SHARE_OF_SATURATION * saturated["per_second"]
        return watched(server, "paced", paced.Orders(server.address, rate, turn.seconds, turn.run()))

    return measure


def _delivered(server: Serving, turn: Turn) -> Measured:
    run, count = turn.run(), int(DELIVERED_A_SECOND * turn.seconds)
    most = turn.seconds + SLACK_SECONDS
    following = processes.start("subscriber", subscriber.Orders(server.address, run, count, most))
    try:
        processes.first_line(following.stdout)
        asked = paced.Orders(server.address, DELIVERED_A_SECOND, turn.seconds, run, with_times=True)
        measured = watched(server, "paced", asked)
    finally:
        arrived = processes.finish(following)["arrived"]
    sent = measured.pop("sent")
    waits = [there - here if there else most for here, there in zip(sent, arrived, strict=True)]
    append = {f"append_{key}": measured[key] for key in ("p50_ms", "p99_ms")}
    return measured | append | telling.percentiles(waits) | {"lost": arrived.count(0.0)}
