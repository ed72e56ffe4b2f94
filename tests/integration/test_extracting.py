"""What the database extracts from payloads, against a reference in plain Python that decodes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from pydantic import ValidationError

from ledger.domain.reports import ReportFiled, event_from_payload
from ledger.persistence.records import StoredRecord
from projections.engine.batches import sent
from projections.history import NewTypes, ReadModel
from projections.service import READ_MODELS
from projections.threats import THREATS
from tests.extracted import ADDED, MORE_COUNTS, Row, acled_number, claims, common_columns
from tests.golden.examples import COMPLETE, MINIMAL
from tests.histories import CLAIMS, record
from tests.postgres import Database

EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCHEMA = "ledger_main_extracted_g1"

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner_url) as own:
        yield own


def recorded(contents: list[Any]) -> list[StoredRecord]:
    """Claims as the ledger would number them."""
    return [
        replace(record(position, claim.type, "r1", **claim.model_dump(exclude={"type"})), topic=claim.type)
        for position, claim in enumerate(contents, 1)
    ]


def taken(
    connection: Connection, model: ReadModel, records: list[StoredRecord], table: str = "claims"
) -> list[Row]:
    """The rows of a table after these records, in order."""
    connection.rollback()
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    model.create(connection, SCHEMA)
    model.fold(connection, SCHEMA, sent(records), complete=False)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM {SCHEMA}.{table} ORDER BY position").fetchall()


def expected(model: ReadModel, records: list[StoredRecord]) -> list[Row]:
    """The rows by the reference."""
    rows = []
    for each in records:
        if each.topic in model.claim_types:
            claim = event_from_payload(each.topic, each.state)
            rows.append(common_columns(claim, each) | ADDED[model.name](claim))
    return rows


@pytest.mark.parametrize("model", READ_MODELS, ids=lambda model: model.name)
def test_every_type_of_claim_is_extracted_as_it_reads(connection: Connection, model: ReadModel) -> None:
    records = recorded([of[name] for name in sorted(CLAIMS) for of in (COMPLETE, MINIMAL)])
    assert taken(connection, model, records) == expected(model, records)


@given(contents=st.lists(claims(), min_size=1, max_size=12), model=st.sampled_from(READ_MODELS))
@EXAMPLES
def test_any_claim_is_extracted_as_it_reads(connection: Connection, contents: list[Any], model: ReadModel) -> None:
    records = recorded(contents)
    assert taken(connection, model, records) == expected(model, records)


def test_what_is_not_taken_is_only_remembered(connection: Connection) -> None:
    records = recorded([COMPLETE["TroopsKilled"], COMPLETE["ThreatIssued"]])
    rows = taken(connection, THREATS, records, "other_claims")
    assert [(row["event_id"], row["stream"]) for row in rows] == [(records[0].event_id, records[0].stream)]


@pytest.mark.parametrize("of", [COMPLETE, MINIMAL], ids=["complete", "minimal"])
@pytest.mark.parametrize("reported", ["2020-02-12", "2020-02-12T01:00:00+03:00", "2020-02-12T23:30:00.5Z"])
def test_a_report_is_extracted_as_it_reads(connection: Connection, of: Any, reported: str) -> None:
    content = of["ReportFiled"].model_dump(exclude={"type"}) | {"reported": reported}
    filed: Any = ReportFiled.of(**content)
    (row,) = taken(connection, THREATS, [record(1, "ReportFiled", filed.report_id, **content)], "reports")
    assert row["report_id"] == filed.report_id
    assert (row["source"], row["reliability"]) == (filed.source.name, filed.source.reliability)
    assert (row["reported"].isoformat(), row["reported_at"]) == (filed.reported_day, filed.reported.isoformat())
    assert (row["title"], row["source_count"]) == (filed.title, filed.source_count)
    assert row["source_ids"] == ([each.model_dump() for each in filed.source.external_ids] or None)
    assert (row["held_from"], row["held_to"]) == (1, None)


@pytest.mark.parametrize("model", READ_MODELS, ids=lambda model: model.name)
def test_what_is_extracted_is_what_the_table_holds(connection: Connection, model: ReadModel) -> None:
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    model.create(connection, SCHEMA)
    connection.execute(f"ALTER TABLE {SCHEMA}.claims ADD COLUMN more text")
    with pytest.raises(ValueError, match="is not what `claims` holds"):
        model._extraction.check(connection)


@pytest.mark.parametrize(
    ("count", "number"),
    [
        ({"qualifier": "exact", "stated": 7}, 7),
        ({"qualifier": "more_than", "stated": 1800}, 1801),
        ({"qualifier": "about", "stated": 200}, 200),
        ({"qualifier": "between", "low": 10, "best": 15, "high": 20}, 10),
        ({"qualifier": "at_most", "stated": 9}, 0),
        ({"qualifier": "vague", "words": "Several dozens"}, 12),
        ({"qualifier": "vague", "words": "several people"}, 10),
        ({"qualifier": "vague", "words": "hundreds"}, 100),
        ({"qualifier": "vague", "words": "an untold number"}, 0),
        ({"qualifier": "unknown"}, 0),
    ],
)
def test_acled_gives_every_count_one_number(count: Row, number: int) -> None:
    assert acled_number(COMPLETE["TroopsKilled"].of(**_killed(count)).count) == number  # type: ignore[attr-defined]


def _killed(count: Any) -> Row:
    return {"incident_id": "idlib", "victim_party": "turkey", "count": count, "occurred": "2020-02-10"}


def test_new_types_halt_unless_the_read_model_says_otherwise(connection: Connection) -> None:
    unknown = replace(recorded([COMPLETE["ThreatIssued"]])[0], topic="DroneSighted")
    with pytest.raises(Exception, match="DroneSighted is a type of event that this version does not know"):
        taken(connection, THREATS, [unknown])
    assert taken(connection, replace(THREATS, new_types=NewTypes.SKIP), [unknown]) == []
    redacted = replace(unknown, state=b"", redacted=True)
    skipping = replace(THREATS, new_types=NewTypes.SKIP)
    assert taken(connection, skipping, [redacted], "redacted_acts") == []
    with pytest.raises(Exception, match="DroneSighted"):
        taken(connection, THREATS, [redacted])


UNFIT = {
    "another type": ("ThreatIssued", {"type": "ThreatWithdrawn"}),
    "a newer layout": ("ThreatIssued", {"schema_version": 2}),
    "an unknown grade": ("ThreatIssued", {"verification": "certain"}),
    "an unknown number's word": ("ThreatIssued", {"credibility": "certain"}),
    "an unknown kind": ("ThreatIssued", {"kind_of_violence": "unknown"}),
    "an unknown clarity": ("ThreatIssued", {"clarity": "foggy"}),
    "an unknown precision": ("ThreatIssued", {"place": {"name": "Idlib", "precision": "somewhere"}}),
    "no day": ("ThreatIssued", {"occurred": None}),
    "a filing of a newer layout": ("ReportFiled", {"schema_version": 2}),
    "a filing of no day": ("ReportFiled", {"reported": None}),
    "a filing of nobody": ("ReportFiled", {"source": {}}),
}


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a batch"])
@pytest.mark.parametrize("unfit", UNFIT, ids=str)
def test_what_does_not_fit_is_refused_however_it_is_cut(connection: Connection, unfit: str, alone: bool) -> None:
    kind, changes = UNFIT[unfit]
    content = json.loads(COMPLETE[kind].to_payload()) | changes
    payload = json.dumps({name: value for name, value in content.items() if value is not None}).encode()
    sound, other = recorded([COMPLETE["ThreatIssued"], COMPLETE["ThreatIssued"]])
    wrong = replace(other, topic=kind, state=payload)
    told = ValidationError if alone else psycopg.errors.NotNullViolation
    with pytest.raises(told):
        taken(connection, THREATS, [wrong] if alone else [sound, wrong])


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a batch"])
def test_what_the_database_can_take_is_taken_however_it_is_cut(connection: Connection, alone: bool) -> None:
    first, second = recorded([COMPLETE["ThreatIssued"], COMPLETE["ThreatIssued"]])
    more = replace(second, state=second.state.replace(b'{"type"', b'{"mood":"grim","type"'))
    assert len(taken(connection, THREATS, [more] if alone else [first, more])) == (1 if alone else 2)


def test_the_counts_of_the_examples_are_of_every_qualifier() -> None:
    qualifiers = {each["qualifier"] for each in MORE_COUNTS if isinstance(each, dict)}
    assert qualifiers >= {"exact", "at_least", "more_than", "at_most", "less_than", "about", "between", "vague"}
