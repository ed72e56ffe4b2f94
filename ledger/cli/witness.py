"""`witness`: a service that watches other organisations' ledgers, and cosigns their checkpoints while they only
grow. It needs no database and no ledger of its own."""

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from ledger.api.witness_server import WitnessServer
from ledger.audit.notes import NoteError, VerifierKey
from ledger.audit.witnessing import Logs, known_logs
from ledger.cli.session import LOG_FORMAT, example
from ledger.cli.trusting import FILE, read_text
from ledger.persistence.witnessed import Witness, witness_key

DEFAULT_LISTEN = "127.0.0.1:50552"
DEFAULT_FOLDER = ".incident-ledger-witness"
MAX_PORT = 65_535


def _address(context: click.Context, option: click.Parameter, given: str) -> str:
    host, _, port = given.rpartition(":")
    if not host or not port.isdecimal() or int(port) > MAX_PORT:
        raise click.BadParameter(f"{given!r} is not HOST:PORT with a port of 0 to {MAX_PORT}", context, option)
    return given


@click.command(
    epilog=example(
        "incident-ledger witness --name witness.example.org --log ledger.example.org/main+2b5cd4b3+A…",
        "incident-ledger witness --logs ledgers.txt --listen 127.0.0.1:8080 --folder /var/lib/witness",
    )
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    envvar="LEDGER_WITNESS_LISTEN",
    default=DEFAULT_LISTEN,
    callback=_address,
    help=f"Where to answer; port 0 takes a free one [$LEDGER_WITNESS_LISTEN, {DEFAULT_LISTEN}].",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LEDGER_WITNESS_FOLDER",
    default=DEFAULT_FOLDER,
    help=f"Folder of its key, and of what it has cosigned [$LEDGER_WITNESS_FOLDER, {DEFAULT_FOLDER}].",
)
@click.option(
    "--name",
    metavar="NAME",
    envvar="LEDGER_WITNESS_NAME",
    help="Of the key that the first start makes, best an address of yours [$LEDGER_WITNESS_NAME, a random one].",
)
@click.option(
    "--log",
    "keys",
    metavar="KEY",
    multiple=True,
    envvar="LEDGER_WITNESS_LOGS",
    help="The verifier key of a ledger to watch; may be repeated [$LEDGER_WITNESS_LOGS, with spaces between].",
)
@click.option("--logs", "file", type=FILE, help="A file of such keys, one a line; lines with # are passed over.")
def witness(listen: str, folder: Path, name: str | None, keys: Sequence[str], file: Path | None) -> None:
    """Watch ledgers: cosign each checkpoint that continues the one before, and no other, until Ctrl-C or SIGTERM.

    The first start makes a key, and each start prints its verifier key; publish it. Of a ledger that forks, one
    history is cosigned, and both signed checkpoints are kept in `forks` of the folder.
    """
    logs = _logs(keys, file)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    key = witness_key(folder, name)
    click.echo(f"verifier key: {key.verifier()}")
    for origin in logs:
        click.echo(f"watching: {origin}")
    asyncio.run(_serve(Witness(folder, key, logs), listen))


def _logs(keys: Sequence[str], file: Path | None) -> Logs:
    given = [(part, "--log") for key in keys for part in key.split()]
    if file is not None:
        lines = enumerate(map(str.strip, read_text(file).splitlines()), start=1)
        given += [(line, f"{file}:{number}") for number, line in lines if line and not line.startswith("#")]
    found = []
    for text, where in given:
        try:
            found.append(VerifierKey.parse(text))
        except NoteError as error:
            raise click.BadParameter(str(error), param_hint=where) from error
    if not found:
        raise click.UsageError("name a ledger to watch, by its verifier key, with --log or --logs")
    return known_logs(found)


async def _serve(witness: Witness, listen: str) -> None:
    stopping = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    server = WitnessServer(witness)
    address = await server.start(listen)
    click.echo(f"witnessing on http://{address}; Ctrl-C stops")
    try:
        await stopping.wait()
    finally:
        await server.stop()
