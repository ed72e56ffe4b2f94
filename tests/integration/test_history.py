"""The history on a real database: its tables against the definitions, for random histories in random batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.reports import event_from_payload
from ledger.persistence.queries import Queries
from ledger.persistence.records import StoredRecord
from projections.engine.batches import sent
from projections.history import ReadModel
from tests.histories import (
    CLAIMS,
    Expected,
    event_id,
    expected_claims,
    expected_latest_day,
    histories,
    record,
    redacted,
)
from tests.postgres import Database

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CASUALTIES = ReadModel("casualties", 1, None, frozenset({"TroopsKilled", "CiviliansKilled", "TollClaimed"}))
EVERYTHING = ReadModel("everything", 1, None, CLAIMS)
MODELS = st.sampled_from((CASUALTIES, EVERYTHING))
SCHEMA = "ledger_main_history_g1"

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.owner_url) as own:
        yield own


class Tables:
    """A generation in a transaction that is rolled back."""

    def __init__(self, connection: Connection, model: ReadModel, records: Sequence[StoredRecord] = ()) -> None:
        self.connection = connection
        self.model = model
        connection.rollback()
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        model.create(connection, SCHEMA)
        model.complete(connection, SCHEMA, 0)
        self.take(records)

    def take(self, records: Sequence[StoredRecord], size: int = 1_000) -> None:
        for start in range(0, len(records), size):
            batch = sent(records[start : start + size])
            self.model.fold(self.connection, SCHEMA, batch, complete=True)

    def digest(self) -> bytes:
        return self.model.digest(self.connection, SCHEMA)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values).fetchall()

    def claims(self, position: int) -> dict[UUID, Expected]:
        """The claims as of a position, as the tables have them."""
        held = self.rows(
            """SELECT event_id, form_event_id, incident_id, preferred_position, type, body::text, verification,
                      credibility, preferred
                 FROM claims WHERE held_from <= %s AND (held_to IS NULL OR held_to > %s)""",
            position,
            position,
        )
        found = {}
        for key, form, incident, preferred, kind, body, verification, credibility, is_preferred in held:
            content: Any = event_from_payload(kind, body.encode())
            assert (content.verification.value, content.credibility and content.credibility.code) == (
                verification,
                credibility,
            )
            assert is_preferred == (preferred is not None)
            assert key not in found, "two forms of a claim hold at once"
            found[key] = Expected(form, incident, preferred, content)
        return found

    def everything(self) -> dict[str, set[str]]:
        tables = (
            *("claims", "other_claims", "redacted_claims", "redacted_acts"),
            *("reports", "acts", "merges", "actors"),
        )
        return {table: {row for (row,) in self.rows(f"SELECT t::text FROM {table} t")} for table in tables}


@given(records=histories(), model=MODELS, size=st.integers(1, 5))
@EXAMPLES
def test_batches_make_no_difference(
    connection: Connection, records: list[StoredRecord], model: ReadModel, size: int
) -> None:
    whole = Tables(connection, model, records)
    expected, digest = whole.everything(), whole.digest()
    parts = Tables(connection, model)
    parts.take(records, size)
    assert parts.everything() == expected
    assert parts.digest() == digest


@given(records=histories(), model=MODELS)
@EXAMPLES
def test_claims_read_as_of_every_position_as_defined(
    connection: Connection, records: list[StoredRecord], model: ReadModel
) -> None:
    tables = Tables(connection, model, records)
    for position in range(len(records) + 1):
        assert tables.claims(position) == expected_claims(records[:position], model.claim_types), position


@given(records=histories(), model=MODELS, cut=st.integers(0, 30))
@EXAMPLES
def test_later_events_leave_the_past_as_it_was(
    connection: Connection, records: list[StoredRecord], model: ReadModel, cut: int
) -> None:
    cut = min(cut, len(records))
    tables = Tables(connection, model, records[:cut])
    held = "held_from <= %s AND (held_to IS NULL OR held_to > %s)"
    # What ends a row is news of later; all else in it is not.
    queries = [
        f"SELECT (to_jsonb(t) - 'held_to' - 'why_ended')::text FROM {table} t WHERE {held}"
        for table in ("claims", "reports", "acts", "merges", "actors")
    ]
    before = [{row for (row,) in tables.rows(query, each, each)} for each in range(cut + 1) for query in queries]
    tables.take(records[cut:])
    after = [{row for (row,) in tables.rows(query, each, each)} for each in range(cut + 1) for query in queries]
    assert after == before


@given(records=histories(redactions=True), model=MODELS, size=st.integers(1, 5))
@EXAMPLES
def test_a_redaction_ends_where_a_rebuild_begins(
    connection: Connection, records: list[StoredRecord], model: ReadModel, size: int
) -> None:
    live = Tables(connection, model)
    live.take(records, size)
    expected = live.everything()
    rebuilt = Tables(connection, model, redacted(records))
    assert rebuilt.everything() == expected
    last = len(records)
    assert rebuilt.claims(last) == expected_claims(redacted(records), model.claim_types)
    left = rebuilt.rows("SELECT event_id, position, type, stream FROM redacted_claims ORDER BY position")
    gone = [each for each in redacted(records) if each.redacted and each.topic in model.claim_types]
    assert left == [(each.event_id, each.position, each.topic, each.stream) for each in gone]
    left = rebuilt.rows("SELECT event_id, position, type, stream FROM redacted_acts ORDER BY position")
    gone = [each for each in redacted(records) if each.redacted and each.topic not in CLAIMS | {"ReportFiled"}]
    assert left == [(each.event_id, each.position, each.topic, each.stream) for each in gone]


def report(position: int, reported: str = "2020-02-12") -> StoredRecord:
    source = {"name": "Reuters", "reliability": "b"}
    content = {"report_id": f"r{position}", "source": source, "reported": reported, "claim_count": 1}
    return record(position, "ReportFiled", f"r{position}", **content)


def killed(position: int, count: int = 5, incident: str = "idlib", report_id: str = "r1") -> StoredRecord:
    content = {"incident_id": incident, "victim_party": "turkey", "count": count, "occurred": "2020-02-10"}
    return record(position, "TroopsKilled", report_id, **content)


def act(position: int, kind: str, **content: Any) -> StoredRecord:
    return record(position, kind, "r1", **content)


def corrected(position: int, target: int, count: int) -> StoredRecord:
    replacement = {"type": "TroopsKilled", "incident_id": "idlib", "victim_party": "turkey", "count": count}
    return act(
        position,
        "ClaimCorrected",
        target_event_id=str(event_id(target)),
        reason="a misprint",
        replacement={**replacement, "occurred": "2020-02-10"},
    )


def retracted(position: int, target: int) -> StoredRecord:
    return act(position, "ClaimRetracted", target_event_id=str(event_id(target)), reason="error")


COURSE = "SELECT held_from, held_to, why_ended, (body -> 'count' ->> 'stated')::int FROM claims ORDER BY held_from"


def test_correcting_and_undoing_is_the_identity_on_the_content(connection: Connection) -> None:
    tables = Tables(connection, CASUALTIES, [report(1), killed(2), corrected(3, 2, 7), retracted(4, 3)])
    assert tables.rows(COURSE) == [(2, 3, "corrected", 5), (3, 4, "undone", 7), (4, None, None, 5)]
    content = "SELECT to_jsonb(t) - 'held_from' - 'held_to' - 'why_ended' FROM claims t WHERE held_from IN (2, 4)"
    (first,), (last,) = tables.rows(content)
    assert first == last


def test_a_retraction_can_be_undone(connection: Connection) -> None:
    tables = Tables(connection, CASUALTIES, [report(1), killed(2), retracted(3, 2), retracted(5, 3)])
    assert tables.rows(COURSE) == [(2, 3, "retracted", 5), (5, None, None, 5)]


def test_undoing_an_undoing_restores_the_act(connection: Connection) -> None:
    undoings = [retracted(position, position - 1) for position in (4, 5, 6)]
    tables = Tables(connection, CASUALTIES, [report(1), killed(2), corrected(3, 2, 7), *undoings])
    counts = "SELECT held_from, (body -> 'count' ->> 'stated')::int FROM claims ORDER BY held_from"
    assert tables.rows(counts) == [(2, 5), (3, 7), (4, 5), (5, 7), (6, 5)]
    stood = "SELECT held_from, held_to FROM acts WHERE position = 3 ORDER BY held_from"
    assert tables.rows(stood) == [(3, 4), (5, 6)]


def test_an_assessment_outlasts_a_correction(connection: Connection) -> None:
    assessed = act(3, "ClaimAssessed", target_event_id=str(event_id(2)), verification="fair")
    tables = Tables(connection, CASUALTIES, [report(1), killed(2), assessed, corrected(4, 2, 7)])
    tables.take([act(5, "ClaimAssessed", target_event_id=str(event_id(2)), verification="fair")])
    query = "SELECT held_from, verification, body ->> 'verification', why_ended FROM claims ORDER BY 1"
    assert tables.rows(query) == [
        (2, "reported", None, "assessed"),
        (3, "fair", "fair", "corrected"),
        (4, "fair", "fair", None),  # saying the same again makes no new form
    ]


def test_the_latest_registration_that_stands_names_an_actor(connection: Connection) -> None:
    names = [(2, "Turkish forces"), (3, "Türkiye")]
    registered = [act(at, "ActorRegistered", actor_id="turkey", name=name, actor_kind=1) for at, name in names]
    tables = Tables(connection, CASUALTIES, [report(1), *registered, retracted(4, 3)])
    assert tables.rows("SELECT name, held_from, held_to FROM actors ORDER BY held_from") == [
        ("Turkish forces", 2, 3),
        ("Türkiye", 3, 4),
        ("Turkish forces", 4, None),
    ]


def test_a_retracted_report_keeps_its_claims_closed(connection: Connection) -> None:
    gone = act(3, "ReportRetracted", target_report_id="r1", reason="error")
    tables = Tables(connection, CASUALTIES, [report(1), killed(2), gone, corrected(4, 2, 7)])
    assert tables.rows(COURSE) == [(2, 3, "report retracted", 5)]
    assert tables.rows("SELECT held_from, held_to FROM reports") == [(1, 3)]
    tables.take([retracted(5, 3)])
    assert tables.rows(COURSE) == [(2, 3, "report retracted", 5), (5, None, None, 7)]
    assert tables.rows("SELECT held_from, held_to FROM reports ORDER BY 1") == [(1, 3), (5, None)]


def test_a_merge_maps_present_and_future_claims(connection: Connection) -> None:
    merge = act(3, "IncidentsMerged", incident_id="idlib", merged_incident_ids=["saraqib"], reason="the same")
    tables = Tables(connection, CASUALTIES, [report(1), killed(2, incident="saraqib"), merge])
    tables.take([killed(4, incident="saraqib")])
    query = "SELECT position, incident_id, stated_incident_id, held_to FROM claims ORDER BY held_from"
    assert tables.rows(query) == [
        (2, "saraqib", "saraqib", 3),
        (2, "idlib", "saraqib", None),
        (4, "idlib", "saraqib", None),
    ]
    tables.take([retracted(5, 3)])
    open_rows = "SELECT position, incident_id FROM claims WHERE held_to IS NULL ORDER BY 1"
    assert tables.rows(open_rows) == [(2, "saraqib"), (4, "saraqib")]


def test_a_correction_can_bring_a_claim_of_another_kind(connection: Connection) -> None:
    attack = record(2, "AttackReported", "r1", incident_id="idlib", occurred="2020-02-10")
    tables = Tables(connection, CASUALTIES, [report(1), attack])
    assert tables.rows(COURSE) == []
    tables.take([corrected(3, 2, 7)])
    assert tables.rows("SELECT event_id, position, held_from, type FROM claims") == [
        (event_id(2), 2, 3, "TroopsKilled")
    ]


def test_common_columns_say_what_the_claim_says(connection: Connection) -> None:
    claim = record(
        2,
        "CiviliansKilled",
        "r1",
        incident_id="idlib",
        count=3,
        perpetrators=["syria"],
        occurred={"start": "2020-02-03", "end": "2020-02-09", "precision": 3},
        place={"name": "Saraqib", "precision": 2, "admin1": "Idlib", "latitude": 35.86, "longitude": 36.8},
        attributions=[{"actor_id": "turkey", "role": "party"}, {"name": "a spokesman"}],
        clarity=2,
        kind_of_violence=3,
        credibility=2,
    )
    tables = Tables(connection, CASUALTIES, [report(1), claim])
    columns = """occurred_start, occurred_end, date_precision, place_name, country, admin1, place_precision,
                 latitude, longitude, verification, credibility, aggregate, kind_of_violence, attributed,
                 party_claim, actors"""
    assert tables.rows(f"SELECT {columns} FROM claims") == [
        (
            *(date(2020, 2, 3), date(2020, 2, 9), 3, "Saraqib", None, "Idlib", 2, 35.86, 36.8),
            *("reported", 2, True, 3, ["turkey", "a spokesman"], True, ["syria", "turkey"]),
        )
    ]


LATEST_DAYS = [
    Queries(package, "questions.sql").latest_day for package in ("projections.ceasefires", "projections.threats")
]


def latest_days(tables: Tables, positions: int) -> list[date | None]:
    """The default day of questions as of each position, from the first one on."""
    found = []
    for position in range(1, positions + 1):
        ceasefires, threats = (
            tables.connection.execute(query, {"position": position}).fetchall() for query in LATEST_DAYS
        )
        assert ceasefires == threats
        found.append(ceasefires[0][0] if ceasefires else None)
    return found


def test_the_default_day_is_the_latest_publication_that_holds(connection: Connection) -> None:
    records = [report(1, "2020-02-12"), report(2, "2020-02-10"), report(3, "9999-12-31"), report(4, "2020-02-13")]
    second, fourth, wrong = date(2020, 2, 12), date(2020, 2, 13), date(9999, 12, 31)
    tables = Tables(connection, CASUALTIES, records)
    tables.take([act(5, "ReportRetracted", target_report_id="r3", reason="error"), retracted(6, 5)])
    assert latest_days(tables, 6) == [second, second, wrong, wrong, fourth, wrong]
    tables.take([act(7, "PayloadRedacted", target_event_id=str(event_id(3)), rule="privacy", reason="a name")])
    assert latest_days(tables, 7) == [second, second, second, fourth, fourth, fourth, fourth]
    assert tables.rows("SELECT DISTINCT source, reported_at FROM reports WHERE position = 3") == [(None, None)]


@given(records=histories(redactions=True), size=st.integers(1, 5))
@EXAMPLES
def test_the_default_day_follows_every_undoing(
    connection: Connection, records: list[StoredRecord], size: int
) -> None:
    live = Tables(connection, CASUALTIES)
    live.take(records, size)
    kept = redacted(records)
    assert latest_days(live, len(records)) == [
        expected_latest_day(kept[:position]) for position in range(1, len(records) + 1)
    ]


def test_the_digest_sees_every_change(connection: Connection) -> None:
    tables = Tables(connection, CASUALTIES, [report(1), killed(2), killed(3)])
    before = tables.digest()
    tables.rows("UPDATE claims SET credibility = 6 WHERE position = 3 RETURNING 1")
    changed = tables.digest()
    tables.rows("UPDATE claims SET credibility = NULL WHERE position = 3 RETURNING 1")
    assert tables.digest() == before != changed
    tables.rows("DELETE FROM reports RETURNING 1")
    assert tables.digest() != before
