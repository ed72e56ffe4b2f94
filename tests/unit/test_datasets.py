"""Facts about imports of datasets: files as tables, the register, what is recorded, and what a release changes.
The record here is made of events in memory, as a ledger would number them."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.envelope import Envelope
from ledger.datasets.differences import Change, change_of, change_of_missing, in_scope
from ledger.datasets.entries import Release, Scope, Seen, slug
from ledger.datasets.publication import ACTORS_A_REPORT, actors_reports, release_report
from ledger.datasets.recorded import Recorded
from ledger.datasets.register import Register
from ledger.datasets.survey import Survey, surveyed
from ledger.datasets.table import Row, Table, TableError
from ledger.datasets.ucdp import DATASET
from ledger.domain.actors import ActorRegistered
from ledger.domain.acts import ClaimCorrected, TargetedAct
from ledger.domain.reports import Report
from tests.filing import filed_event
from tests.unit.test_ucdp_dataset import COLUMNS_41, ROW, deaths

FIRST = Release("ucdp-ged", "Test 1", "1" * 64, date(2020, 1, 20))
SECOND = Release("ucdp-ged", "Test 2", "2" * 64, date(2021, 1, 20))


def table(tmp_path: Path, text: str | bytes, name: str = "file.csv") -> Table:
    """A file of this text."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Table(path)


def rows(tmp_path: Path, text: str | bytes) -> list[Row]:
    return list(table(tmp_path, text).rows())


def test_rows_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    assert rows(tmp_path, "B,a\n1,2\n3,4\n") == [Row(2, {"b": "1", "a": "2"}), Row(3, {"b": "3", "a": "4"})]


def test_a_gzipped_file_reads_like_the_plain_one(tmp_path: Path) -> None:
    plain = "a,b\n1,\u00e9\n"
    packed = table(tmp_path, gzip.compress(plain.encode()), "file.csv.gz")
    assert list(packed.rows()) == rows(tmp_path, plain)
    assert packed.digest() == table(tmp_path, plain).digest()


def test_a_mark_of_byte_order_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert rows(tmp_path, "\ufeffa\n1\n") == [Row(2, {"a": "1"})]


def test_a_row_over_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    found = rows(tmp_path, 'a,b\n1,"two\nlines, and a ""word"""\n3,4\n')
    assert [(each.line, each.cells["b"]) for each in found] == [(2, 'two\nlines, and a "word"'), (4, "4")]
    assert [each.line for each in rows(tmp_path, 'a,"b\nc"\n1,2\n')] == [3]


def test_a_row_with_other_cells_than_the_header_is_given_with_its_fault(tmp_path: Path) -> None:
    broken, whole = rows(tmp_path, "a,b\n1\n3,4\n")
    assert (broken.line, broken.fault) == (2, "has 1 cells where the header has 2 columns")
    assert whole.fault == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,a\n1,2\n", "names a twice"),
        (b"a,b\n1,\xff\n", "can't decode"),
        (b'a,b\n1,"two', "line 2: unexpected end of data"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9_000, mtime=0)[:60], "ended before"),
    ],
)
def test_a_file_that_is_no_table_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(TableError, match=why):
        rows(tmp_path, content)


def test_a_file_without_the_columns_of_the_dataset_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"file\.csv is no file of UCDP GED: it has no column best, country"):
        surveyed(DATASET, table(tmp_path, "id,year\n"))


def csv_of(*made: dict[str, Any]) -> str:
    """A file of rows in the older layout."""
    lines = [",".join(COLUMNS_41)]
    for values in made:
        stated = {**ROW, **{name: str(value) for name, value in values.items()}}
        lines.append(",".join(stated.get(column, "") for column in COLUMNS_41))
    return "\n".join(lines) + "\n"


