"""What a read model does with events of a type that is newer than its program: halt or leave them out, by its rule.
It guesses no content."""

from enum import Enum

from ledger.errors import LedgerError


class NewTypes(Enum):
    """The rule of a read model."""

    HALT = "halt"
    """Its answers could be wrong without them: it stops until a newer program follows."""
    SKIP = "skip"
    """They cannot concern it."""


class UnknownTypeError(LedgerError):
    """{type} is a type of event that this version does not know; a newer one of the program takes it."""
