"""What the documents say of the repository is so: links, files, functions, commands, settings, methods, codes."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from campaigns.schedule import Kind
from ledger.cli import incident_ledger
from ledger.domain import codes
from ledger.domain.codes import Code
from ledger.settings import Limits, Settings
from tests.repository.checkout import ROOT, read, tracked_files
from tests.repository.contract import methods
from tests.repository.documents import anchors, blocks, broken_links, code, documents, links, rows, section

STATES = ("works", "not built yet")
# Documents speak of the product, not of how it came about. Written in parts, so that this file says none of it.
OF_ITS_MAKING = re.compile(
    r"\b(?:"
    + "|".join(
        "".join(parts)
        for parts in [
            ("age", "nts?"),
            ("assis", "tants?"),
            ("chat", "s?"),
            ("pro", "mpt(?:s|ed)?"),
            ("the br", "ief"),
            ("this ses", "sion"),
            ("co-auth", "ored"),
            ("TO", "DO"),
            ("FIX", "ME"),
        ]
    )
    + r")\b",
    re.IGNORECASE,
)
# A path of the checkout, with what is named in it after two colons; `*` and `<…>` stand for anything.
NAMED = re.compile(r"(?P<path>[\w.-]+(?:/[\w.-]+)*/?[\w.-]*)(?:::(?P<name>[\w.]+))?")


def words_of_its_making(text: str) -> list[str]:
    """The words in a text that are about something else than the product."""
    return OF_ITS_MAKING.findall(text)


def named_places(text: str) -> list[tuple[str, str]]:
    """The files and folders of the checkout that a text names in backticks, and what in them."""
    tops = {PurePosixPath(path).parts[0] for path in tracked_files()}
    found = []
    for written in code(text):
        match = NAMED.fullmatch(written)
        if match and "/" in match["path"] and PurePosixPath(match["path"]).parts[0] in tops:
            found.append((match["path"], match["name"] or ""))
    return found


def missing_places(text: str) -> list[str]:
    """Those of them that are not there."""
    return [
        f"{path}::{name}" if name else path
        for path, name in named_places(text)
        if not (ROOT / path).exists() or (name and not defines(path, name))
    ]


def defines(path: str, name: str) -> bool:
    """Whether a file defines a class, a function, a method or, in a .sql file, a query."""
    if path.endswith(".sql"):
        return re.search(rf"^-- name: {name}$", read(path), re.MULTILINE) is not None
    scope: list[ast.stmt] = ast.parse(read(path)).body
    for part in name.split("."):
        found = [node for node in scope if getattr(node, "name", None) == part or part in _assigned(node)]
        if not found:
            return False
        scope = getattr(found[0], "body", [])
    return True


def _assigned(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def told_methods(readme: str) -> list[tuple[str, str]]:
    """The methods in the README's status table, each with its state."""
    return [(cells[0].strip("`"), cells[1]) for cells in rows(section(readme, "Status"))]


def settings() -> dict[str, str]:
    """The service's settings as environment variables, with their defaults."""
    return {
        f"LEDGER_{name.upper()}": "" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }


def told_settings(readme: str) -> dict[str, str]:
    """The variables in the README's table of settings, with their defaults."""
    return {cells[0].strip("`"): cells[1].strip("`") for cells in rows(section(readme, "Settings"))}


def code_words() -> dict[str, set[str]]:
    """The words of each code, under its name as the glossary writes it."""
    classes = inspect.getmembers(codes, lambda each: inspect.isclass(each) and issubclass(each, Code))
    return {
        re.sub(r"(?<!^)([A-Z])", r" \1", name).lower(): {member.value for member in each}
        for name, each in classes
        if each is not Code
    }


def untold_words(glossary: str) -> list[str]:
    """Words of codes that the glossary leaves out."""
    told = {cells[0]: set(re.findall(r"\w+", cells[1])) for cells in rows(section(glossary, "Codes"))}
    return [f"{name}: {word}" for name, words in code_words().items() for word in words - told.get(name, set())]


def commands_of_make(text: str) -> set[str]:
    """The targets of make that a text names, in blocks and in backticks."""
    written = "\n".join([block.text for block in blocks(text) if block.language == "sh"] + code(text))
    return set(re.findall(r"^make ([a-z-]+)", written, re.MULTILINE))


def targets() -> set[str]:
    """The targets that the Makefile has."""
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("path", documents())
def test_every_link_leads_somewhere(path: str) -> None:
    assert broken_links(path, read(path)) == []


@pytest.mark.parametrize("path", documents())
def test_documents_speak_of_the_product_alone(path: str) -> None:
    assert words_of_its_making(read(path)) == []


