"""A service's looks at what it serves: one that fails does not end them, nor keep the service from serving."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ledger import composition
from ledger.composition import Service
from ledger.settings import Settings
from tests.postgres import Database

pytestmark = pytest.mark.newest
SECONDS = 20


async def test_that_the_database_is_away_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(composition, "FIRST_LOOK_SECONDS", 0.01)
    nowhere = f"host={tmp_path} dbname=none"
    service = Service.composed(nowhere, Settings.read(data_dir=tmp_path, listen="127.0.0.1:0"))
    looks, look = asyncio.Queue[None](), service._look

    def counted() -> bool:
        loop.call_soon_threadsafe(looks.put_nowait, None)
        return look()

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(service, "_look", counted)
    stopping = asyncio.Event()

    async def ready(address: str) -> None:
        raise AssertionError(address)

    running = asyncio.create_task(service.run(ready, stopping))
    for _ in range(5):
        await asyncio.wait_for(looks.get(), SECONDS)
    stopping.set()
    await running
    (said,) = [each for each in caplog.records if each.name == "ledger.composition" and each.levelname == "WARNING"]
    assert "connection" in said.getMessage()


async def test_what_nobody_expected_is_told_once_and_the_service_serves(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(composition, "FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(composition, "LOOK_SECONDS", 0.01)
    service = Service.composed(database.service_url, Settings.read(data_dir=tmp_path, listen="127.0.0.1:0"))
    looks, look, again = [0], service.ledgers.look, asyncio.Event()

    async def fragile() -> None:
        looks[0] += 1
        if looks[0] < 4:
            raise RuntimeError("unheard of")
        await look()
        if serving.is_set():
            again.set()

    def begin() -> bool:
        raise RuntimeError("not to be recorded")

    monkeypatch.setattr(service.ledgers, "look", fragile)
    monkeypatch.setattr(service.ledgers.administration, "begin", begin)
    serving, stopping = asyncio.Event(), asyncio.Event()

    async def ready(address: str) -> None:
        serving.set()

    running = asyncio.create_task(service.run(ready, stopping))
    try:
        await asyncio.wait_for(serving.wait(), SECONDS)
        await asyncio.wait_for(again.wait(), SECONDS)
    finally:
        stopping.set()
        await running
    said = [each.getMessage() for each in caplog.records if each.exc_info]
    assert said == [
        "what is served cannot be looked at; it is tried again",
        "the administrative record is not up to date",
    ]
