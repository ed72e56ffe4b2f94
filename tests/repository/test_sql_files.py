"""SQL lives in .sql files beside its owner, never in a string of a Python module."""

import ast
import re

import pytest

from tests.repository.checkout import python_files, read

# The start of a statement. Upper case alone is enough; in lower case also the word that must follow,
# so that a sentence such as "select a ledger" passes.
STATEMENT = re.compile(
    r"""\s*(?:
        (?:SELECT|INSERT|UPDATE|DELETE|CREATE|WITH)\s
      | (?i:insert\s+into\s|delete\s+from\s|update\s+\S+\s+set\s|select\s.*\sfrom\s
          |select\s+(?:\d+|\w+\()
          |create\s+(?:or\s+replace\s+|unique\s+|temp\w*\s+|unlogged\s+)*
             (?:table|schema|role|user|index|view|function|trigger|database|extension|sequence|type)\s)
    )""",
    re.VERBOSE | re.DOTALL,
)


def sql_strings(path: str, source: str) -> list[str]:
    """Where a string, also the first part of an f-string, starts like a statement; docstrings are prose."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        f"{path}:{node.lineno}: {node.value.strip()[:40]!r} belongs into a .sql file"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in prose
        and STATEMENT.match(node.value)
    ]


def test_no_statement_is_written_in_python() -> None:
    paths = python_files("ledger", "projections")
    assert [fault for path in paths for fault in sql_strings(path, read(path))] == []


@pytest.mark.parametrize(
    "source",
    [
        'run("SELECT position FROM events")',
        'run("""\n    INSERT INTO commits VALUES (1)""")',
        'run(f"DELETE FROM {table}")',
        'run(sql.SQL("UPDATE commits SET root = NULL"))',
        'run("CREATE SCHEMA x")',
        'run("create table x (y int)")',
        'run("select root from commits")',
        'run("select 1")',
        'run("select now()")',
        'run("WITH head AS (TABLE commits) TABLE head")',
    ],
)
def test_the_check_finds_a_statement(source: str) -> None:
    assert sql_strings("a.py", source) != []


@pytest.mark.parametrize(
    "source",
    [
        '"""SELECT is what this module never says."""',
        'click.echo("Select a ledger, or create one.")',
        'reason = "UPDATED"',
        'help = "Create the ledger if it does not exist."',
    ],
)
def test_the_check_lets_prose_pass(source: str) -> None:
    assert sql_strings("a.py", source) == []
