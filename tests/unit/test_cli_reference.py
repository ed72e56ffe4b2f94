"""The reference page of the command says what the command does."""

import re
from pathlib import Path

import pytest

from docs.generate_cli import PAGE, page
from ledger.cli import COMMANDS
from ledger.cli.report_files import checked, report_files_in


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run docs/generate_cli.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_on_the_page(name: str) -> None:
    assert f"\n## {name}\n" in page()


def test_the_report_on_the_page_is_one_that_is_taken() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)
    file = checked("example", example.encode())
    assert file.faults == []
    assert len(file.reports) == 1


def test_the_seed_reports_have_no_fault() -> None:
    names = report_files_in(Path(__file__).parents[2] / "seeds")
    assert names
    for name in names:
        assert checked(name, Path(name).read_bytes()).faults == []