def test_a_survey_tells_rows_scope_and_actors(tmp_path: Path) -> None:
    text = csv_of({}, {"id": 102, "date_start": "2015-01-01", "side_b_new_id": 9, "side_b": "Group C"})
    survey = surveyed(DATASET, table(tmp_path, text))
    assert (survey.rows, survey.keys, survey.whole, survey.refused) == (2, {"101", "102"}, True, {})
    assert survey.scope == Scope(frozenset({"A"}), date(2015, 1, 1), date(2016, 3, 2))
    assert list(survey.actors) == ["118", "4456", "9"]


def test_a_survey_refuses_what_cannot_be_told_apart(tmp_path: Path) -> None:
    survey = surveyed(DATASET, table(tmp_path, csv_of({}, {}, {"id": 102, "country": ""})))
    assert [str(each) for each in survey.refused.values()] == [
        "line 3 (event 101): the row is there a second time; the first one is taken",
        "line 4 (event 102): country: is empty",
    ]
    assert survey.whole
    assert not surveyed(DATASET, table(tmp_path, csv_of({"id": "?"}))).whole


@pytest.mark.parametrize(
    ("text", "made"),
    [("Government of Syria", "government-of-syria"), ("Jaish al-\u1e24aqq!", "jaish-al-haqq"), ("\u0645", "")],
)
def test_names_become_parts_of_ids(text: str, made: str) -> None:
    assert slug(text) == made


def registered(actor_id: str, name: str, *aliases: str, ucdp: str = "") -> ActorRegistered:
    external = ({"scheme": "ucdp", "id": ucdp},) if ucdp else ()
    return ActorRegistered.of(
        actor_id=actor_id, name=name, actor_kind="rebel_group", aliases=aliases, external_ids=external
    )


def newcomers(*seen: Seen, known: tuple[ActorRegistered, ...] = ()) -> tuple[Register, list[str]]:
    register = Register("ucdp")
    for each in known:
        register.take(each)
    return register, [each["actor_id"] for each in register.newcomers(seen)]


def test_an_actor_is_found_by_the_id_of_the_dataset() -> None:
    known = (registered("damascus", "D", ucdp="118"),)
    register, new = newcomers(Seen("118", "Government of Syria", "x"), known=known)
    assert (new, register.actor_ids, register.by_name) == ([], {"118": "damascus"}, [])


def test_an_actor_is_found_by_its_name_or_an_alias_and_that_is_told() -> None:
    seen = Seen("234", "is", "x")
    register, new = newcomers(seen, known=(registered("islamic-state", "Islamic State", "IS"),))
    assert (new, register.actor_ids, register.by_name) == (
        [],
        {"234": "islamic-state"},
        [(seen, "islamic-state")],
    )


def test_an_actor_of_whose_name_there_are_several_is_registered_anew() -> None:
    known = (registered("a", "Group", ucdp="1"), registered("b", "Other", "Group", ucdp="2"))
    register, new = newcomers(Seen("3", "Group", "rebel_group"), known=known)
    assert (new, register.actor_ids["3"]) == (["group"], "group")


def test_two_actors_of_one_name_get_ids_of_their_own() -> None:
    _, new = newcomers(Seen("3", "Group", "x"), Seen("4", "GROUP!", "x"), Seen("5", "\u0645", "x"))
    assert new == ["group", "group-ucdp-4", "ucdp-5"]


class Record:
    """A ledger in memory: numbers the events of reports, and shows them to what reads a dataset's record."""

    def __init__(self) -> None:
        self.events: list[tuple[Envelope, bytes]] = []

    def file(self, report: Report | None) -> None:
        if report is not None:
            filed = filed_event(report)
            self._add(report.report_id, filed.stream, filed.type, filed.to_payload())
            for item in report.claims:
                self._add(report.report_id, self._stream(item), item.type, item.to_payload())

    def redact(self, index: int) -> None:
        self.events[index] = (self.events[index][0], b"")

    def _stream(self, item: Any) -> str:
        if isinstance(item, TargetedAct):
            return next(each.stream for each, _ in self.events if str(each.event_id) == item.target_event_id)
        return str(item.stream)

    def _add(self, report_id: str, stream: str, kind: str, payload: bytes) -> None:
        position = len(self.events) + 1
        at = "2020-01-01T00:00:00.000000Z"
        envelope = Envelope("main", position, stream, 1, UUID(int=position), kind, report_id, at, "r", "0" * 64)
        self.events.append((envelope, payload))

    def said(self) -> Recorded:
        recorded = Recorded(DATASET)
        for event in self.events:
            recorded.take(*event)
        return recorded

    def change(self, made: Any, release: Release = SECOND) -> Change | None:
        return change_of(made, self.said().rows.get("101"), release)


