"""Appends per second: the ledger over gRPC, beside a bare echo on the same kind of server and beside the library's
own recorder in-process. `make bench` runs it; it prints a table and, with --json, writes all that it measured."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks import echo, library, load
from benchmarks.reports import request
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import provision

APPEND = "/incident.ledger.v1.LedgerService/AppendReport"
READY = re.compile(r"^serving on (\S+:\d+)", re.MULTILINE)
START_SECONDS = 60.0
STOP_SECONDS = 30.0
SLACK_SECONDS = 60.0
CONCURRENCIES = (1, 16, 64)
THREADS = (1, 16)
PACKAGES = ("grpcio", "protobuf", "psycopg", "pydantic", "eventsourcing")
DATABASE_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
LIBRARY_DATABASE = "benchmark_library"
SYNCS = 200

Measured = dict[str, Any]


@dataclass(frozen=True)
class Opponent:
    """One thing to measure at one degree of concurrency."""

    name: str
    concurrency: int
    measure: Callable[[float, str], Measured]


@contextmanager
def serving(command: Sequence[str], log: Path, **environment: str) -> Iterator[str]:
    """A server process; gives the address that it prints."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := READY.search(log.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(command)} does not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def in_process(module: str, orders: str, seconds: float) -> Measured:
    """Runs a measurement in a process of its own."""
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, input=orders.encode(), stdout=subprocess.PIPE, check=True, timeout=seconds + SLACK_SECONDS
    )
    measured: Measured = json.loads(done.stdout)
    return measured


def over_grpc(name: str, address: str, method: str, concurrency: int) -> Opponent:
    """Calls of one method."""

    def measure(seconds: float, prefix: str) -> Measured:
        orders = load.Orders(address, method, concurrency, seconds, prefix)
        return in_process("benchmarks.load", load.orders_text(orders), seconds)

    return Opponent(name, concurrency, measure)


def by_library(url: str, threads: int) -> Opponent:
    """The library's recorder."""

    def measure(seconds: float, prefix: str) -> Measured:
        orders = library.Orders(url, threads, seconds, prefix)
        return in_process("benchmarks.library", library.orders_text(orders), seconds)

    return Opponent("library in-process", threads, measure)


@contextmanager
def opponents(server: EmbeddedPostgres, folder: Path) -> Iterator[list[Opponent]]:
    """All of them, each on a database of its own."""
    serve = [sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0", "--role"]
    with ExitStack() as stack:
        addresses = {}
        for role in ("write", "all"):
            urls = provision(server.url(), f"benchmark_{role}", service_password="benchmark")
            install(urls.owner_url)
            running = serving([*serve, role], folder / f"{role}.log", LEDGER_DATABASE_URL=urls.service_url)
            addresses[role] = stack.enter_context(running)
        echoing = stack.enter_context(serving([sys.executable, "-m", "benchmarks.echo"], folder / "echo.log"))
        provision(server.url(), LIBRARY_DATABASE, service_password="benchmark")
        found = []
        for concurrency in CONCURRENCIES:
            found.append(over_grpc("ledger, writing", addresses["write"], APPEND, concurrency))
            found.append(over_grpc("ledger, all roles", addresses["all"], APPEND, concurrency))
            found.append(over_grpc("echo", echoing, echo.METHOD, concurrency))
            if concurrency in THREADS:
                found.append(by_library(server.url(LIBRARY_DATABASE), concurrency))
        yield found


def rounds(found: Sequence[Opponent], seconds: float, count: int) -> dict[tuple[str, int], list[Measured]]:
    """Measures in turns: every opponent once, then every opponent again."""
    results: dict[tuple[str, int], list[Measured]] = {(each.name, each.concurrency): [] for each in found}
    for number in range(count):
        for each in found:
            prefix = f"b{number}-{each.concurrency}-{each.name.replace(' ', '').replace(',', '-')}"
            results[each.name, each.concurrency].append(each.measure(seconds, prefix))
    return results


def medians(results: dict[tuple[str, int], list[Measured]]) -> list[Measured]:
    """One row for each opponent and concurrency, with its ratios to the echo and to the library."""
    rows = [
        {
            "name": name,
            "concurrency": concurrency,
            **{
                key: statistics.median(each[key] for each in each_round)
                for key in ("per_second", "p50_ms", "p99_ms")
            },
        }
        for (name, concurrency), each_round in results.items()
    ]
    speeds = {(row["name"], row["concurrency"]): row["per_second"] for row in rows}
    for row in rows:
        for other in ("echo", "library in-process"):
            speed = speeds.get((other, row["concurrency"]))
            row[f"to {other}"] = row["per_second"] / speed if speed else None
    return rows


def print_table(rows: Sequence[Measured]) -> None:
    """For people."""
    print(f"{'':20}{'at once':>8}{'per second':>12}{'p50 ms':>9}{'p99 ms':>9}{'to echo':>9}{'to library':>12}")
    for row in rows:
        ratios = [row["to echo"], row["to library in-process"]]
        shown = [f"{ratio:.2f}" if ratio else "–" for ratio in ratios]
        print(
            f"{row['name']:20}{row['concurrency']:>8}{row['per_second']:>12,.0f}{row['p50_ms']:>9.2f}"
            f"{row['p99_ms']:>9.2f}{shown[0]:>9}{shown[1]:>12}"
        )


def machine(server: EmbeddedPostgres, folder: Path) -> dict[str, Any]:
    """On what it was measured."""
    with psycopg.connect(server.url()) as connection:
        settings = {
            name: connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
            for name in DATABASE_SETTINGS
        }
    return {
        "system": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        **{f"postgresql {name}": row[0] if row else None for name, row in settings.items()},
        "median of one 8 KiB fdatasync, ms": round(sync_milliseconds(folder), 3),
        "bytes of a request": request("b0-64-ledger-writing-10-1000").ByteSize(),
    }


def sync_milliseconds(folder: Path) -> float:
    """What durability costs at least: one small write made durable."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.seek(0)
            began = time.perf_counter()
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one short round: to see that it works")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are taken (default 3)")
    parser.add_argument("--json", type=Path, help="file for everything that was measured")
    given = parser.parse_args()
    seconds, count = (1.0, 1) if given.short else (given.seconds, given.rounds)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        about = machine(server, folder)
        for key, value in about.items():
            print(f"{key}: {value}")
        results = rounds(stack.enter_context(opponents(server, folder)), seconds, count)
    rows = medians(results)
    print_table(rows)
    if given.json:
        measured = [{"name": key[0], "concurrency": key[1], "rounds": value} for key, value in results.items()]
        given.json.write_text(json.dumps({"machine": about, "medians": rows, "measured": measured}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
