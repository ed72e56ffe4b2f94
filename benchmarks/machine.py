"""On what was measured: versions, settings, machine, sizes. Figures without these say nothing."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import raw, reports
from benchmarks.ground import MESSAGE_DB, Ground
from benchmarks.stored import Rows

PACKAGES = ("grpcio", "protobuf", "psycopg", "pydantic", "eventsourcing", "umadb")
DATABASE_SETTINGS = (
    *("server_version", "fsync", "synchronous_commit", "wal_sync_method", "full_page_writes", "shared_buffers"),
    *("max_wal_size", "checkpoint_timeout", "wal_compression", "data_checksums"),
)
SYNCS = 200
BLOCK = bytes(8192)
VERSION_SECONDS = 10.0


def load() -> float:
    """How busy the machine is."""
    return round(os.getloadavg()[0], 1)


def about(ground: Ground, folder: Path) -> dict[str, Any]:
    """Everything, under names for people."""
    sizes = {f"bytes of a request of {claims}": len(reports.Requests(claims).of("x" * 24)) for claims in (1, 10)}
    stored = {
        f"bytes of a stored {row.type} (of them payload)": f"{row.size} ({len(row.payload)})"
        for row in Rows(ground.rows(1), 1).of(reports.pattern(1))
    }
    return {
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "message-db": _message_db(),
        "node": _node(),
        **_database(ground),
        "median of one 8 KiB fdatasync, ms": round(sync_milliseconds(folder), 3),
        **sizes,
        **stored,
    }


def sync_milliseconds(folder: Path) -> float:
    """What durability costs at least: one small write made durable."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.seek(0)
            began = time.perf_counter()
            file.write(BLOCK)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _database(ground: Ground) -> dict[str, Any]:
    with psycopg.connect(ground.postgres.url()) as connection:
        told = connection.execute(raw.QUERIES.settings, {"names": list(DATABASE_SETTINGS)}).fetchall()
    return {f"postgresql {name}": value for name, value in told}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _message_db() -> str:
    told = MESSAGE_DB / "database" / "VERSION.txt"
    return told.read_text().strip() if told.exists() else "not installed"


def _node() -> str:
    if not shutil.which("node"):
        return "not installed"
    return subprocess.check_output(["node", "--version"], text=True, timeout=VERSION_SECONDS).strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
