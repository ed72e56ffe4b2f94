"""What can go wrong with the embedded database, each with its remedy; a branch of the tree in ledger/errors.py."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import LedgerError

# EmbeddedDatabaseError
# ├── BinariesMissingError   no PostgreSQL for this platform
# ├── FolderInUseError       another process owns the data folder
# ├── FolderUnusableError    the data folder cannot hold, or does not hold, our database
# └── ServerFailedError      initdb or postgres ended with an error


class EmbeddedDatabaseError(LedgerError):
    """The embedded database cannot be used."""


class BinariesMissingError(EmbeddedDatabaseError):
    """No embedded PostgreSQL for this platform ({looked_in}): install 'incident-ledger[embedded]', \
or set LEDGER_DATABASE_URL to a PostgreSQL 15 or later."""

    def __init__(self, looked_in: str) -> None:
        super().__init__(looked_in=looked_in)


class FolderInUseError(EmbeddedDatabaseError):
    """The data folder {folder} is in use by {owner}: stop it first, or set LEDGER_DATA_DIR to another folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.pid = pid
        super().__init__(folder=folder, owner=f"the process {pid}" if pid else "another process")


class FolderUnusableError(EmbeddedDatabaseError):
    """The data folder {folder} cannot be used: {why}; set LEDGER_DATA_DIR to another folder."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(folder=folder, why=why)


class ServerFailedError(EmbeddedDatabaseError):
    """{what} on the data folder {folder}; the end of its log:
    {log}"""

    def __init__(self, what: str, folder: Path, log: str) -> None:
        super().__init__(what=what, folder=folder, log=log.strip() or "(empty)")
