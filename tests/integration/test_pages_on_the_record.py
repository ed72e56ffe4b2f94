"""The pages on a figure's history and on redacting do what they say: their commands are run, in order and on one
ledger. What a story says holds is what the read models say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import run
from tests.integration.test_readme import files_of
from tests.repository.checkout import read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving

HISTORY = "docs/how-to/audit-a-figures-history.md"
REDACTING = "docs/how-to/redact.md"
pytestmark = pytest.mark.newest


@pytest.fixture(scope="module")
def seeded() -> Iterator[ServiceProcess]:
    with serving("--seed") as running:
        yield running


Told = Callable[[str], str]


@pytest.fixture
def told(
    seeded: ServiceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """Runs a block of the page; what it prints."""
    monkeypatch.setenv("LEDGER_ADDRESS", seeded.address)
    monkeypatch.chdir(tmp_path)

    def ask(command: str) -> str:
        program, *arguments = shlex.split(command)
        assert program == "incident-ledger"
        code = run(arguments)
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return ask


def test_the_page_tells_the_story_that_it_shows(told: Told, tmp_path: Path) -> None:
    page = read(HISTORY)
    for name, content in files_of(page).items():
        (tmp_path / name).write_text(content)
    commands = [each.text for each in blocks(page) if each.language == "sh"]
    _, appended, incident, of_report, streams, before, as_json = map(told, commands)
    assert "recount-2020-02-14" in appended
    (shown,) = [each.text for each in blocks(page) if each.language == "text"]
    for line in shown.splitlines():
        position, _, recorder, said = line.split(" · ")
        assert f" · {recorder.removesuffix('…').rpartition('/')[0]}/" in incident
        assert said.removesuffix("…") in incident
        assert f"\n{position} · " in f"\n{incident}"
    assert "20, as corrected at 2034 · TroopsKilled: 6 killed" in incident
    assert "corrects 20: count 5 → 6" in of_report
    assert "Sochi memorandum" in streams
    assert "ThreatIssued: ultimatum" in streams
    assert "corrects" not in before
    assert "20 · TroopsKilled: 5 killed" in before
    *steps, last = map(json.loads, as_json.splitlines())
    changes = [change for step in steps if step["position"] == 2034 for change in step["changes"]]
    assert [(each["claim"], each["field"]) for each in changes] == [(20, "count")]
    answer = json.loads(told("incident-ledger --json incident idlib-2020-02-10 --min-position 2034"))
    assert held(last) == in_order(each["event"]["claim"] for each in answer["claims"])


def held(last: dict[str, Any]) -> list[Any]:
    """What a story says holds."""
    return in_order(each["content"] for each in last["holding"])


def in_order(claims: Iterable[Any]) -> list[Any]:
    return sorted(claims, key=lambda claim: json.dumps(claim, sort_keys=True))


def test_a_thing_that_nobody_recorded_is_told(told: Told) -> None:
    said = told("incident-ledger replay --explain --incident nowhere --to 20")
    assert "nothing is recorded of incidents/nowhere up to position 20" in said


def test_the_page_redacts_as_it_says(told: Told, tmp_path: Path) -> None:
    page = read(REDACTING)
    for name, content in files_of(page).items():
        (tmp_path / name).write_text(content)
    lines = [line for each in blocks(page) if each.language == "sh" for line in each.text.splitlines()]
    done, found, appended, event, story, check, replay = [
        told(line) for line in lines if line.startswith("incident-ledger ")
    ]
    assert "No event" in done
    assert "The presidents spoke" in " ".join(found.split())
    assert "redaction-2020-03-01" in appended
    assert ("presidents" in event, "redacted" in event) == (False, True)
    assert "recorded a TalksHeld in incidents/russia-turkey-call-2020-02-12" in story
    assert "by report redaction-2020-03-01 of The data protection officer (recorded by a guardian" in story
    assert "events fit" in check
    assert "1 are redacted" in replay
