"""An import of a dataset beside a stream of the very same reports, made beforehand: what reading rows, asking what
is recorded and telling differences cost. The rows are made up, in UCDP's layout."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import grpc

from benchmarks import processes
from benchmarks.clients import prepared
from benchmarks.clients.telling import Measured, rates
from benchmarks.ground import Ground
from benchmarks.opponents import Measure, Opponent, Scale, Turn
from benchmarks.processes import Serving
from incident.ledger.v1 import ledger_service_pb2 as pb
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub

ROWS, FEW_ROWS = 20_000, 300
IMPORT, STREAM = "import ucdp-ged", "AppendReports of the same reports"
SECONDS = 600.0
FIRST_DAY = date(2016, 1, 1)
DEATHS = ((2, 0, 0, 0), (0, 0, 3, 0), (1, 1, 0, 0), (4, 0, 2, 0), (0, 0, 0, 5))
"""Of five rows: one class, or two; every third of these states bounds."""


def opponents(ground: Ground, scale: Scale) -> Iterator[Opponent]:
    """The import, and the stream; each into a ledger of its own."""
    rows = FEW_ROWS if scale.short else ROWS
    yield Opponent(STREAM, _stream(ground, rows))
    yield Opponent(IMPORT, _import(ground, rows))


@cache
def release(folder: Path, rows: int) -> Path:
    """A file of so many rows."""
    path = folder / f"made-up-{rows}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(row_of(0)))
        writer.writeheader()
        writer.writerows(map(row_of, range(rows)))
    return path


def row_of(number: int) -> dict[str, object]:
    """A row, unlike the others."""
    deaths = DEATHS[number % len(DEATHS)]
    best, day = sum(deaths), FIRST_DAY + timedelta(days=number % 1_400)
    return {
        "id": 100_000 + number,
        "type_of_violence": 1,
        "conflict_new_id": 299,
        "dyad_new_id": 11973,
        "dyad_name": "Government of Examplia - Riverton group",
        "side_a_new_id": 118,
        "side_a": "Government of Examplia",
        "side_b_new_id": 4456 + number % 40,
        "side_b": f"Riverton group {number % 40}",
        "number_of_sources": 1 + number % 3,
        "source_date": day,
        "where_prec": 1 + number % 2,
        "where_coordinates": f"Village {number % 900}",
        "adm_1": f"Province {number % 14}",
        "adm_2": f"District {number % 60}",
        "latitude": 34 + number % 200 / 100,
        "longitude": 36 + number % 300 / 100,
        "country": "Examplia",
        "event_clarity": 2 if number % 25 == 0 else 1,
        "date_prec": 1,
        "date_start": day,
        "date_end": day,
        **dict(zip(("deaths_a", "deaths_b", "deaths_civilians", "deaths_unknown"), deaths, strict=True)),
        "low": best,
        "best": best,
        "high": best + (number % 3 == 0),
    }


def _import(ground: Ground, rows: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        server, name = ground.ledger("write"), _new_ledger(ground.ledger("write"), turn)
        command = [sys.executable, "-m", "ledger", "--address", server.address, "--ledger", name]
        began = time.perf_counter()
        subprocess.run(
            [*command, "import", "ucdp-ged", str(release(ground.folder, rows)), "--release", "One"],
            check=True,
            capture_output=True,
            timeout=SECONDS,
        )
        return rates(rows, _size(server, name), time.perf_counter() - began) | {"client_mib": 0.0}

    return measure


def _stream(ground: Ground, rows: int) -> Measure:
    def measure(turn: Turn) -> Measured:
        server = ground.ledger("write")
        orders = prepared.Orders(server.address, _new_ledger(server, turn), str(release(ground.folder, rows)))
        return processes.run("prepared", orders)

    return measure


def _new_ledger(server: Serving, turn: Turn) -> str:
    name = f"import_{turn.run()}"
    with grpc.insecure_channel(server.address) as channel:
        LedgerServiceStub(channel).CreateLedger(pb.CreateLedgerRequest(ledger=name), timeout=SECONDS)
    return name


def _size(server: Serving, name: str) -> int:
    with grpc.insecure_channel(server.address) as channel:
        request = pb.GetLedgerRequest(ledger=name)
        return LedgerServiceStub(channel).GetLedger(request, timeout=SECONDS).ledger.size
