"""Reads the project's documents: blocks of code, tables, links, headings, and what stands in backticks.
It judges nothing; the tests beside it and the README's own test do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.repository.checkout import read, tracked_files

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
ABROAD = re.compile(r"^[a-z][a-z+.-]*:")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    text: str


def documents() -> list[str]:
    """The Markdown files of the checkout."""
    return [path for path in tracked_files() if path.endswith(".md")]


def blocks(text: str) -> list[Block]:
    """The fenced blocks, without their indent."""
    found = []
    for match in FENCE.finditer(text):
        indent = len(match["indent"])
        lines = (line[indent:] for line in match["text"].splitlines())
        found.append(Block(match["language"], "\n".join(lines)))
    return found


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return FENCE.sub("", text)


def code(text: str) -> list[str]:
    """What stands in backticks, outside of fenced blocks."""
    return CODE.findall(prose(text))


def section(text: str, heading: str) -> str:
    """What follows a heading, up to the next one of any level."""
    _, found, rest = text.partition(f"# {heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a text, without headings and rules."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if not line.startswith("|") or re.fullmatch(r"[|\s:-]+", line):
            continue
        heads_a_table = index + 1 < len(lines) and re.fullmatch(r"\|[|\s:-]+", lines[index + 1])
        if not heads_a_table:
            found.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return found


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a text have."""
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in HEADING.findall(prose(text)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def links(path: str, text: str) -> Iterator[tuple[str, str, str]]:
    """The links of a document into the checkout: as written, the file that is meant, and the anchor."""
    for match in LINK.finditer(prose(text)):
        target = match["target"]
        if not ABROAD.match(target):
            file, _, anchor = target.partition("#")
            yield target, _joined(path, file) if file else path, anchor


def broken_links(path: str, text: str) -> list[str]:
    """The links of a document that lead nowhere."""
    files = {path, *tracked_files()}
    folders = {str(parent) for file in files for parent in PurePosixPath(file).parents}
    found = []
    for written, file, anchor in links(path, text):
        if file not in files | folders:
            found.append(f"{path}: {written}: there is no {file}")
        elif anchor and anchor not in anchors(text if file == path else read(file)):
            found.append(f"{path}: {written}: there is no heading for {anchor}")
    return found


def _joined(path: str, file: str) -> str:
    parts: list[str] = []
    for part in (*PurePosixPath(path).parent.parts, *PurePosixPath(file).parts):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."
