"""The page on adding a read model: the model is made of the page's own blocks, follows a ledger and answers."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import projections
from projections import service
from projections.engine import Engine
from projections.engine.answers import AsOf
from projections.engine.reading import ReadSide, read_pool
from projections.engine.rebuilds import DONE
from projections.history import ReadModel
from tests.folded import RecordedReports
from tests.followed import Ledger, running, until
from tests.postgres import Database
from tests.repository.checkout import read
from tests.repository.documents import code

PAGE = "docs/how-to/add-a-read-model.md"
NAMED_BLOCK = re.compile(r"^```\w+\n(?:#|--) (projections/attacks/[\w.]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FEBRUARY, WEEK = "2020-02-10", {"start": "2020-01-27", "end": "2020-02-02", "precision": "week"}

Answered = Sequence[tuple[str, str, int]]


@pytest.fixture
def attacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The package that the page describes, beside the others."""
    files = NAMED_BLOCK.findall(read(PAGE))
    assert len(files) == 4
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(projections, "__path__", [*projections.__path__, str(tmp_path / "projections")])
    importlib.invalidate_caches()
    yield importlib.import_module("projections.attacks")
    for name in ("projections.attacks", "projections.attacks.reading"):
        sys.modules.pop(name, None)


def attack(
    incident: str, means: str = "", occurred: Any = FEBRUARY, kind: str = "AttackReported"
) -> dict[str, Any]:
    said = {"means": means} if means else {}
    return {"type": kind, "incident_id": incident, "occurred": occurred, **said}


async def answered(database: Database, model: ReadModel, as_of: int | None = None) -> Answered:
    reading = importlib.import_module("projections.attacks.reading")
    async with read_pool(database.service_url) as pool:
        side = ReadSide(pool, [model])
        async with side.answering("main", "attacks", AsOf(position=as_of)) as answer:
            found: Answered = await reading.attacks_by_month(answer)
            return found


def test_it_takes_less_than_a_hundred_lines() -> None:
    lines = [line for _, text in NAMED_BLOCK.findall(read(PAGE)) for line in text.splitlines()]
    assert 30 < len(lines) < 100


def test_the_line_that_names_it_is_the_one_to_change() -> None:
    (line,) = re.findall(r"^READ_MODELS = \((.*)\)$", read(PAGE), re.MULTILINE)
    there = [name.strip() for name in line.split(",")]
    models = [getattr(service, name) for name in there if name != "ATTACKS"]
    assert models == [each for each in service.READ_MODELS if each.name != "attacks"]


def test_what_it_points_to_is_there() -> None:
    named = [name for name in code(read(PAGE)) if "/" in name and "attacks" not in name]
    assert len(named) >= 6
    for name in named:
        assert Path(name).exists(), name


async def test_it_follows_answers_as_of_any_moment_and_rebuilds(database: Database, attacks: ModuleType) -> None:
    filed = RecordedReports()
    first, again, *_ = filed.file(
        "r1",
        attack("idlib", "artillery"),
        attack("idlib", "artillery"),
        attack("homs"),
        attack("daraa", "air", WEEK),
    )
    filed.file("r2", attack("afrin", "air", kind="Retaliation"), {**attack("hama"), "verification": "discounted"})
    before = filed.position
    filed.file(
        "r3",
        {"type": "ClaimRetracted", "target_event_id": str(again), "reason": "error"},
        {
            "type": "ClaimCorrected",
            "target_event_id": str(first),
            "reason": "a misprint",
            "replacement": attack("idlib", "air"),
        },
        {"type": "IncidentsMerged", "incident_id": "idlib", "merged_incident_ids": ["afrin"], "reason": "one"},
    )
    ledger = Ledger(database)
    ledger.write(filed.records)
    model = attacks.ATTACKS
    with running(database, model) as engine:
        level(engine, filed.position)
        earlier = [("2020-02", "air", 1), ("2020-02", "artillery", 1), ("2020-02", "unknown", 1)]
        assert await answered(database, model, before) == earlier
        assert await answered(database, model) == [("2020-02", "air", 1), ("2020-02", "unknown", 1)]
        rebuild = engine.operations.rebuild("main", "attacks")
        rebuild.join()
        assert rebuild.progress.phase == DONE
        assert rebuild.progress.state_digest == rebuild.progress.replaced_digest != ""
        assert await answered(database, model, before) == earlier


def level(engine: Engine, position: int) -> None:
    until(lambda: engine.state("main", "attacks"), lambda state: state.position == position)
