"""An embedded PostgreSQL for evaluation, tests and small installations: one data folder, one owner process.

It changes nothing outside the data folder, listens on no network port, and never outlives its owner.
"""

from ledger.embedded.errors import (
    BinariesMissingError,
    EmbeddedDatabaseError,
    FolderInUseError,
    FolderUnusableError,
    ServerFailedError,
)
from ledger.embedded.server import EmbeddedPostgres

__all__ = [
    "BinariesMissingError",
    "EmbeddedDatabaseError",
    "EmbeddedPostgres",
    "FolderInUseError",
    "FolderUnusableError",
    "ServerFailedError",
]
