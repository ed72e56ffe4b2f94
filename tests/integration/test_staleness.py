"""What answers say of themselves when their read model does not go on, and how long they wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.errors import ProjectionHaltedError
from projections.engine import opening
from projections.engine.answers import AsOf
from projections.engine.reading import ReadSide, read_pool
from tests.followed import Ledger, Tally, running, until
from tests.postgres import Database

pytestmark = pytest.mark.newest

HALTED = "2 P: ValueError: what is P?"


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
async def read_side(database: Database) -> AsyncIterator[ReadSide]:
    async with read_pool(database.service_url) as pool:
        yield ReadSide(pool, [Tally()])


async def asked(read_side: ReadSide) -> tuple[int, str]:
    """The position of an answer, and why it is stale."""
    async with read_side.answering("main", "tally") as answer:
        return answer.position, answer.basis().stale_because


async def test_answers_of_a_halted_read_model_are_stale_and_stay_where_they_are(
    database: Database, ledger: Ledger, read_side: ReadSide
) -> None:
    ledger.append(*"APA")
    tally = Tally(poison=frozenset("P"))
    with running(database, tally) as engine:
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.state == "halted")
        assert await asked(read_side) == (1, f"it is halted: {HALTED}")
        ledger.append("A")
        await asyncio.sleep(0.5)
        assert await asked(read_side) == (1, f"it is halted: {HALTED}")
        tally.poison = frozenset()
        await asyncio.to_thread(engine.retry, "main", "tally")
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.position == 4)
        assert await asked(read_side) == (4, "")


@pytest.mark.parametrize("needs", [{"min_position": 3}, {"as_of": AsOf(position=3)}], ids=str)
async def test_nobody_waits_for_a_position_behind_a_halt(
    database: Database, ledger: Ledger, read_side: ReadSide, needs: dict[str, Any]
) -> None:
    ledger.append(*"APA")
    with running(database, Tally(poison=frozenset("P"))) as engine:
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.state == "halted")
        begun = time.monotonic()
        with pytest.raises(ProjectionHaltedError) as told:
            async with read_side.answering("main", "tally", timeout=10, **needs):
                pass
        assert time.monotonic() - begun < 5
        values = {"projection": "tally", "reached": 1, "min_position": 3, "because": HALTED}
        assert told.value.values == values
        async with read_side.answering("main", "tally", min_position=1) as answer:
            assert answer.position == 1


async def test_answers_that_nobody_keeps_level_are_stale(
    database: Database, ledger: Ledger, read_side: ReadSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append("A")
    with running(database, Tally()) as engine:
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.position == 1)
    assert await asked(read_side) == (1, "")  # nothing is missing
    ledger.append("A")
    position, because = await asked(read_side)
    assert (position, because.split(" behind")[1]) == (1, ", and no process follows")
    monkeypatch.setattr(opening, "STALE_SECONDS", 1e12)
    assert await asked(read_side) == (1, "")  # that is a moment


async def test_answers_that_are_long_behind_are_stale_though_somebody_follows(
    database: Database, ledger: Ledger, read_side: ReadSide
) -> None:
    ledger.append("A")
    tally = Tally()
    with running(database, tally) as engine:
        await asyncio.to_thread(until, lambda: engine.state("main", "tally"), lambda now: now.position == 1)
        tally.pause = 3.0
        ledger.append("A")
        await asyncio.sleep(0.5)
        position, because = await asked(read_side)
        assert (position, because.startswith("it is "), because.endswith(" s behind")) == (1, True, True)
