"""What every command shares: where the server is, which ledger, how to print, how long to wait.
It opens one channel when it is first needed; it keeps nothing between commands."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any, TypeVar

import click
import grpc
from rich.console import Console

from ledger.cli.parameters import Seconds

DEFAULT_ADDRESS = "127.0.0.1:50551"
DEFAULT_LEDGER = "main"
DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MIN_RECONNECT_MILLISECONDS = 100
MAX_RECONNECT_MILLISECONDS = 2_000
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
PLAIN_WIDTH = 100
"""Columns where the output is no terminal."""

OPTIONS = ("address", "ledger", "as_json", "timeout")
"""The shared options by name."""

Stub = TypeVar("Stub")
Command = Callable[..., None]


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    return (
        console
        if console.is_terminal
        else Console(stderr=stderr, highlight=False, emoji=False, markup=False, width=PLAIN_WIDTH)
    )


@dataclass
class Session:
    """One run of the command."""

    address: str = DEFAULT_ADDRESS
    ledger: str = DEFAULT_LEDGER
    as_json: bool = False
    timeout: float | None = None
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    @cached_property
    def channel(self) -> grpc.Channel:
        """The connection to the server; a proxy is never asked for a server on this machine."""
        local = self.address.startswith(("127.", "localhost", "[::1]", "unix:"))
        options = [
            ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
            ("grpc.enable_http_proxy", int(not local)),
            ("grpc.primary_user_agent", f"incident-ledger/{version('incident-ledger')}"),
            ("grpc.initial_reconnect_backoff_ms", MIN_RECONNECT_MILLISECONDS),
            ("grpc.max_reconnect_backoff_ms", MAX_RECONNECT_MILLISECONDS),
        ]
        return grpc.insecure_channel(self.address, options=options)

    def stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """A client of one service."""
        return kind(self.channel)

    @property
    def answer_within(self) -> float:
        """Seconds for one question."""
        return DEFAULT_TIMEOUT_SECONDS if self.timeout is None else self.timeout

    @property
    def options(self) -> dict[str, Any]:
        """What the commands below a group's own go on with."""
        return {name: getattr(self, name) for name in OPTIONS}

    def close(self) -> None:
        """Closes the connection, where one was opened."""
        if "channel" in self.__dict__:
            self.channel.close()


_SHARED: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--address",), {"metavar": "HOST:PORT", "help": f"The server [$LEDGER_ADDRESS, {DEFAULT_ADDRESS}]."}),
    (("--ledger",), {"metavar": "NAME", "help": f"The ledger [$LEDGER_NAME, {DEFAULT_LEDGER}]."}),
    (("--json", "as_json"), {"is_flag": True, "default": None, "help": "Print for machines instead of people."}),
    (
        ("--timeout",),
        {
            "type": Seconds(),
            "metavar": "SECONDS",
            "help": f"Wait at most so long [{DEFAULT_TIMEOUT_SECONDS:g}; streams: for ever].",
        },
    ),
)
_ENVIRONMENT = {"address": "LEDGER_ADDRESS", "ledger": "LEDGER_NAME"}


def group_options(function: Command) -> Command:
    """The shared options before the command's name; these also read the environment."""
    for names, attributes in reversed(_SHARED):
        variable = _ENVIRONMENT.get(names[0].removeprefix("--"))
        function = click.option(*names, envvar=variable, **attributes)(function)
    return function


def connected(function: Command) -> Command:
    """The shared options after the command's name, where they win; the function gets the session."""

    @functools.wraps(function)
    def command(**options: Any) -> None:
        context = click.get_current_context()
        given = {name: options.pop(name) for name in OPTIONS}
        session = Session(**{**(context.obj or {}), **_stated(given)})
        context.call_on_close(session.close)
        function(session, **options)

    for names, attributes in reversed(_SHARED):
        command = click.option(*names, **attributes)(command)
    return command


def _stated(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def stated_options(**options: Any) -> dict[str, Any]:
    """What was given before the command's name."""
    return _stated(options)


def example(*lines: str) -> str:
    """The examples at the foot of a command's help."""
    return "\b\n" + "\n".join(("Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)))
