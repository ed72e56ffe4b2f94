"""The folds of all read models on a real database: however a history is taken, the tables are the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.persistence.records import StoredRecord
from projections.engine.batches import Batch, sent
from projections.history import ReadModel
from projections.service import READ_MODELS
from tests.histories import casualty_contents, claim_contents, event_id, histories, record, redacted
from tests.postgres import Database

EXAMPLES = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MODELS = st.sampled_from(READ_MODELS)
HISTORIES = histories(redactions=True, contents=casualty_contents() | claim_contents())
SCHEMA = "ledger_main_folds_g1"


class KilledError(Exception):
    """As when a process is killed: nothing more is sent."""


class Killable(psycopg.Connection[Any]):
    """A connection that ends before one of its statements."""

    statements_left = -1

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        if self.statements_left == 0:
            raise KilledError
        self.statements_left -= 1
        return super().cursor(*args, **kwargs)


@pytest.fixture
def connection(database: Database) -> Iterator[Killable]:
    with Killable.connect(database.owner_url) as own:
        yield own


class Generation:
    """One generation, that is filled and then complete."""

    def __init__(self, connection: Killable, model: ReadModel) -> None:
        self.connection = connection
        self.model = model
        connection.rollback()
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        model.create(connection, SCHEMA)
        connection.commit()
        self.position, self.is_complete = 0, False

    def take(self, records: Sequence[StoredRecord], *, late: bool = False) -> None:
        if records:
            batch = replace(sent(records), late=late)
            self.model.fold(self.connection, SCHEMA, batch, complete=self.is_complete)
            self.position = max(self.position, records[-1].position)

    def complete(self) -> None:
        self.model.complete(self.connection, SCHEMA, self.position)
        self.is_complete = True

    def digest(self) -> bytes:
        return self.model.digest(self.connection, SCHEMA)


def in_order(connection: Killable, model: ReadModel, records: Sequence[StoredRecord]) -> bytes:
    """The digest of a generation that was complete from the first event on, one event at a time."""
    generation = Generation(connection, model)
    generation.complete()
    for each in records:
        generation.take([each])
    return generation.digest()


@given(records=HISTORIES, model=MODELS, size=st.integers(1, 40), full=st.integers(0, 30))
@EXAMPLES
def test_whenever_it_is_completed_and_however_it_is_cut(
    connection: Killable, records: list[StoredRecord], model: ReadModel, size: int, full: int
) -> None:
    expected = in_order(connection, model, records)
    generation = Generation(connection, model)
    for first in range(0, min(full, len(records)), size):
        generation.take(records[first : min(first + size, full)])
    generation.complete()
    for first in range(generation.position, len(records), size):
        generation.take(records[first : first + size])
    assert generation.digest() == expected


@given(records=HISTORIES, model=MODELS, data=st.data())
@EXAMPLES
def test_what_comes_late_is_taken_as_if_in_order(
    connection: Killable, records: list[StoredRecord], model: ReadModel, data: st.DataObject
) -> None:
    positions = [each.position for each in records]
    late = data.draw(st.sets(st.sampled_from(positions), min_size=1, max_size=6), label="put aside")
    generation = Generation(connection, model)
    generation.complete()
    for each in records:
        generation.take([] if each.position in late else [each])
    by_now = redacted(records)  # as the ledger has them when they are tried again
    for position in sorted(late):
        generation.take([by_now[position - 1]], late=True)
    digest = generation.digest()
    assert digest == in_order(connection, model, by_now)


@given(records=HISTORIES, model=MODELS, size=st.integers(1, 10), data=st.data())
@EXAMPLES
def test_killed_before_any_statement_and_resumed(
    connection: Killable, records: list[StoredRecord], model: ReadModel, size: int, data: st.DataObject
) -> None:
    expected = in_order(connection, model, records)
    generation, kills = Generation(connection, model), 0
    full = data.draw(st.integers(0, len(records)), label="completed after")
    while generation.position < len(records) or not generation.is_complete:
        before = committed(generation)
        connection.statements_left = data.draw(st.integers(0, 25), label="statements") if kills < 6 else -1
        try:
            if generation.position >= full and not generation.is_complete:
                generation.complete()
            else:
                through = full if not generation.is_complete else len(records)
                generation.take(records[generation.position : min(generation.position + size, through)])
            connection.statements_left = -1
            connection.commit()
        except KilledError:
            kills += 1
            connection.statements_left = -1
            connection.rollback()
            generation.position, generation.is_complete = before
    assume(kills)
    assert generation.digest() == expected


def committed(generation: Generation) -> tuple[int, bool]:
    """What is committed of a generation's place."""
    return generation.position, generation.is_complete


KILLED = {"victim_party": "turkey", "count": 5, "incident_id": "new", "occurred": "2020-02-10"}
TOLL = {**{name: KILLED[name] for name in ("count", "occurred")}, "toll_id": "t", "outcome": "killed"}


