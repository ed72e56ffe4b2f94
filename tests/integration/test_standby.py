"""Processes on a hot standby answer and do not lead; when it is promoted they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ledger.errors import NotPossibleError
from projections.engine import Engine
from projections.engine.reading import ReadSide, read_pool
from tests.followed import Ledger, Tally, until
from tests.postgres import Database
from tests.standby import NAME, Replicated, replicated

pytestmark = pytest.mark.newest


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Replicated]:
    with replicated(tmp_path) as both:
        yield both


async def test_a_standby_answers_and_leads_once_it_is_promoted(
    pair: Replicated, caplog: pytest.LogCaptureFixture
) -> None:
    primary = pair.primary
    ledger = Ledger(Database(NAME, primary.owner_url, primary.service_url, "", 18))
    ledger.append(*"AB")
    leader, engine = Engine(primary.service_url, [Tally()]), Engine(pair.standby_url, [Tally()])
    leader.start()
    try:
        await asyncio.to_thread(until, lambda: leader.state("main", "tally"), lambda now: now.position == 2)
        pair.level()
        engine.start()
        async with read_pool(pair.standby_url) as pool:
            for position in (3, 4):
                ledger.append("A")
                read_side = ReadSide(pool, [Tally()])
                async with read_side.answering("main", "tally", min_position=position, timeout=20) as answer:
                    assert (answer.position, answer.stale_because) == (position, "")
        assert engine.state("main", "tally").leader == leader.holder
        with pytest.raises(NotPossibleError, match="is a standby"):
            engine.retry("main", "tally")
        assert (engine.troubles, caplog.text) == ({}, "")
        leader.stop()
        with psycopg.connect(pair.standby_admin_url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")
        promoted = Database(NAME, primary.owner_url.replace(*pair.hosts), pair.standby_url, "", 18)
        there = Ledger(promoted)
        there.size = ledger.size
        there.append("A")
        state = await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.position == 5)
        assert state.leader == engine.holder
    finally:
        engine.stop()
        leader.stop()
