"""What a row of a dataset becomes: an entry, which is a report document with what deserves a look; or a refusal.
Also what is common to reading cells: numbers, codes and days, with an error that names the column."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, TypeVar

from ledger.domain.codes import Code

Document = dict[str, Any]
Cells = Mapping[str, str]
CodeType = TypeVar("CodeType", bound=Code)

MAX_NAME = 60
"""Characters of a name that go into an id."""
MAX_OWN = 24
"""The same, where a tag may follow: with names of dataset and release, an id is no longer than ids can be."""
MAX_SHOWN = 60
"""Characters of a cell that a message shows."""
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([ T]00:00(:00(\.0+)?)?)?")


class RowError(Exception):
    """A row that cannot be taken: the column, and why."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(f"{column}: {why}" if column else why)
        self.column = column
        self.why = why


@dataclass(frozen=True)
class Remark:
    """What was taken and deserves a look."""

    column: str
    value: str
    why: str


@dataclass(frozen=True)
class Release:
    """One publication of a dataset."""

    dataset: str
    name: str
    sha256: str
    available: date
    """The day from which it could be had."""

    @property
    def slug(self) -> str:
        """The name as a part of ids."""
        return slug(self.name)

    @property
    def report_id(self) -> str:
        """The report that says that it was published."""
        return f"{self.dataset}:release:{self.slug}"

    @property
    def external_id(self) -> dict[str, str]:
        """The release as an identifier of a report's source."""
        return {"scheme": f"{self.dataset}-release", "id": self.name}


@dataclass(frozen=True)
class Seen:
    """An actor as a row names it."""

    external_id: str
    """In the dataset's own register."""
    name: str
    kind: str
    """Empty where the dataset does not tell: it is named in claims then, and nobody is registered."""


@dataclass(frozen=True)
class Entry:
    """A row as the ledger takes it."""

    key: str
    """The row's own id, stable over releases."""
    document: Document
    """The report, as report files have it."""
    remarks: Sequence[Remark] = ()


@dataclass(frozen=True)
class Scope:
    """What a release speaks of: rows of other countries or days are not missing from it."""

    countries: frozenset[str] = frozenset()
    first: date = date.max
    last: date = date.min

    def with_row(self, country: str, start: date, end: date) -> "Scope":
        """The scope with one more row."""
        return Scope(self.countries | {country}, min(self.first, start), max(self.last, end))

    def holds(self, country: str, start: date, end: date) -> bool:
        """Whether a row of these would have to be in the release."""
        return country in self.countries and self.first <= start and end <= self.last


ActorIds = Mapping[str, str]
"""The dataset's ids of actors, and the ledger's."""


@dataclass(frozen=True)
class Dataset:
    """How one dataset is read."""

    name: str
    """As the command and the ids have it."""
    title: str
    """As the source of the reports is called."""
    scheme: str
    """Of its ids of actors, in the register."""
    stream_of: Callable[[str], str]
    """The stream of what a row is about, by its key."""
    columns: Set[str]
    """Those without which no row can be read."""
    key_of: Callable[[Cells], str]
    place_and_time: Callable[[Cells], tuple[str, date, date]]
    """Country, first and last day of a row."""
    actors_of: Callable[[Cells], Sequence[Seen]]
    entry_of: Callable[[Cells, ActorIds, Release], Entry]
    optional: Set[str] = field(default_factory=frozenset)
    """Those that are taken where they are there."""

    @property
    def releases(self) -> str:
        """How the ids of the reports of its releases begin."""
        return f"{self.name}:release:"

    def report_id(self, key: str) -> str:
        """The first report of a row; later ones add a colon and the release."""
        return f"{self.name}-{key}"

    def key_in(self, report_id: str) -> str | None:
        """The row that a report is of; None where it is of none."""
        prefix, first = f"{self.name}-", report_id.partition(":")[0]
        return first.removeprefix(prefix) if first.startswith(prefix) else None


def slug(text: str, longest: int = MAX_NAME) -> str:
    """Text as a part of an id: letters without accents, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].strip("-")


def own_slug(text: str, longest: int = MAX_OWN) -> str:
    """Text as a part of an id that no other text has: its slug, with its tag where more than case is lost."""
    plain = slug(text, longest)
    return plain if plain and plain == text.strip().lower() else f"{plain}-{tag(text.strip())}".strip("-")


def tag(text: str) -> str:
    """Text as a short part of an id that no other text has: itself where it can be, else a part of its digest."""
    plain = re.fullmatch(r"[a-z0-9]{1,16}", text)
    return text if plain else sha256(text.encode()).hexdigest()[:16]


def cell(cells: Cells, column: str) -> str:
    """A cell that must hold something."""
    value = cells.get(column, "").strip()
    if not value:
        raise RowError(column, "is empty")
    return value


def number(cells: Cells, column: str, least: int = 0) -> int:
    """A whole number; `2.0` is one, as some exports write it."""
    text = cell(cells, column)
    digits = text.removesuffix(".0")
    if not re.fullmatch(r"-?[0-9]{1,12}", digits):
        raise RowError(column, f"is `{text[:MAX_SHOWN]}`, which is no whole number")
    if int(digits) < least:
        raise RowError(column, f"is {digits}; it cannot be less than {least}")
    return int(digits)


def code(cells: Cells, column: str, codes: type[CodeType]) -> CodeType:
    """The code of a codebook's number."""
    found = next((each for each in codes if each.code == number(cells, column)), None)
    if found is None:
        numbers = ", ".join(str(each.code) for each in codes)
        raise RowError(column, f"is {cells[column].strip()}; the codebook has {numbers}")
    return found


def day(text: str) -> date | None:
    """A day, also one written with midnight; None where it is none."""
    found = _DAY.fullmatch(text.strip())
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def day_of(cells: Cells, column: str) -> date:
    """The day in a cell."""
    found = day(cell(cells, column))
    if found is None:
        raise RowError(column, f"is `{cells[column].strip()[:MAX_SHOWN]}`, which is no day; YYYY-MM-DD is")
    return found


def degrees(cells: Cells, column: str) -> float | None:
    """A coordinate; None where there is none."""
    text = cells.get(column, "").strip()
    try:
        return float(text) if text else None
    except ValueError:
        raise RowError(column, f"is `{text[:MAX_SHOWN]}`, which is no number of degrees") from None
