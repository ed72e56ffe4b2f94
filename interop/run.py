"""Runs the independent clients against a fresh server, each on a ledger of its own, and checks their answers.
`make interop` needs node and npm; the exit code is 0 only where every client got the founding case's figures."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToJson

from incident.ledger.v1 import ledger_service_pb2
from ledger.api.messages import report_to_proto
from ledger.cli.report_files import read_report_files

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "interop"
SEEDS = ("seeds/01-actors.yaml", "seeds/02-founding-case.yaml")
READY = re.compile(r"^serving on (\S+:\d+)", re.MULTILINE)
START_SECONDS = 60.0
STOP_SECONDS = 30.0
CLIENT_SECONDS = 120.0
INSTALL_SECONDS = 300.0
EXPECTED = {
    ("government-of-turkey", "troops", "killed"): "12",
    ("government-of-turkey", "troops", "injured"): "5",
    ("government-of-turkey", "contractors", "killed"): "1",
    ("government-of-syria", "troops", "killed"): "about 200",
}
"""By party, class and outcome, in words; everything that the founding case itemises."""
EXPECTED_TOLLS = ["more than 1,800"]


def requests(folder: Path) -> list[str]:
    """The founding case as requests in the contract's JSON, one file for each report."""
    written = []
    for file in read_report_files(str(ROOT / seed) for seed in SEEDS):
        for report in file.reports:
            request = ledger_service_pb2.AppendReportRequest(report=report_to_proto(report))
            path = folder / f"{report.report_id}.json"
            path.write_text(MessageToJson(request))
            written.append(str(path))
    return written


@contextmanager
def fresh_server(data: Path) -> Iterator[str]:
    """A server on an embedded database of its own; gives its address."""
    log = data / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    command = [sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data / "data")]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT, env=environment
        )
    try:
        yield _address(server, log)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(STOP_SECONDS)


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := READY.search(log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise SystemExit(f"the server does not start:\n{log.read_text(errors='replace')}")


def install() -> None:
    """The client's two packages, beside it; without a lock file, because one holds addresses."""
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=INSTALL_SECONDS)


def answer(command: Sequence[str]) -> dict[str, Any]:
    """What a client printed."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=FOLDER, timeout=CLIENT_SECONDS)
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


def faults(answered: dict[str, Any]) -> list[str]:
    """What is not as the founding case says."""
    found = {
        tuple(part.get("value", "") for part in each["key"]): each["figure"]["text"] for each in answered["figures"]
    }
    tolls = [each["claimed"]["text"] for each in answered["tolls"]]
    wrong = [f"{key}: {found.get(key)} and not {text}" for key, text in EXPECTED.items() if found.get(key) != text]
    wrong += [f"{key}: {text} is not in the founding case" for key, text in found.items() if key not in EXPECTED]
    return wrong + ([] if tolls == EXPECTED_TOLLS else [f"the tolls are {tolls}"])


def main() -> int:
    """Both clients, one after the other."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        print(f"interop needs {' and '.join(missing)}: install Node.js 18 or later", file=sys.stderr)
        return 2
    install()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="interop-") as folder, fresh_server(Path(folder)) as address:
        files = requests(Path(folder))
        buf = str(Path(sys.executable).parent / "buf")
        commands = {
            "node": ["node", "client.mjs", address, "interop_node", str(ROOT / "proto"), *files],
            "buf curl": ["./buf_curl.sh", buf, address, "interop_buf", *files],
        }
        for name, command in commands.items():
            answered = answer(command)
            for each in answered["figures"]:
                print(f"{name}: {' '.join(part['value'] for part in each['key'])}: {each['figure']['text']}")
            wrong += [f"FAULT {name}: {fault}" for fault in faults(answered)]
    print("\n".join(wrong) if wrong else "both clients got the founding case's figures")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
