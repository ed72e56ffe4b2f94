"""Facts about report files: what is read, and how a fault is shown at its place."""

from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.documents import Spot, documents_in
from ledger.cli.report_files import MAX_FILE_BYTES, checked, read_report_files, report_files_in
from ledger.domain.reports import Report

GOOD = """\
report_id: report-1
source: {name: Outlet}
reported: 2020-02-12
claims:
  - type: TroopsKilled
    incident_id: idlib-2020-02-10
    victim_party: turkey
    occurred: {start: 2020-02-10, precision: day}
    count:
      qualifier: exact
      stated: 5
"""


def faults(text: str) -> list[str]:
    """The faults of a file of this text, as a person sees them."""
    return [str(fault) for fault in checked("file.yaml", text.encode()).faults]


def values(text: str) -> list[Any]:
    """The values of the documents of a text."""
    return [document.value for document in documents_in(text)]


def test_a_report_is_read() -> None:
    file = checked("file.yaml", GOOD.encode())
    assert file.faults == []
    (report,) = file.reports
    assert isinstance(report, Report)
    assert (report.report_id, report.reported, len(report.claims)) == ("report-1", date(2020, 2, 12), 1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("stated: 5", "stated: -5", "file.yaml:11:15 claims[0].count.stated: is -5; a count cannot be negative"),
        (
            "qualifier: exact",
            "qualifier: exactly",
            "file.yaml:10:18 claims[0].count.qualifier: is `exactly`; give one of exact, at_least, more_than, "
            "at_most, less_than, about, between, vague, unknown",
        ),
        (
            "    count:",
            "    colour: blue\n    count:",
            "file.yaml:9:5 claims[0].colour: is not a field here; correct its name or leave it out",
        ),
        (
            "type: TroopsKilled",
            "type: TroopsKiled",
            "file.yaml:5:11 claims[0]: is of the unknown type `TroopsKiled`; is TroopsKilled meant?",
        ),
        (
            "{start: 2020-02-10, precision: day}",
            "{start: 2020-02-10, end: 2020-02-01, precision: days}",
            "file.yaml:8:15 claims[0].occurred: ends on 2020-02-01, before it starts on 2020-02-10; exchange start "
            "and end",
        ),
        (
            "start: 2020-02-10",
            "start: 2020-02-30",
            "file.yaml:8:23 claims[0].occurred.start: is `2020-02-30`, which is not a date (day value is outside "
            "expected range); write it as YYYY-MM-DD",
        ),
        ("    victim_party: turkey\n", "", "file.yaml:5:5 claims[0].victim_party: is required and missing"),
        (
            "    victim_party: turkey\n",
            "    victim_party: turkey\n    victim_party: russia\n",
            "file.yaml:8:5 claims[0].victim_party: is given twice; keep one",
        ),
        (
            "name: Outlet",
            "name: 12",
            "file.yaml:2:16 source.name: is `12`; give a text (in quotes where it looks like a number)",
        ),
        (
            "claims:",
            "claims: !!set",
            "file.yaml:4:9 claims: has the tag tag:yaml.org,2002:set; write the value without it",
        ),
    ],
)
def test_a_fault_is_shown_at_its_line_and_column(old: str, new: str, told: str) -> None:
    assert old in GOOD
    assert faults(GOOD.replace(old, new)) == [told]


def test_every_fault_is_told_in_order_of_lines() -> None:
    found = faults(GOOD.replace("stated: 5", "stated: -5").replace("report-1", "Report 1"))
    assert [fault.split(" ")[0] for fault in found] == ["file.yaml:1:12", "file.yaml:11:15"]


def test_a_file_with_a_fault_gives_no_report_at_all() -> None:
    file = checked("file.yaml", f"{GOOD}---\nreport_id: second\n".encode())
    assert file.faults
    assert file.reports == []


@pytest.mark.parametrize(
    "text",
    [
        f"{GOOD}---\n{GOOD.replace('report-1', 'report-2')}",
        '[{"report_id": "report-1"}, {"report_id": "report-2"}]',
        '{"report_id": "report-1"}\n\n{"report_id": "report-2"}\n',
        "- report_id: report-1\n- report_id: report-2\n",
    ],
    ids=["yaml documents", "json list", "json lines", "yaml list"],
)
def test_a_file_holds_several_reports(text: str) -> None:
    assert [value["report_id"] for value in values(text)] == ["report-1", "report-2"]


