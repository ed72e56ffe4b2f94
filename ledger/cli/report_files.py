"""Report files: read, checked against the domain, every fault with its file, line, column and path.
Nothing is repaired here, and a file with a fault gives no report at all."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ledger.api.violations import violations_of
from ledger.cli.documents import Document, Flaw, Spot, documents_in
from ledger.domain.reports import Report

MAX_FILE_BYTES = 32 * 1024 * 1024
SUFFIXES = (".yaml", ".yml", ".json", ".jsonl")
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Fault:
    """What is wrong in a file, and where."""

    file: str
    flaw: Flaw

    def __str__(self) -> str:
        """As compilers write it, so that editors find the place: `file:line:column path: sentence`."""
        at = f"{self.file}:{self.flaw.spot.line}:{self.flaw.spot.column}"
        path = f" {self.flaw.path}" if self.flaw.path else ""
        return f"{at}{path}: {self.flaw.description}"


@dataclass
class ReportFile:
    """The reports of a file, or its faults."""

    name: str
    reports: list[Report] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_report_files(names: Iterable[str]) -> Iterator[ReportFile]:
    """Reads and checks the files one by one; `-` is standard input."""
    for name in names:
        yield checked("standard input" if name == STANDARD_INPUT else name, _bytes_of(name))


def report_files_in(directory: Path) -> list[str]:
    """The report files of a folder, by name."""
    found = (path for path in directory.iterdir() if path.suffix in SUFFIXES and path.is_file())
    return [str(path) for path in sorted(found)]


def checked(name: str, content: bytes) -> ReportFile:
    """The reports that a file's bytes hold, or every fault of them."""
    file = ReportFile(name)
    if len(content) > MAX_FILE_BYTES:
        _add(file, f"is larger than {MAX_FILE_BYTES // 2**20} MiB; split it into several files")
        return file
    try:
        documents = documents_in(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        _add(file, f"is not UTF-8 (byte {error.start}); save it as UTF-8")
        return file
    if not documents:
        _add(file, "holds no report")
    for document in documents:
        report, flaws = _report_of(document)
        file.faults += [Fault(name, flaw) for flaw in flaws]
        if report is not None:
            file.reports.append(report)
    if file.faults:
        file.reports = []
    return file


def _add(file: ReportFile, description: str) -> None:
    file.faults.append(Fault(file.name, Flaw(Spot(1, 1), "", description)))


def _bytes_of(name: str) -> bytes:
    """At most one byte more than is allowed, so that the check sees it."""
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    with Path(name).open("rb") as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def _report_of(document: Document) -> tuple[Report | None, list[Flaw]]:
    """The report of a document with its flaws in order of their lines."""
    if document.flaws:
        return None, document.flaws
    if not isinstance(document.value, dict):
        return None, [Flaw(document.spot_of(""), "", "is not a report; give its fields: report_id, source, …")]
    try:
        return Report.model_validate(document.value), []
    except ValidationError as error:
        flaws = [_placed(document, each.field, each.description) for each in violations_of(error)]
        return None, sorted(flaws, key=lambda flaw: (flaw.spot.line, flaw.spot.column))


def _placed(document: Document, path: str, description: str) -> Flaw:
    """An unknown field is shown at its name, everything else at its value or at what should hold it."""
    if "not a field here" in description:
        return Flaw(document.spot_of_key(path), path, description)
    stated = f"{path}.type" if "unknown type" in description else path
    return Flaw(document.spot_of(stated), path, description)
