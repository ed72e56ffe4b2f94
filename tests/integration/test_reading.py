"""The connections that a ledger is read with: one whose end is known is not lent, one that has just answered is not
asked again."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ledger.persistence import reading
from ledger.persistence.reading import ReadPool
from tests.postgres import Cluster, Database


@pytest.fixture
def pool(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadPool]:
    monkeypatch.setattr(reading, "READ_CONNECTIONS", 1)
    opened = ReadPool(database.service_url, "read")
    yield opened
    opened.close()


def ask(pool: ReadPool, number: int = 0) -> tuple[int, int]:
    """The server's process that answered, and the number that it was asked for."""
    with pool.connection() as connection:
        row = connection.execute("SELECT pg_backend_pid(), %s::int", [number]).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("ended", [1, 5])
def test_a_connection_that_was_ended_after_its_last_answer_is_not_lent(
    pool: ReadPool, cluster: Cluster, ended: int
) -> None:
    for number in range(ended):
        before, _ = ask(pool)
        # The answer to this comes when the other process has gone, and has said so.
        gone = "SELECT pg_terminate_backend(%s, 5000)"
        assert cluster.admin.execute(gone, [before]).fetchone() == (True,)
        after, answered = ask(pool, number)
        assert (after != before, answered) == (True, number)


def test_one_that_has_just_answered_is_not_asked_again(
    pool: ReadPool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[psycopg.Connection[object]]()
    monkeypatch.setattr(pool, "check_connection", asked.append)
    monkeypatch.setattr(reading, "FRESH_SECONDS", 60.0)
    first, _ = ask(pool)
    asked.clear()
    assert ask(pool)[0] == first
    assert asked == []
    monkeypatch.setattr(reading, "FRESH_SECONDS", 0.0)
    assert ask(pool)[0] == first
    assert len(asked) == 1
