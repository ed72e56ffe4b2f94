"""A first look through a dataset's file: which rows it has, of which countries and days, which actors they name,
and which of them cannot be taken at all. It makes no report."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.datasets.entries import MAX_SHOWN, Dataset, RowError, Scope, Seen
from ledger.datasets.table import Row, Table, TableError
from ledger.domain.values import MAX_WORD

NAMES = f"a name has at most {MAX_WORD} characters, on one line"


@dataclass(frozen=True)
class Refusal:
    """A row that is not taken, and why."""

    line: int
    key: str
    column: str
    why: str

    def __str__(self) -> str:
        """For a person: `line 12 (event 214797): date_prec: is 9; …`."""
        row = f" (event {self.key})" if self.key else ""
        column = f"{self.column}: " if self.column else ""
        return f"line {self.line}{row}: {column}{self.why}"


@dataclass
class Survey:
    """What a file holds."""

    sha256: str
    rows: int = 0
    keys: set[str] = field(default_factory=set)
    scope: Scope = field(default_factory=Scope)
    actors: dict[str, Seen] = field(default_factory=dict)
    """By the dataset's id, in the order in which they are named."""
    refused: dict[int, Refusal] = field(default_factory=dict)
    """By line."""
    whole: bool = True
    """Every row could be told by its id; otherwise nobody can say which rows are missing."""

    def refuse(self, row: Row, key: str, error: RowError) -> None:
        """Take note of a row that is not taken."""
        self.refused[row.line] = Refusal(row.line, key, error.column, error.why)


def surveyed(dataset: Dataset, table: Table, on_row: Callable[[], None] = lambda: None) -> Survey:
    """Goes through the file once; TableError where it is no file of the dataset."""
    lacking = sorted(dataset.columns - set(table.columns()))
    if lacking:
        raise TableError(f"{table.path.name} is no file of {dataset.title}: it has no column {', '.join(lacking)}")
    survey = Survey(table.digest())
    for row in table.rows():
        survey.rows += 1
        _look_at(dataset, survey, row)
        on_row()
    return survey


def _look_at(dataset: Dataset, survey: Survey, row: Row) -> None:
    key = ""
    try:
        if row.fault:
            raise RowError("", row.fault)
        key = dataset.key_of(row.cells)
        if key in survey.keys:
            raise RowError("", "the row is there a second time; the first one is taken")
        survey.keys.add(key)
        survey.scope = survey.scope.with_row(*dataset.place_and_time(row.cells))
        for seen in dataset.actors_of(row.cells):
            if len(seen.name) > MAX_WORD or not seen.name.isprintable():
                raise RowError("", f"names an actor `{seen.name[:MAX_SHOWN]}…`, which no register takes: {NAMES}")
            known = survey.actors.get(seen.external_id)
            if known is None or (seen.kind and not known.kind):
                survey.actors[seen.external_id] = seen
    except RowError as error:
        survey.whole = survey.whole and bool(key)
        survey.refuse(row, key, error)
