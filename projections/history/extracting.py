"""What the database extracts from payloads: statements that are composed once for each read model, from its own
columns and the codebooks' words. It runs nothing."""

from collections.abc import Iterable, Mapping
from typing import LiteralString

from psycopg import sql

from ledger.domain.claim import actor_paths
from ledger.domain.codes import (
    Code,
    Credibility,
    DatePrecision,
    EventClarity,
    KindOfViolence,
    PlacePrecision,
    Verification,
)
from ledger.domain.reports import CLAIM_TYPES, ReportFiled
from ledger.persistence.queries import Queries
from projections.engine.projection import Connection

QUERIES = Queries("projections.history", "extracting.sql")
LATER = sql.SQL(QUERIES.later_form)
NUMBERED = (DatePrecision, PlacePrecision, Credibility, KindOfViolence)
WORDS = (Verification, EventClarity)
"""Codebooks of which the words are kept, not the numbers."""


class Extraction:
    """The statements that fill `claims` of one read model.

    `columns` are SQL expressions of its added columns, each `AS` its name, separated by commas; they see the common
    columns' sources: the payload as `body`, its `type`, its parts `occurred`, `place` and `count`, and the number
    `stated` of the last. `names` are given to their placeholders.
    """

    def __init__(self, columns: LiteralString, names: Mapping[str, sql.Composable]) -> None:
        common = sql.SQL(QUERIES.columns).format(**_codes(), **_words(), actors=_actors())
        added = sql.SQL(columns).format(**names)
        self._columns = sql.SQL(",\n").join([common, added] if columns else [common])
        self._recorded = self._select(sql.SQL(QUERIES.form_of_claim).format(**_codes()))
        self._takes: dict[bytes, bytes] = {}
        """Statements as they are sent: composing one takes as long as planning it."""
        self.later = sql.SQL(QUERIES.insert).format(select=self._select(LATER)).as_bytes()
        """The statement that takes forms from a JSON array, `forms`."""

    def take(self, batch: sql.Composable) -> bytes:
        """The statement that takes what a batch recorded."""
        text = batch.as_bytes()
        if text not in self._takes:
            parts = {"batch": batch, "select": self._recorded, "ReportFiled": sql.Literal(ReportFiled.__name__)}
            self._takes[text] = sql.SQL(QUERIES.take).format(**parts).as_bytes()
        return self._takes[text]

    def check(self, connection: Connection) -> None:
        """Refuse columns that are not those of the table, in its order."""
        there = connection.execute(QUERIES.names).fetchone()
        given = connection.execute(self._select(LATER), {"forms": "[]"}).description
        names = [each.name for each in given or ()]
        if there is None or names != there[0]:
            raise ValueError(f"what is extracted, {names}, is not what `claims` holds, {there and there[0]}")

    def _select(self, forms: sql.Composable) -> sql.Composed:
        return sql.SQL(QUERIES.select).format(columns=self._columns, forms=forms)


def texts(words: Iterable[str]) -> sql.Composed:
    """An array of words."""
    return sql.SQL("{}::text[]").format(sql.Literal(list(words)))


def array_of(paths: Iterable[str]) -> sql.Composable:
    """One JSON array of what is at some paths of `body`: names of fields, or of a part and of its field."""
    found: list[sql.Composable] = []
    for path in sorted(paths):
        field, _, inner = path.partition(".")
        if inner:
            found.append(
                sql.SQL("CASE WHEN body ? {} THEN jsonb_path_query_array(body, {}) ELSE '[]' END").format(
                    sql.Literal(field), sql.Literal(f"$.{path}[*]")
                )
            )
        else:
            found.append(sql.SQL("coalesce(body -> {}, '[]')").format(sql.Literal(field)))
    return sql.SQL(" || ").join(found)


def _actors() -> sql.Composable:
    return array_of({path for each in CLAIM_TYPES for path in actor_paths(each)})


def _codes() -> dict[str, sql.Composable]:
    numbered: dict[str, sql.Composable] = {book.__name__: texts(_in_order(book)) for book in NUMBERED}
    return numbered | {book.__name__: texts([each.value for each in book]) for book in WORDS}


def _in_order(book: type[Code]) -> list[str]:
    """The words of a codebook whose numbers count from 1."""
    if [each.code for each in book] != list(range(1, len(book) + 1)):
        raise ValueError(f"the numbers of {book.__name__} do not count from 1")
    return [each.value for each in book]


def _words() -> dict[str, sql.Composable]:
    return {
        "reported": sql.Literal(Verification.REPORTED.value),
        "aggregate": sql.Literal(EventClarity.AGGREGATE.value),
    }