def recorded(*made: Any) -> Record:
    """A record of these entries, each in a release of its own."""
    record = Record()
    for number, each in enumerate(made):
        change = record.change(each, Release("ucdp-ged", f"Before {number}", "0" * 64, date(2020, 1, 20)))
        assert change is not None
        record.file(change.report)
    return record


def test_a_row_that_is_not_recorded_is_its_report() -> None:
    change = Record().change(deaths(1, 2, 0, 0))
    assert change is not None
    assert (change.first, change.new, change.report.report_id) == (True, 3, "ucdp-ged-101")


def test_a_row_that_is_recorded_as_it_is_changes_nothing() -> None:
    made = deaths(1, 2, 3, 4, high=99)
    assert recorded(made).change(made) is None


def test_a_number_that_changed_is_one_correction() -> None:
    change = recorded(deaths(1, 2, 0, 0)).change(deaths(1, 5, 0, 0))
    assert change is not None
    assert (change.first, change.new, change.corrected, change.retracted) == (False, 0, 1, 0)
    assert (change.report.report_id, change.report.reported) == ("ucdp-ged-101:test-2", SECOND.available)
    (act,) = change.report.claims
    assert isinstance(act, ClaimCorrected)
    assert (act.target_event_id, act.replacement.count.stated) == (str(UUID(int=4)), 5)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        (deaths(1, 0, 0, 0), deaths(0, 0, 1, 0), (1, 0, 1)),
        (deaths(1, 0, 0, 0), deaths(0, 2, 0, 0), (0, 1, 0)),
        (deaths(1, 0, 0, 0), deaths(0, 0, 0, 0), (0, 0, 1)),
        (deaths(1, 0, 0, 0), deaths(1, 2, 0, 0), (1, 0, 0)),
        (deaths(1, 2, 0, 0), deaths(1, 2, 0, 0, high=9), (1, 2, 0)),
        (deaths(1, 2, 0, 0), deaths(1, 2, 0, 0, event_clarity=2), (0, 3, 0)),
        (deaths(1, 2, 0, 0), deaths(1, 2, 0, 0, country="B"), (0, 3, 0)),
    ],
)
def test_what_changed_is_new_corrected_or_retracted(before: Any, after: Any, counted: tuple[int, int, int]) -> None:
    change = recorded(before).change(after)
    assert change is not None
    assert (change.new, change.corrected, change.retracted) == counted


def test_what_a_later_release_says_is_what_the_next_is_compared_with() -> None:
    record = recorded(deaths(1, 2, 0, 0), deaths(3, 0, 4, 0), deaths(3, 0, 4, 0, country="B"))
    assert record.change(deaths(3, 0, 4, 0, country="B")) is None
    assert record.change(deaths(1, 2, 0, 0)) is not None


def test_what_others_say_of_a_row_is_not_what_the_dataset_says() -> None:
    record = recorded(deaths(1, 0, 0, 0))
    replacement = {**deaths(7, 0, 0, 0).document["claims"][1]}
    act = {
        "type": "ClaimCorrected",
        "target_event_id": str(UUID(int=3)),
        "reason": "a",
        "replacement": replacement,
    }
    for report_id in ("an-analyst", "ucdp-ged", "ucdp-ged-1", "ucdp-ged-1011"):
        filing = {"report_id": report_id, "source": {"name": "x"}, "reported": "2020-01-01"}
        record.file(Report.model_validate({**filing, "claims": [act]}))
    assert record.change(deaths(1, 0, 0, 0)) is None


