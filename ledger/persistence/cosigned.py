"""What a service remembers of its witnesses, beside its checkpoints: the last one that a quorum has cosigned, and
how much of the ledger each witness has seen. All of it can be lost: witnesses are then asked again."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ledger.persistence.durable import make_folder, write_whole
from ledger.persistence.issued import ISSUED_FOLDER


class Kept(NamedTuple):
    """A checkpoint with cosignatures."""

    note: str
    age: float
    """Seconds since they were gathered."""


class CosignedCheckpoints:
    """The files of one installation. Other processes may share them."""

    def __init__(self, folder: Path) -> None:
        """Of a data folder."""
        self._folder = folder / ISSUED_FOLDER

    def kept(self, ledger: str) -> Kept | None:
        """The last one that a quorum has cosigned."""
        file = self._folder / f"{ledger}.cosigned"
        try:
            return Kept(file.read_bytes().decode(), time.time() - file.stat().st_mtime)
        except (OSError, UnicodeDecodeError):
            return None

    def keep(self, ledger: str, note: str) -> None:
        """Remember one; OSError."""
        make_folder(self._folder)
        write_whole(self._folder / f"{ledger}.cosigned", note)

    def sizes(self, ledger: str) -> dict[str, int]:
        """How many events each witness has seen, by its verifier key, as far as is known."""
        try:
            told: Any = json.loads((self._folder / f"{ledger}.witnesses").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(told, dict):
            return {}
        return {key: size for key, size in told.items() if type(size) is int and size >= 0}

    def remember(self, ledger: str, sizes: Mapping[str, int]) -> None:
        """Remember that; OSError."""
        make_folder(self._folder)
        write_whole(self._folder / f"{ledger}.witnesses", json.dumps(sizes, sort_keys=True, indent=1) + "\n")
