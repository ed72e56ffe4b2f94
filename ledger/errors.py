"""The errors of the ledger, one tree. A class's docstring is its message; its values become metadata."""

# LedgerError
# ├── InvalidRequestError          fields that do not hold what they must
# ├── NotFoundError                no such ledger, report, event, incident, agreement, projection
# ├── LedgerExistsError            the ledger is there already
# ├── ReportConflictError          the report id is taken by other content
# ├── RevisionConflictError        an expected revision is no longer current
# ├── NotPossibleError             not possible in this state
# │   └── ProjectionHaltedError    the read model has stopped before `min_position`
# ├── OverloadedError              a queue or quota is full
# ├── UnavailableError             starting, stopping, or the database is away
# │   └── NotCosignedError         too few witnesses have cosigned a checkpoint
# ├── DeadlineError                not done in time
# │   └── PositionNotReachedError  the read model is behind `min_position`
# ├── CorruptionError              the stored record contradicts itself
# │   ├── PositionGapError         a position is missing
# │   └── NotContinuedError        what is stored does not continue what was signed, or seen
# ├── UnimplementedError           promised by the contract, not built yet
# └── InternalError                unforeseen; only the log knows more

from dataclasses import dataclass
from typing import Any


class LedgerError(Exception):
    """Something that the ledger refuses or cannot do."""

    def __init__(self, message: str | None = None, **values: Any) -> None:
        self.values = values
        super().__init__(message or (type(self).__doc__ or "").format(**values))

    @property
    def reason(self) -> str:
        """The fixed word for machines, for example `REVISION_CONFLICT`."""
        name = type(self).__name__.removesuffix("Error")
        return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).strip("_").upper()


@dataclass(frozen=True)
class Violation:
    """One field that does not hold what it must."""

    field: str
    description: str


class InvalidRequestError(LedgerError):
    """The request has fields that do not hold what they must."""

    def __init__(self, violations: list[Violation]) -> None:
        self.violations = violations
        first = "; ".join(f"{each.field}: {each.description}" for each in violations[:3])
        more = f" (and {len(violations) - 3} more)" if len(violations) > 3 else ""
        super().__init__(f"{first}{more}")


class NotFoundError(LedgerError):
    """There is no {kind} {id!r}; check the id and the ledger."""


class LedgerExistsError(LedgerError):
    """The ledger {ledger!r} exists already; choose another name or use it."""


class ReportConflictError(LedgerError):
    """The report id {report_id!r} is recorded with other content; file a correction, or use a new id."""


@dataclass(frozen=True)
class RevisionMismatch:
    """A stream that is not where the client expected it; actual 0 means that it does not exist."""

    stream: str
    expected: str
    actual: int


class RevisionConflictError(LedgerError):
    """An expected revision is no longer current; read the streams again and decide anew."""

    def __init__(self, mismatches: list[RevisionMismatch]) -> None:
        self.mismatches = mismatches
        super().__init__(streams=", ".join(each.stream for each in mismatches))


class NotPossibleError(LedgerError):
    """Not possible in this state: {why}."""


class ProjectionHaltedError(NotPossibleError):
    """The read model {projection} is halted at position {reached} and does not reach {min_position}: {because}"""


class OverloadedError(LedgerError):
    """The {what} is full; try again in {retry_seconds} s or later."""


class UnavailableError(LedgerError):
    """The ledger cannot answer now: {why}."""


class NotCosignedError(UnavailableError):
    """The checkpoint of {ledger!r} at {size} is not cosigned by a quorum of witnesses: {why}."""


class DeadlineError(LedgerError):
    """Not done within the deadline; the same report id makes it safe to send again."""


class PositionNotReachedError(DeadlineError):
    """The read model has reached position {reached}, not yet {min_position}."""


class CorruptionError(LedgerError):
    """The stored record contradicts itself at position {position}: {what}."""


class PositionGapError(CorruptionError):
    """Position {expected} is missing from the record: {found} follows instead."""


class NotContinuedError(CorruptionError):
    """The ledger {ledger!r} does not continue {known}: {what}; {remedy}."""


class UnimplementedError(LedgerError):
    """{what} is not built yet."""


class InternalError(LedgerError):
    """An unforeseen error; the service's log holds it under the id {id}."""
