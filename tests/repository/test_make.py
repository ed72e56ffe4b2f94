"""The commands: every check is part of `make lint`, and .ci/run runs both parts whatever the first says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository.checkout import ROOT, read

CHECKS = (
    "ruff check",
    "ruff format --check",
    "mypy",
    "lint-imports",
    "buf format --diff --exit-code",
    "buf lint",
    "proto/generate.py --check",
)


def planned(*arguments: str) -> str:
    """What make would do, without doing it."""
    command = ["make", "--dry-run", "--always-make", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def missing_checks(plan: str) -> list[str]:
    """The checks that a plan leaves out."""
    return [check for check in CHECKS if check not in plan]


def test_lint_runs_every_check() -> None:
    assert missing_checks(planned("lint")) == []


def test_the_search_for_missing_checks_can_fail() -> None:
    assert missing_checks("ruff check .\nmypy ledger") == [
        check for check in CHECKS if check not in ("ruff check", "mypy")
    ]


def test_buf_checks_standard_and_comments_without_other_modules() -> None:
    settings = read("proto/buf.yaml")
    assert re.search(r"^    - STANDARD\n    - COMMENTS\n", settings, re.MULTILINE)
    assert "deps:" not in settings


def test_every_target_is_listed_by_plain_make() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for target in ("setup", "run", "test", "lint", "format", "stubs", "lock", "clean"):
        assert re.search(rf"^  make {target} ", listed, re.MULTILINE), target


def run_ci(folder: Path, failing: str) -> subprocess.CompletedProcess[str]:
    """Runs .ci/run in a folder of its own, beside a make that fails for these targets."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    (folder / "Makefile").write_text(
        f".PHONY: test lint\ntest lint:\n\t@echo ran $@; case ' {failing} ' in *' '$@' '*) exit 1;; esac\n"
    )
    # The variables of a make that runs these tests are not for the make inside.
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run([folder / ".ci" / "run"], env=plain, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("failing", ["", "test", "lint", "test lint"])
def test_ci_runs_both_parts_and_fails_if_either_does(tmp_path: Path, failing: str) -> None:
    done = run_ci(tmp_path, failing)
    assert ("ran test" in done.stdout, "ran lint" in done.stdout) == (True, True)
    assert (done.returncode == 0) is (failing == "")


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ("exit 1", "is not a working Python 3.11 or later"),
        ('case "$2" in *ensurepip*) exit 1;; *print*) echo 3.12;; esac', "python3.12-venv"),
    ],
)
def test_setup_says_what_is_missing(tmp_path: Path, candidate: str, told: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{candidate}\n")
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "python"],
        env={**os.environ, "PYTHON": str(python)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert told in done.stderr
