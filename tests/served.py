"""Real service processes for tests: started as a user starts them, on a free port, stopped by signal."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc

from ledger.cli.session import MAX_ANSWER_BYTES

START_SECONDS = 60
STOP_SECONDS = 20
ANNOUNCED = "serving on "


class ServiceProcess:
    """One `incident-ledger serve`."""

    def __init__(self, *options: str, environment: Mapping[str, str] | None = None, wait: bool = True) -> None:
        command = [sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0", *options]
        # What is set for the tests themselves is not what this service is asked for.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
        # Its key and its checkpoints: two services that share them serve the same ledgers.
        self._own = tempfile.TemporaryDirectory(prefix="ledger-test-", ignore_cleanup_errors=True)
        self.folder = Path(self._own.name)
        clean["LEDGER_DATA_DIR"] = self._own.name
        self.process = subprocess.Popen(
            command,
            env={**clean, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self.lines: list[str] = []
        self.address = ""
        self._told = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if wait:
            self.wait_until_serving()

    def wait_until_serving(self, seconds: float = START_SECONDS) -> str:
        """Waits until the service says where it serves."""
        if not self._told.wait(seconds) or not self.address:
            self.kill()
            raise AssertionError(f"the service does not serve:\n{self.output}")
        return self.address

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "\n".join(self.lines)

    def channel(self) -> grpc.Channel:
        """A connection to it."""
        options = [("grpc.max_receive_message_length", MAX_ANSWER_BYTES), ("grpc.enable_http_proxy", 0)]
        return grpc.insecure_channel(self.address, options=options)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Stops it as a user does; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(by)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL: no chance to do anything."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(ANNOUNCED):
                self.address = line.removeprefix(ANNOUNCED).split(";")[0].strip()
                self._told.set()
        self._told.set()


@contextmanager
def serving(*options: str, environment: Mapping[str, str] | None = None) -> Iterator[ServiceProcess]:
    """A service process that is stopped afterwards, whatever happens."""
    service = ServiceProcess(*options, environment=environment)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()
