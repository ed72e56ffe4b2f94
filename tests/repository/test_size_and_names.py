"""Limits of the code: a function fits on a screen, a module in a sitting, and says what it is for."""

import ast
from collections.abc import Callable
from pathlib import PurePath

import pytest

from tests.repository.checkout import python_files, read, tracked_files

CODE = ("ledger", "projections", "benchmarks", "seeds")
FUNCTION_LINES = 40
MODULE_LINES = 300
DOCSTRING_LINES = 5
# Names that say nothing: whatever has no place ends up there.
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers"}

Check = Callable[[str, str], list[str]]


def long_functions(path: str, source: str) -> list[str]:
    """Every function longer than the limit, its decorators not counted."""
    return [
        f"{path}:{node.lineno}: {node.name} has {lines} lines, more than {FUNCTION_LINES}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]


def long_modules(path: str, source: str) -> list[str]:
    """The module, if it is longer than the limit."""
    lines = len(source.splitlines())
    return [f"{path}: {lines} lines, more than {MODULE_LINES}"] if lines > MODULE_LINES else []


def unsaid_purpose(path: str, source: str) -> list[str]:
    """The module, if it does not say in one to five lines what it is for. An empty __init__ needs not."""
    if PurePath(path).name == "__init__.py" and not source.strip():
        return []
    docstring = ast.get_docstring(ast.parse(source))
    if not docstring:
        return [f"{path}: no module docstring"]
    lines = len(docstring.splitlines())
    return [f"{path}: docstring of {lines} lines"] if lines > DOCSTRING_LINES else []


def names_that_say_nothing(path: str, source: str) -> list[str]:
    """The module, if a part of its name is one of the forbidden ones."""
    words = {word for part in PurePath(path).with_suffix("").parts for word in part.split("_")}
    return [f"{path}: says nothing: {word}" for word in sorted(words & FORBIDDEN_NAMES)]


def faults(check: Check, paths: list[str]) -> list[str]:
    """What a check finds in these files."""
    return [fault for path in paths for fault in check(path, read(path))]


def function_of(lines: int) -> str:
    """Source of one function that is exactly so long."""
    return "def f():\n" + "    pass\n" * (lines - 1)


def test_functions_fit_on_a_screen() -> None:
    assert faults(long_functions, python_files(*CODE)) == []


def test_modules_fit_in_a_sitting() -> None:
    statements = [path for path in tracked_files() if path.endswith(".sql") and path.startswith(CODE)]
    assert len(statements) > 10
    assert faults(long_modules, [*python_files(*CODE), *statements]) == []


def test_every_module_says_what_it_is_for() -> None:
    assert faults(unsaid_purpose, python_files()) == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert faults(names_that_say_nothing, python_files()) == []


def test_there_is_code_to_look_at() -> None:
    assert python_files("ledger")
    assert python_files("projections")


@pytest.mark.parametrize(
    ("check", "path", "good", "bad"),
    [
        (long_functions, "a.py", function_of(40), function_of(41)),
        (long_functions, "a.py", "class C:\n    x = 1\n" * 30, "async " + function_of(41)),
        (long_modules, "a.py", "x = 1\n" * 300, "x = 1\n" * 301),
        (unsaid_purpose, "a.py", '"""For this."""\n', "x = 1\n"),
        (unsaid_purpose, "a.py", '"""1\n2\n3\n4\n5\n"""\n', '"""1\n2\n3\n4\n5\n6\n"""\n'),
        (unsaid_purpose, "a/__init__.py", "", "x = 1\n"),
    ],
)
def test_the_checks_tell_good_from_bad(check: Check, path: str, good: str, bad: str) -> None:
    assert check(path, good) == []
    assert check(path, bad) != []


@pytest.mark.parametrize("path", ["ledger/utils.py", "ledger/helpers/dates.py", "ledger/writer_manager.py"])
def test_the_name_check_finds_each_form(path: str) -> None:
    assert names_that_say_nothing(path, "") != []
    assert names_that_say_nothing("ledger/management.py", "") == []
