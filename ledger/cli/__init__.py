"""The command `incident-ledger`: questions and reports for a ledger, from a terminal or a script.
It talks to a server over gRPC like any client and reads no database. Exit codes: 0 done, 1 refused or
another error, 2 faulty usage or input, 3 not reachable, not available or not in time."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import click
import grpc

from ledger.cli import failures
from ledger.cli.session import DEFAULT_ADDRESS, group_options, stated_options
from ledger.errors import LedgerError
from ledger.settings import SettingsError

COMMANDS = MappingProxyType(
    {
        "serve": "ledger.cli.serve:serve",
        "provision": "ledger.cli.provision:provision",
        "append": "ledger.cli.append:append",
        "seed": "ledger.cli.append:seed",
        "import": "ledger.cli.importing:import_",
        "casualties": "ledger.cli.casualties:casualties",
        "claims": "ledger.cli.casualties:claims",
        "incidents": "ledger.cli.incidents:incidents",
        "incident": "ledger.cli.incidents:incident",
        "timeline": "ledger.cli.timeline:timeline",
        "export": "ledger.cli.exports.command:export",
        "ceasefires": "ledger.cli.ceasefires:ceasefires",
        "violations": "ledger.cli.violations:violations",
        "threats": "ledger.cli.threats:threats",
        "report": "ledger.cli.history:report",
        "event": "ledger.cli.history:event",
        "replay": "ledger.cli.history:replay",
        "tail": "ledger.cli.tail:tail",
        "ledgers": "ledger.cli.ledgers:ledgers",
        "create-ledger": "ledger.cli.ledgers:create_ledger",
        "projections": "ledger.cli.projections:projections",
        "rebuild": "ledger.cli.rebuilds:rebuild",
        "audit": "ledger.cli.audit:audit",
        "witness": "ledger.cli.witness:witness",
        "health": "ledger.cli.health:health",
        "accept-rollback": "ledger.cli.accepting:accept_rollback",
    }
)
"""Where each command is written. A module is imported when its command is used: `serve` needs far more than a
question does."""


class _OutputClosedError(Exception):
    """Who reads the output has enough."""


class _Commands(click.Group):
    """The commands of the table, those that are there, in its order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return [name for name, place in COMMANDS.items() if find_spec(place.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command. Click and rich would end with 1 where the output's reader has enough."""
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, SystemExit) as error:
            if isinstance(error.__context__ or error, BrokenPipeError):
                raise _OutputClosedError from error
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="incident-ledger")
@group_options
def incident_ledger(**options: Any) -> None:
    """An event-sourced ledger of conflict incidents.

    Reports go in; casualty figures, ceasefire status and threats come out, each with what it rests on.
    """
    click.get_current_context().obj = stated_options(**options)


def run(arguments: Sequence[str]) -> int:
    """Runs one command; the exit code. Errors are told on standard error, never as a traceback."""
    try:
        result = incident_ledger.main(list(arguments), prog_name="incident-ledger", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else failures.OK
    except click.UsageError as error:
        usage = error.ctx.get_usage().removeprefix("Usage: ") if error.ctx else "incident-ledger --help"
        failures.tell(error.format_message(), f"usage: {' '.join(usage.split())}")
        return failures.FAULTY_INPUT
    except click.ClickException as error:
        failures.tell(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return failures.INTERRUPTED
    except SettingsError as error:
        failures.tell(str(error))
        return failures.FAULTY_INPUT
    except LedgerError as error:
        failures.tell(str(error))
        return failures.REFUSED
    except grpc.RpcError as error:
        return failures.tell_failure(error, _address_in(arguments))
    except (_OutputClosedError, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.OK
    except Exception as error:
        failures.tell(f"{type(error).__name__}: {error}")
        return failures.REFUSED


def _address_in(arguments: Sequence[str]) -> str:
    """The address that a command used, for its error message."""
    for index, argument in enumerate(arguments):
        if argument.startswith("--address="):
            return argument.partition("=")[2]
        if argument == "--address" and index + 1 < len(arguments):
            return arguments[index + 1]
    return os.environ.get("LEDGER_ADDRESS", DEFAULT_ADDRESS)


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
