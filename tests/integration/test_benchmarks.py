"""The measurements run: every opponent gives figures, or the run says why it is left out. No figure is judged."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ground
from tests.repository.checkout import ROOT

RUN_SECONDS = 280.0
"""A minute on an idle machine of two cores; tests beside it make it longer."""


def short_run(folder: Path, *arguments: str, **environment: str) -> tuple[str, dict[str, Any]]:
    """What a short run prints, and what it writes."""
    file = folder / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--short", "--json", str(file), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(file.read_text())


@pytest.mark.timeout(RUN_SECONDS + 20)
def test_every_opponent_gives_figures_or_is_said_to_be_skipped(tmp_path: Path) -> None:
    printed, told = short_run(tmp_path)
    ran, skipped = set(told["medians"]), set(told["skipped"])
    assert ran | skipped == set(told["rounds"])
    assert {"AppendReport, 64 at once", "raw COPY, 1000 a transaction", "ReplayHistory RAW"} <= ran
    for name, figures in told["medians"].items():
        assert figures["calls"] > 0, name
        assert figures["per_second"] > 0, name
        assert figures["events_per_second"] > 0, name
        assert name in printed
    for bar in told["bars"]:
        sides = {bar["of"], *bar["to"]} & set(told["rounds"])
        assert bar["value"] is not None or skipped & sides or (bar["to"] and sides == {bar["of"]}), bar
    assert sum(bar["value"] is not None for bar in told["bars"]) > len(told["bars"]) // 2
    for name, reason in told["skipped"].items():
        assert f"skipped: {name}: {reason}" in printed
    if (slow := "raw one-row commit, slow syncs") in ran:  # each waits for a sync, which sleeps so long
        assert told["medians"][slow]["p50_ms"] >= 1.0
    assert told["medians"]["append to delivery, 1,000 a second"]["lost"] == 0
    assert (
        told["medians"]["rebuild of casualties"]["events"] == told["medians"]["plain SQL of casualties"]["events"]
    )
    assert "TroopsKilled 25 %" in printed
    assert told["machine"]["postgresql fsync"] == told["machine"]["postgresql synchronous_commit"] == "on"


def test_without_a_compiler_slow_syncs_are_said_to_be_skipped(tmp_path: Path) -> None:
    printed, told = short_run(tmp_path, "--only", "slow", PATH=str(tmp_path))
    assert set(told["skipped"]) == set(told["rounds"])
    assert told["medians"] == {}
    assert "slow syncs, 64 at once: slowed syncs need Linux and a C compiler" in printed
    assert {bar["reached"] for bar in told["bars"]} == {None}
    assert "not measured" in printed


def test_without_npm_message_db_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ground.SkippedError, match="npm"):
        ground.install_message_db()
