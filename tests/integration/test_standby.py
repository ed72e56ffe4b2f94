"""Processes on a hot standby answer and do not lead; when it is promoted they do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ledger.administration import Administration
from ledger.errors import NotPossibleError
from projections.engine import Engine
from projections.engine.databases import Databases
from projections.engine.reading import ReadSide, read_pool
from projections.engine.rebuilds import REPLAYING
from projections.service import READ_MODELS
from tests.followed import Ledger, Tally, until
from tests.postgres import Database
from tests.served import serving
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
    assert Administration(primary.service_url).created("main")
    leader = Engine(Databases.one(primary.service_url), [Tally()])
    engine = Engine(Databases.one(pair.standby_url), [Tally()])
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
        assert not await asyncio.to_thread(Administration(pair.standby_url).created, "elsewhere")
        (said,) = caplog.records
        assert "its database is a standby, which only reads" in said.getMessage()
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


def test_ledgers_on_a_standby_are_followed_into_another_database(
    pair: Replicated, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(Database(NAME, pair.primary.owner_url, pair.primary.service_url, "", 18))
    ledger.append(*"AB")
    pair.level()
    engine = Engine(Databases(pair.standby_url, database.service_url), [Tally()])
    engine.start()
    try:
        while ledger.size < 5:
            state = until(lambda: engine.state("main", "tally"), lambda now: now.position == ledger.size)
            assert (state.state, state.leader, engine.troubles) == ("following", engine.holder, {})
            ledger.append("A")
        rebuild = engine.operations.rebuild("main", "tally")
        rebuild.join()
        assert rebuild.progress.state_digest == rebuild.progress.replaced_digest != ""
        pair.level()
        with psycopg.connect(pair.standby_admin_url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")
        there = Ledger(Database(NAME, pair.primary.owner_url.replace(*pair.hosts), pair.standby_url, "", 18))
        there.size = ledger.size
        there.append("A")
        until(lambda: engine.state("main", "tally"), lambda now: now.position == 6)
    finally:
        engine.stop()
    assert caplog.text == ""


def test_a_standby_tells_what_a_rebuild_on_its_primary_does(pair: Replicated) -> None:
    primary = Databases.one(pair.primary.service_url)
    ledger = Ledger(Database(NAME, pair.primary.owner_url, pair.primary.service_url, "", 18))
    ledger.append(*"AB")
    tally = Tally()
    leader, engine = Engine(primary, [tally]), Engine(Databases.one(pair.standby_url), [Tally()])
    leader.start()
    try:
        until(lambda: leader.state("main", "tally"), lambda now: now.position == 2)
        tally.pause = 3.0
        leader.operations.rebuild("main", "tally")
        pair.level()
        (state,) = engine.states("main")
        assert state.rebuild is not None
        assert (state.state, state.rebuild.phase) == ("rebuilding", REPLAYING)
    finally:
        leader.stop()


def test_a_process_that_only_reads_answers_from_a_standby(pair: Replicated) -> None:
    primary = {"LEDGER_DATABASE_URL": pair.primary.service_url}
    standby = {"LEDGER_DATABASE_URL": pair.standby_url}
    with serving("--seed", environment=primary) as writer:
        (main,) = [each for each in json.loads(run(writer.address, "ledgers"))["ledgers"] if each["name"] == "main"]
        head = str(main["size"])
        expected = run(writer.address, "casualties", "--group-by", "party", "--min-position", head)
        with serving("--role", "read", environment=standby) as reader:
            # It waits for what the primary's process has committed, as in any other process.
            assert run(reader.address, "casualties", "--group-by", "party", "--min-position", head) == expected
            listed = json.loads(run(reader.address, "projections"))["projections"]
            assert [each["name"] for each in listed] == sorted(each.name for each in READ_MODELS)
            assert all(int(each["position"]) == int(head) for each in listed)
            refused = run(reader.address, "rebuild", "casualties", succeeds=False)
            assert "standby" in refused
            assert "Traceback" not in reader.output


def run(address: str, *words: str, succeeds: bool = True) -> str:
    command = [sys.executable, "-m", "ledger", "--address", address, "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) is succeeds, done.stderr
    return done.stdout if succeeds else done.stderr
