"""`append` and `seed`: report files into the ledger."""

from importlib.util import find_spec
from pathlib import Path

import click

from ledger.cli.appending import append_files
from ledger.cli.failures import FaultyInput
from ledger.cli.report_files import report_files_in
from ledger.cli.session import Session, connected, example

SEEDS = "seeds"
"""The package of seed reports that is shipped beside this one."""


@click.command(
    epilog=example(
        "incident-ledger append report.yaml",
        "incident-ledger append --check reports/*.yaml",
        "cat report.json | incident-ledger append -",
    )
)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--check", is_flag=True, help="Only check the files; send nothing.")
@connected
def append(session: Session, files: tuple[str, ...], check: bool) -> None:
    """Append reports from YAML or JSON FILEs; `-` is standard input.

    A file holds one report, or several: YAML documents, a list, or JSON lines. All files are checked first; a fault
    is told as `file:line:column path: sentence`, and then nothing is sent. Each report is recorded whole or not at
    all. Sending a file again is safe.
    """
    click.get_current_context().exit(append_files(session, files, check_only=check))


@click.command(epilog=example("incident-ledger seed", "incident-ledger seed --directory my-reports"))
@click.option(
    "--directory", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another folder of reports."
)
@connected
def seed(session: Session, directory: Path | None) -> None:
    """Append the seed reports that are shipped with the ledger.

    Already recorded ones are recognised; seeding twice changes nothing.
    """
    click.get_current_context().exit(append_files(session, seed_files(directory), rows=False))


def seed_files(directory: Path | None = None) -> list[str]:
    """The seed reports' files: those shipped, or those of a folder."""
    folders = [directory] if directory else shipped_seeds()
    names = [name for folder in folders for name in report_files_in(folder)]
    if not names:
        raise FaultyInput(f"there is no report file in {folders[0] if folders else 'the installed package'}")
    return names


def shipped_seeds() -> list[Path]:
    """The folder of seed reports as installed."""
    spec = find_spec(SEEDS)
    return [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
