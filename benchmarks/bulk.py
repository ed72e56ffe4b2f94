"""Appends in bulk: the ledger's stream of reports beside raw COPY and `unnest` into the same tables, the library's
recorder, UmaDB and message-db. All write the bytes that the ledger stores of the same reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import processes
from benchmarks.clients import library, message_db, raw_append, stream, uma
from benchmarks.clients.telling import Measured
from benchmarks.ground import Ground
from benchmarks.opponents import Measure, Opponent, Scale, Turn, watched

CLAIMS = (1, 10)
REPORTS_A_MESSAGE = {1: 200, 10: 100}
MESSAGES_UNDER_WAY = 16
RAW_SIZES = (100, 1_000, 5_000)
RAW_SIZE = 1_000
CALL_SIZES = (1, 10, 100, 1_000)
UMA_AT_ONCE = (1, 4, 16, 64)
PIPELINE = 100
MOST_TRIES = 5
"""How often the library's recorder is started anew in one measurement, after a call of it that hung."""


def opponents(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """The stream and the raw limits."""
    for claims in CLAIMS:
        yield Opponent(stream_name(claims), _stream(ground, claims))
        for size in scale.levels(RAW_SIZES if claims == 1 else (RAW_SIZE,), (RAW_SIZE,)):
            yield Opponent(raw_name("COPY", claims, size), _raw(ground, "copy", claims, size))
    for size in scale.levels(RAW_SIZES, (RAW_SIZE,)):
        yield Opponent(raw_name("unnest", 1, size), _raw(ground, "unnest", 1, size))


def rivals(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """Other event stores."""
    for size in scale.levels(CALL_SIZES, (100,)):
        yield Opponent(f"eventsourcing, {size} a call", _library(ground, size))
    for size in scale.levels(CALL_SIZES, (1, 1_000)):
        for at_once in scale.levels(UMA_AT_ONCE, (16,)):
            yield Opponent(uma_name(size, at_once), umadb(ground, size, at_once))
    for size in (1, PIPELINE):
        yield Opponent(f"message-db, {size} a transaction", _message_db(ground, size))


def stream_name(claims: int) -> str:
    """Of the ledger's stream."""
    return f"AppendReports, {claims} claim{'s' if claims > 1 else ''} a report"


def raw_name(how: str, claims: int, size: int) -> str:
    """Of a raw limit."""
    return f"raw {how}, {size} a transaction" + (", rows of 10-claim reports" if claims > 1 else "")


def uma_name(size: int, at_once: int) -> str:
    """Of UmaDB at one size and concurrency."""
    return f"UmaDB, {size} a call, {at_once} at once"


def _stream(ground: Ground, claims: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        server = ground.ledger("write")
        batch = REPORTS_A_MESSAGE[claims]
        asked = stream.Orders(server.address, turn.run(), claims, batch, MESSAGES_UNDER_WAY, turn.seconds)
        return watched(server, "stream", asked)

    return measure


def _raw(ground: Ground, how: str, claims: int, size: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        url, rows = ground.database("raw"), ground.rows(claims)
        asked = raw_append.Orders(url, f"{how}_{claims}", how, size, turn.seconds, turn.run(), claims, rows)
        return processes.run("raw_append", asked)

    return measure


def _library(ground: Ground, size: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        url, rows = ground.library, ground.rows(1)
        parts: list[Measured] = []
        while len(parts) < MOST_TRIES and (left := turn.seconds - sum(part["seconds"] for part in parts)) > 0:
            asked = library.Orders(url, "appended_events", turn.run(), 1, rows, size, left)
            parts.append(processes.run("library", asked))
            if not parts[-1]["hung"]:
                break
        return in_a_row(parts)

    return measure


def in_a_row(parts: Sequence[Measured]) -> Measured:
    """Measurements that were one, but for calls that hung: sums add up, the longest tells the rest."""
    sums = {key: sum(part[key] for part in parts) for key in ("calls", "events", "seconds", "hung")}
    if not sums["seconds"]:
        raise SystemExit("every first call hung")
    rates = {"per_second": "calls", "events_per_second": "events"}
    longest = max(parts, key=lambda part: part["seconds"])
    return longest | sums | {rate: sums[key] / sums["seconds"] for rate, key in rates.items()}


def umadb(ground: Ground, size: int, at_once: int, *, slow: bool = False) -> Measure:
    """UmaDB, each time with an empty store: it slows down as its index of tags grows."""

    def measure(turn: Turn) -> Measured:
        rows = ground.rows(1)
        with ground.fresh_umadb(slow=slow) as server:
            asked = uma.Orders(server.address, turn.run(), 1, rows, size, at_once, turn.seconds)
            return watched(server, "uma", asked)

    return measure


def _message_db(ground: Ground, size: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        asked = message_db.Orders(ground.message_db, size, turn.seconds, turn.run(), 1, ground.rows(1))
        return processes.run("message_db", asked)

    return measure