@pytest.mark.parametrize("path", documents())
def test_every_file_and_function_that_a_document_names_is_there(path: str) -> None:
    assert missing_places(read(path)) == []


@pytest.mark.parametrize("path", documents())
def test_every_command_of_make_that_a_document_names_is_there(path: str) -> None:
    assert commands_of_make(read(path)) - targets() == set()


def test_the_architecture_names_functions() -> None:
    assert len([name for _, name in named_places(read("ARCHITECTURE.md")) if name]) >= 20


def test_the_readme_begins_with_the_two_commands() -> None:
    first = next(block for block in blocks(read("README.md")) if block.language == "sh")
    assert [line.split("#")[0].strip() for line in first.text.splitlines()] == ["make run", "make test"]


def test_the_status_table_lists_every_method_once() -> None:
    told = told_methods(read("README.md"))
    assert sorted(name for name, _ in told) == sorted(methods())
    assert {state for _, state in told} <= set(STATES)


def test_the_settings_table_lists_every_setting_with_its_default() -> None:
    told = told_settings(read("README.md"))
    assert told == {**told, **settings()}
    of_the_command = {str(option.envvar) for option in incident_ledger.params if getattr(option, "envvar", None)}
    assert told.keys() == settings().keys() | of_the_command


def test_the_page_of_limits_lists_each_with_default_and_range() -> None:
    told = {cells[0].strip("`"): cells[1:3] for cells in rows(read("docs/reference/limits.md"))}
    expected = {}
    for name, field in Limits.model_fields.items():
        least = next(each.ge for each in field.metadata if hasattr(each, "ge"))
        most = next(each.le for each in field.metadata if hasattr(each, "le"))
        expected[f"LEDGER_{name.upper()}"] = (f"`{field.default}`", f"{least:,} to {most:,}")
    assert {name: (default, span.split(", less")[0]) for name, (default, span) in told.items()} == expected


def test_the_glossary_has_every_word_of_every_code() -> None:
    assert untold_words(read("docs/glossary.md")) == []


def test_the_decision_records_are_numbered_and_listed() -> None:
    pages = sorted(path for path in documents() if re.fullmatch(r"docs/decisions/\d{4}-.*\.md", path))
    numbers = [PurePosixPath(page).name[:4] for page in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    index = read("docs/decisions/README.md")
    for page, number in zip(pages, numbers, strict=True):
        assert f"({PurePosixPath(page).name})" in index
        text = read(page)
        assert text.startswith(f"# {number} ")
        for part in ("Context", "Decision", "Consequences", "Measured"):
            assert f"**{part}" in text, f"{page} has no part {part}"


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path not in documents():
            continue
        reached.add(path)
        waiting += [file for _, file, _ in links(path, read(path))]
    assert set(documents()) - reached == set()


def test_the_reference_of_faults_names_every_kind() -> None:
    page = read("docs/reference/faults.md")
    assert [kind for kind in Kind if f"\n| {kind} | " not in page] == []


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (lambda text: broken_links("docs/x.md", text), "[a](../LICENSE) [b](https://a.b/c)", "[a](LICENSE)"),
        (lambda text: broken_links("docs/x.md", text), "# A b\n[a](#a-b)", "# A b\n[a](#a-c)"),
        (lambda text: broken_links("x.md", text), "[a](docs/)", "[a](../outside.md)"),
        (words_of_its_making, "A management of agencies.", "Asked by an " + "age" + "nt."),
        (missing_places, "`ledger/errors.py::LedgerError.reason`", "`ledger/errors.py::LedgerError.cause`"),
        (missing_places, "`ledger/persistence/writing.sql::insert`", "`ledger/persistence/writing.sql::delete`"),
        (missing_places, "`ledger/` and `incidents/x`", "`ledger/nowhere.py`"),
        (lambda text: commands_of_make(text) - targets(), "```sh\nmake run\n```", "`make coffee`"),
        (untold_words, read("docs/glossary.md"), read("docs/glossary.md").replace("captured", "taken")),
    ],
)
def test_the_checks_tell_good_from_bad(check: Callable[[str], object], good: str, bad: str) -> None:
    assert not check(good)
    assert check(bad)


def test_the_tables_are_read_as_written() -> None:
    readme = "## Status\n\n| method | state |\n|---|---|\n| `A.B` | works |\n\n## Settings\n\n| `X` | `1` | y |\n"
    assert told_methods(readme) == [("A.B", "works")]
    assert told_settings(readme) == {"X": "1"}
    assert anchors("# A `b`, c!\n```\n# no\n```\n") == {"a-b-c"}