def test_a_row_of_which_a_part_is_redacted_is_known_as_such() -> None:
    record = recorded(deaths(1, 0, 0, 0))
    assert not record.said().rows["101"].redacted
    record.redact(2)
    assert record.said().rows["101"].redacted


def test_a_row_that_is_gone_is_retracted_and_can_come_back() -> None:
    record = recorded(deaths(1, 2, 0, 0))
    gone = change_of_missing(DATASET, "101", record.said().rows["101"], SECOND)
    assert (gone.gone, gone.retracted, {each.type for each in gone.report.claims}) == (True, 3, {"ClaimRetracted"})
    record.file(gone.report)
    assert list(record.said().standing()) == []
    third = Release("ucdp-ged", "Test 3", "3" * 64, date(2022, 1, 20))
    back = record.change(deaths(1, 2, 0, 0), third)
    assert back is not None
    assert (back.first, back.new, back.report.report_id) == (False, 3, "ucdp-ged-101:test-3")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(frozenset({"A"}), date(2016, 1, 1), date(2016, 12, 31)), ["101"]),
        (Scope(frozenset({"B"}), date(2016, 1, 1), date(2016, 12, 31)), []),
        (Scope(frozenset({"A"}), date(2016, 3, 2), date(2016, 12, 31)), []),
        (Scope(frozenset({"A"}), date(2016, 1, 1), date(2016, 3, 1)), []),
    ],
)
def test_a_row_is_expected_only_of_a_release_that_speaks_of_its_country_and_days(
    scope: Scope, expected: list[str]
) -> None:
    said = recorded(deaths(1, 2, 0, 0)).said()
    assert [key for key, _ in in_scope(said.standing(), scope)] == expected


def test_a_release_is_on_record_by_name_digest_and_day() -> None:
    record = Record()
    scope = Scope(frozenset({"A"}), date(2016, 3, 1), date(2016, 3, 2))
    record.file(release_report(DATASET, FIRST, Survey(FIRST.sha256, 1, {"101"}, scope)))
    ((report_id, on_record),) = record.said().releases.items()
    assert report_id == FIRST.report_id == "ucdp-ged:release:test-1"
    assert (on_record.position, on_record.sha256, on_record.available) == (1, FIRST.sha256, FIRST.available)


def test_what_is_left_of_the_actors_is_reported_under_the_ids_that_it_had() -> None:
    register = Register("ucdp")
    seen = [Seen(str(number), f"Group {number}", "rebel_group") for number in range(2 * ACTORS_A_REPORT + 1)]
    actors = register.newcomers(seen)
    whole = list(actors_reports(DATASET, FIRST, actors))
    assert [len(each.claims) for each in whole] == [ACTORS_A_REPORT, ACTORS_A_REPORT, 1]
    assert list(actors_reports(DATASET, FIRST, actors[ACTORS_A_REPORT:])) == whole[1:]


numbers = st.integers(0, 3)
made_entries = st.builds(
    lambda by_class, high, clarity, country, precision: deaths(
        *by_class, high=sum(by_class) + high, event_clarity=clarity, country=country, where_prec=precision
    ),
    st.tuples(numbers, numbers, numbers, numbers),
    st.integers(0, 1),
    st.sampled_from([1, 2]),
    st.sampled_from(["A", "B"]),
    st.sampled_from([1, 4]),
)


@given(st.lists(made_entries, min_size=1, max_size=5))
def test_after_any_course_of_releases_the_record_says_what_the_last_one_says(course: list[Any]) -> None:
    record = Record()
    for number, made in enumerate(course):
        release = Release("ucdp-ged", f"Test {number}", f"{number}" * 64, date(2020, 1, 20))
        change = record.change(made, release)
        record.file(change.report if change else None)
        assert record.change(made, release) is None
    said = record.said().rows["101"]
    assert len(said.claims) == len(course[-1].document["claims"])