@pytest.mark.parametrize("full", range(6))
def test_a_claim_that_was_of_no_incident_counts_once_with_the_one_that_it_has(
    connection: Killable, full: int
) -> None:
    model = READ_MODELS[0]
    filed = {"report_id": "r1", "source": {"name": "Reuters"}, "reported": "2020-02-12", "claim_count": 2}
    as_toll = {"reason": "wrong", "replacement": {"type": "TollClaimed", **TOLL}}
    as_claim = {"reason": "wrong", "replacement": {"type": "TroopsKilled", **KILLED}}
    records = [
        record(1, "ReportFiled", "r1", **filed),
        record(2, "TroopsKilled", "r1", **KILLED),
        record(3, "ClaimCorrected", "r1", target_event_id=str(event_id(2)), **as_toll),
        record(4, "ClaimRetracted", "r1", target_event_id=str(event_id(3)), reason="error"),
        record(5, "TollClaimed", "r1", **{**TOLL, "toll_id": "u"}),
        record(6, "ClaimCorrected", "r1", target_event_id=str(event_id(5)), **as_claim),
    ]
    expected = in_order(connection, model, records)
    generation = Generation(connection, model)
    generation.take(records[: full + 1])
    generation.complete()
    generation.take(records[full + 1 :])
    assert generation.digest() == expected


class Racing(Batch):
    """Records that are redacted between two looks at them."""

    def records(self, connection: Any, leaving_out: Collection[str] = ()) -> list[StoredRecord]:
        found = super().records(connection, leaving_out)
        return [replace(each, state=b"", redacted=each.topic != "ReportFiled") for each in found]


def test_an_act_that_is_redacted_while_it_is_taken_is_remembered(connection: Killable) -> None:
    model = READ_MODELS[0]
    target = {"target_event_id": str(event_id(2)), "verification": "fair"}
    undo = {"target_event_id": str(event_id(3)), "reason": "error"}
    gone = {"target_event_id": str(event_id(3)), "rule": "privacy", "reason": "a name"}
    records = [
        *many_claims(2),
        record(3, "ClaimAssessed", "r1", **target),
        record(4, "ClaimRetracted", "r1", **undo),
        record(5, "PayloadRedacted", "r1", **gone),
    ]
    expected = in_order(connection, model, redacted(records))
    generation = Generation(connection, model)
    generation.complete()
    generation.take(records[:2])
    batch = sent([records[2]])
    racing = Racing(batch.relation, batch.first, batch.last, values=batch.values)
    model.fold(connection, SCHEMA, racing, complete=True)
    generation.take(records[3:])
    assert generation.digest() == expected


READ = """SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
            FROM pg_stat_xact_user_tables WHERE schemaname = %s"""


@pytest.mark.parametrize("model", READ_MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("complete", [False, True], ids=["filled", "complete"])
def test_an_act_reads_what_it_concerns_however_much_there_is(
    connection: Killable, model: ReadModel, complete: bool
) -> None:
    """While a generation is filled the planner knows nothing of its tables. To read them whole for each act would
    make a rebuild take four times as long for twice as many events."""
    generation = Generation(connection, model)
    if complete:
        generation.complete()
    records = [*many_claims(3_000), *corrections(3_001, 300), *retractions(3_301, 300)]
    for first in range(0, len(records), 500):
        generation.take(records[first : first + 500])
    connection.commit()
    before = dict(connection.execute(READ, [SCHEMA]).fetchall())
    generation.take([*corrections(3_601, 1), record(3_602, "TroopsKilled", "r-new", **KILLED)])
    after = dict(connection.execute(READ, [SCHEMA]).fetchall())
    read = {table: rows - before.get(table, 0) for table, rows in after.items()}
    assert sum(rows for table, rows in read.items() if table in ("claims", "other_claims", "acts", "reports")) < 60


def many_claims(most: int) -> list[StoredRecord]:
    """A report, and claims of as many incidents, of every third kind that some read model takes."""
    filed = {"report_id": "r1", "source": {"name": "Reuters"}, "reported": "2020-02-12", "claim_count": 1}
    claims: list[dict[str, Any]] = [
        {"type": "TroopsKilled", "victim_party": "turkey", "count": 5, "incident_id": "i"},
        {"type": "CeasefireViolated", "agreement_id": "a"},
        {"type": "ThreatIssued", "threat_id": "t", "threat_kind": "warning"},
    ]
    records = [record(1, "ReportFiled", "r1", **filed)]
    for position in range(2, most + 1):
        content = {**claims[position % 3], "occurred": "2020-02-10"}
        for name in ("incident_id", "agreement_id", "threat_id"):
            if name in content:
                content[name] = f"{content[name]}{position}"
        records.append(record(position, content.pop("type"), f"r{position // 3}", **content))
    return records


def retractions(first: int, most: int) -> list[StoredRecord]:
    """Retractions of as many reports."""
    return [
        record(first + number, "ReportRetracted", "r1", target_report_id=f"r{number + 2}", reason="error")
        for number in range(most)
    ]


def corrections(first: int, most: int) -> list[StoredRecord]:
    """Assessments of as many claims, one after the other."""
    targets = range(first - 2_000, first - 2_000 + most)
    return [
        record(first + number, "ClaimAssessed", "r1", target_event_id=str(event_id(target)), verification="fair")
        for number, target in enumerate(targets)
    ]
