"""The tutorials are so: every command in its order prints what it shows, on a service started as the page says."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_readme import files_of, missing_lines, steps_of
from tests.repository.checkout import ROOT, read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving

PAGES = ("docs/tutorials/from-a-release-to-a-figure.md", "docs/tutorials/a-ceasefire-on-two-axes.md")
SERVE = "incident-ledger serve "
SECONDS = 60


@pytest.fixture(scope="module", params=PAGES, ids=[Path(each).stem for each in PAGES])
def page(request: pytest.FixtureRequest) -> str:
    return read(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, page: str) -> Path:
    """The folder of the tutorial, with what the reader saves there."""
    copy = tmp_path_factory.mktemp("tutorial") / "tutorials"
    shutil.copytree((ROOT / PAGES[0]).parent, copy)
    for name, content in files_of(page).items():
        (copy / name).write_text(f"{content}\n")
    return copy


@pytest.fixture(scope="module")
def service(folder: Path, page: str) -> Iterator[ServiceProcess]:
    (line,) = (line for block in blocks(page) for line in block.text.splitlines() if line.startswith(SERVE))
    options = shlex.split(line.removeprefix(SERVE))
    options[options.index("--data-dir") + 1] = str(folder / "data")
    with serving(*options) as running:
        yield running


def test_every_command_of_the_tutorial_prints_what_it_shows(
    service: ServiceProcess, folder: Path, page: str
) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "LEDGER_ADDRESS": service.address}
    steps = steps_of(page)
    assert len(steps) >= 14
    for step in steps:
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        told = f"$ {step.command}\n{done.stdout}"
        assert done.returncode == 0, told
        assert missing_lines(step.expected, done.stdout) == [], told