def test_a_fault_in_json_lines_is_shown_at_its_line() -> None:
    (first, second) = documents_in('{"a": 1}\n{"a": 1, "b": [1, 2]}\n')
    assert (first.spot_of("a"), second.spot_of("b[1]"), second.spot_of_key("b")) == (
        Spot(1, 7),
        Spot(2, 19),
        Spot(2, 10),
    )


@pytest.mark.parametrize("end", ["\u0085", "\u2028", "\u2029"], ids=["next line", "line", "paragraph"])
def test_what_is_no_end_of_a_line_in_json_stays_in_its_string(end: str) -> None:
    line = f'{{"a": "x{end} y"}}'
    assert values(f'{line}\r\n{{"a": "z"}}\r\n') == [{"a": f"x{end} y"}, {"a": "z"}]
    assert values(line) == [{"a": f"x{end} y"}]


@pytest.mark.parametrize(
    ("number", "told"),
    [("9" * 5000, "is a number of more than 1000 digits"), ("9" * 500, "count"), ("9" * 20, "count")],
    ids=["5000 digits", "500 digits", "20 digits"],
)
def test_a_number_that_is_too_long_is_told_at_its_place(number: str, told: str) -> None:
    (fault,) = faults(GOOD.replace("stated: 5", f"stated: {number}"))
    assert fault.startswith("file.yaml:11:15 claims[0].count.stated: ")
    assert told in fault


def test_json_is_read_with_its_escapes_and_tabs() -> None:
    assert values('{"a": "\\ud83d\\ude00 \\/ \\u00e9 \\\\ud83d",\n\t"b": [1,\n\t2.5, 1e3, null, true]}') == [
        {"a": "😀 / é \\ud83d", "b": [1, 2.5, 1000.0, None, True]}
    ]


def test_what_only_looks_like_a_number_or_a_boolean_stays_text() -> None:
    assert values("[010, 1_000, 46:10, yes, no, on, 0x10, .5, 2020-02-30]") == [
        "010", "1_000", "46:10", "yes", "no", "on", "0x10", ".5", "2020-02-30"
    ]  # fmt: skip


def test_days_and_moments_are_what_they_say() -> None:
    assert values("a: 2020-02-12\nb: 2020-02-12T10:30:00Z\nc: '2020-02-12'") == [
        {"a": date(2020, 2, 12), "b": datetime(2020, 2, 12, 10, 30, tzinfo=UTC), "c": "2020-02-12"}
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: [1", "f:2:1: is not YAML or JSON: did not find expected ',' or ']'"),
        (b"\xff\xfe", "f:1:1: is not UTF-8 (byte 0); save it as UTF-8"),
        (b"", "f:1:1: holds no report"),
        (b"# nothing\n", "f:1:1: holds no report"),
        (b"just words", "f:1:1: is not a report; give its fields: report_id, source, …"),
        (
            b"a: \x00",
            "f:1:1: is not YAML or JSON: unacceptable character #x0000: control characters are not allowed",
        ),
        (b"x" * (MAX_FILE_BYTES + 1), "f:1:1: is larger than 32 MiB; split it into several files"),
    ],
)
def test_what_is_no_report_file_is_told(content: bytes, told: str) -> None:
    assert [str(fault) for fault in checked("f", content).faults] == [told]


def test_a_text_that_grows_when_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.cli.documents.MAX_VALUES", 10_000)
    letters = "abcdefghij"
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in pairwise(letters)
    )
    (fault,) = faults(bomb)
    assert "nested too deeply or too large" in fault


def test_a_text_nested_too_deeply_is_refused() -> None:
    (fault,) = faults("[" * 60 + "]" * 60)
    assert "nested too deeply or too large" in fault


def test_the_report_files_of_a_folder_are_those_in_it_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.json", "c.txt", "deeper/d.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(GOOD)
    assert [Path(name).name for name in report_files_in(tmp_path)] == ["a.json", "b.yaml"]


def test_standard_input_is_a_file_like_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(GOOD.replace("stated: 5", "stated: -5"))
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        (file,) = read_report_files(["-"])
    assert str(file.faults[0]).startswith("standard input:11:15 claims[0].count.stated")
