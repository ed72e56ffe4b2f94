"""Current totals are kept ready: whatever the history, and however it was cut into batches, they say what summing the
claims says, message for message, and a rebuild finds the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from ledger.persistence.records import StoredRecord
from projections.casualties import CASUALTIES, answering, keeping, summing
from projections.casualties.answering import casualties
from projections.casualties.keeping import KEPT
from projections.casualties.question import CountPolicy, Question
from tests.histories import casualty_contents, histories, redacted
from tests.postgres import Database

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCHEMA = "ledger_main_casualties_g1"
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner_url) as own:
        yield own


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so narrow that short histories reach them."""
    for name, bound in {"most_positions": 2, "stretch": 3, "most_tolls": 2}.items():
        monkeypatch.setitem(keeping.BOUNDS, name, bound)
    monkeypatch.setattr(summing, "MOST_POSITIONS", 2)
    monkeypatch.setattr(answering, "MOST_TOLLS", 2)


def generation(connection: Connection, records: Sequence[StoredRecord], size: int = 1_000) -> None:
    """A generation in a schema of its own, in place of the one before."""
    connection.rollback()
    connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    CASUALTIES.create(connection, SCHEMA)
    for start in range(0, len(records), size):
        CASUALTIES.fold(connection, SCHEMA, records[start : start + size])
        connection.commit()


QUESTIONS = [Question(group_by=kept, count_policy=policy) for kept in KEPT for policy in CountPolicy]


@given(
    records=histories(redactions=True, contents=casualty_contents(), most=40),
    size=st.integers(1, 8),
    questions=st.lists(st.sampled_from(QUESTIONS), min_size=3, max_size=3, unique_by=repr),
)
@EXAMPLES
@pytest.mark.usefixtures("small")
async def test_current_totals_say_what_summing_the_claims_says(
    database: Database, connection: Connection, records: list[StoredRecord], size: int, questions: list[Question]
) -> None:
    generation(connection, records, size)
    position = len(records)
    async with await AsyncConnection.connect(database.owner_url, autocommit=True) as asking:
        await asking.execute("SELECT set_config('search_path', %s, false)", [SCHEMA])
        for question in questions:
            summed = await casualties(asking, question, position)
            assert await casualties(asking, question, position, taken=position) == summed, question


@given(records=histories(redactions=True, contents=casualty_contents(), most=40), size=st.integers(1, 8))
@EXAMPLES
@pytest.mark.usefixtures("small")
def test_a_rebuild_finds_the_totals_that_were_kept(
    connection: Connection, records: list[StoredRecord], size: int
) -> None:
    generation(connection, records, size)
    live = CASUALTIES.digest(connection, SCHEMA)
    generation(connection, redacted(records))
    assert CASUALTIES.digest(connection, SCHEMA) == live
