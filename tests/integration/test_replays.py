"""Replays of a real ledger: the bytes that the database makes are those that the contract's messages have, a replay
is the table row by row, nothing missing passes in silence, and a client that does not read costs no memory."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incident.ledger.v1 import claims_pb2, ledger_service_pb2, records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.messages import record_to_proto
from ledger.api.replaying import PAGE
from ledger.persistence.log import LARGE_BYTES, RUN, EventLog
from tests.integration.test_ledger_service import append, killed, report
from tests.postgres import Database
from tests.served import ServiceProcess

pb = ledger_service_pb2
RAW, FULL = records_pb2.EVENT_VIEW_RAW, records_pb2.EVENT_VIEW_FULL
SECONDS = 60
GRPC_DEFAULT_BYTES = 4 * 1024 * 1024
SALT = bytes(range(16))
LAST_MOMENT = datetime(2105, 12, 31, 23, 59, 59, 999_999)
EXAMPLES = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

Row = tuple[Any, ...]

# Each width of a length on both sides of its end, and any text that a column can hold.
lengths = st.sampled_from((1, 126, 127, 128, 129, 1_024))
some_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
texts = st.one_of(some_text, lengths.map("é".__mul__), lengths.map("x".__mul__))
blobs = st.one_of(
    st.binary(max_size=300),
    st.sampled_from((0, 127, 128, 16_383, 16_384, 20_000)).map(lambda size: b"\xff" * size),
)
payloads = st.one_of(
    st.none(), st.binary(max_size=300), st.sampled_from((127, 128, LARGE_BYTES)).map(lambda n: b"\x80" * n)
)
numbers = st.one_of(
    st.integers(0, 2**49 - 1),
    st.integers(0, 48).map(lambda bit: 2**bit),
    st.integers(0, 48).map(lambda bit: 2**bit - 1),
)
moments = st.datetimes(datetime(1970, 1, 1), LAST_MOMENT, timezones=st.just(UTC))
MOST_ROWS = 6
rows = st.lists(
    st.tuples(texts, numbers, st.uuids(), texts, texts, moments, blobs, payloads), min_size=1, max_size=MOST_ROWS
)
positions = numbers.map(lambda number: min(max(number, 1), 2**49 - MOST_ROWS))
"""Of a first event, from which on all have positions below 2^49."""

COPY_IN = """COPY ledger_main.events (position, stream, revision, event_id, type, report_id, recorded_at, envelope,
                                  leaf, salt, payload) FROM STDIN (FORMAT binary)"""
TYPES = ("int8", "text", "int8", "uuid", "text", "text", "timestamptz", "bytea", "bytea", "bytea", "bytea")
MOMENT = datetime(2020, 1, 1, tzinfo=UTC)


def insert(connection: psycopg.Connection[Any], first: int, contents: Iterable[Row]) -> None:
    """Rows as they are, at positions that follow each other."""
    with connection.cursor().copy(COPY_IN) as copying:
        copying.set_types(TYPES)
        for position, (*place, payload) in enumerate(contents, first):
            copying.write_row((position, *place, bytes(32), None if payload is None else SALT, payload))


def registered(index: int, letters: int) -> Row:
    """A registration of an actor with a long name."""
    payload = b'{"type":"ActorRegistered","actor_id":"a","name":"%s"}' % (b"n" * letters)
    return (f"s{index}", 1, UUID(int=index), "ActorRegistered", "r", MOMENT, b"e" * 388 + b"\n" * 12, payload)


def record(connection: psycopg.Connection[Any], contents: Sequence[Row]) -> None:
    """A ledger of these rows, in one commit whose root nobody checks."""
    insert(connection, 1, contents)
    connection.execute("INSERT INTO ledger_main.commits VALUES (0, %s, %s, %s)", [len(contents), bytes(32), MOMENT])
    connection.commit()


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.service_url) as own:
        yield own


@given(
    first=numbers.map(lambda number: min(max(number, 1), 2**49 - MOST_ROWS)), contents=rows, size=st.integers(1, 4)
)
@EXAMPLES
def test_the_database_makes_the_bytes_that_the_contract_has(
    connection: psycopg.Connection[Any], first: int, contents: list[Row], size: int
) -> None:
    connection.rollback()
    unique = [(f"{index}{row[0]}", row[1], UUID(int=index), *row[3:]) for index, row in enumerate(contents)]
    insert(connection, first, unique)
    log, through = EventLog("main"), first + len(contents) - 1
    runs = log.encoded(connection, first - 1, through, size)
    assert [(run.first, run.last) for run in runs] == [
        (start, min(start + size - 1, through)) for start in range(first, through + 1, size)
    ]
    made = pb.ReplayHistoryResponse.FromString(b"".join(run.encoded for run in runs))
    records = log.read(connection, first - 1, len(contents), raw=True)
    assert list(made.events) == [record_to_proto(record, RAW) for record in records]
    assert [event.redacted for event in made.events] == [row[-1] is None for row in contents]


SHORT_SALT = """INSERT INTO ledger_main.events
                SELECT 8, stream || 8, 1, gen_random_uuid(), type, report_id, recorded_at, envelope, leaf,
                       'short', payload
                  FROM ledger_main.events WHERE position = 1"""


@pytest.mark.parametrize("wrong", ["a large payload", "a salt of another length", "a gap"])
def test_what_the_database_does_not_encode_ends_the_runs_before_it(
    connection: psycopg.Connection[Any], wrong: str
) -> None:
    large = {5: 2 * LARGE_BYTES} if wrong == "a large payload" else {}
    rows = [registered(index, large.get(index, 10)) for index in range(1, 9)]
    insert(connection, 1, rows[:5])
    if wrong != "a gap":
        insert(connection, 6, rows[5:6])
    insert(connection, 7, rows[6:7])
    if wrong == "a salt of another length":
        connection.execute(SHORT_SALT)
    else:
        insert(connection, 8, rows[7:])
    runs = EventLog("main").encoded(connection, 0, 8, 2)
    assert runs[-1].last == {"a large payload": 4, "a gap": 4, "a salt of another length": 6}[wrong]


@pytest.fixture
def ledgers(service: ServiceProcess) -> Iterator[Any]:
    with grpc.insecure_channel(service.address, [("grpc.enable_http_proxy", 0)]) as channel:
        yield LedgerServiceStub(channel)


def replayed(ledgers: Any, view: Any, batch_size: int = 0, **more: Any) -> list[records_pb2.RecordedEvent]:
    """All events of a replay, after a look at its messages."""
    asked = pb.ReplayHistoryRequest(view=view, batch_size=batch_size, **more)
    answers = list(ledgers.ReplayHistory(asked, timeout=SECONDS))
    for answer in answers:
        assert len(answer.events) <= (batch_size or 500)
        assert answer.ByteSize() < GRPC_DEFAULT_BYTES
        assert answer.through_position == answer.events[-1].position
        assert answer.head_position == answers[0].head_position
    return [event for answer in answers for event in answer.events]


@pytest.mark.newest
@pytest.mark.parametrize("batch_size", [0, 3, 70])
def test_a_replay_is_the_table_row_by_row(
    ledgers: Any, connection: psycopg.Connection[Any], batch_size: int
) -> None:
    target = append(ledgers, report("r0", title="Ein Bericht über عفرين")).events[1].event_id
    act = claims_pb2.PayloadRedacted(target_event_id=target, rule="privacy", reason="a name")
    append(ledgers, report("r1", claims_pb2.Claim(payload_redacted=act), recorded_by="a guardian"))
    for number in range(2, 60):
        claims = [killed(f"i{number}", stated) for stated in range(1, 4)]
        claims[0].words = "w" * (2 * LARGE_BYTES if number == 40 else number)
        append(ledgers, report(f"r{number}", *claims, title="t" * number))
    query = """SELECT position, payload IS NULL, envelope, coalesce(salt, ''), coalesce(payload, '')
                 FROM ledger_main.events ORDER BY position"""
    stored = connection.execute(query, binary=True).fetchall()
    events = replayed(ledgers, RAW, batch_size)
    assert len(events) > 3 * RUN
    assert sum(event.redacted for event in events) == 1
    assert sum(len(event.payload) > LARGE_BYTES for event in events) == 1
    assert stored == [
        (
            event.position,
            event.redacted,
            event.envelope,
            event.salt,
            event.payload,
        )
        for event in events
    ]
    full = replayed(ledgers, FULL, batch_size, from_position=7, to_position=200)
    ask = [pb.GetEventRequest(position=position, view=FULL) for position in range(7, 201)]
    assert full == [ledgers.GetEvent(each, timeout=SECONDS).event for each in ask]


@pytest.mark.newest
@pytest.mark.parametrize("view", [RAW, FULL])
def test_large_events_travel_in_messages_that_any_client_takes(
    ledgers: Any, connection: psycopg.Connection[Any], view: Any
) -> None:
    record(
        connection,
        [registered(index, size) for index, size in enumerate([900_000, 3_000] * 8 + [3_000_000] + [900] * 5_000)],
    )
    events = replayed(ledgers, view, 5_000)
    assert [event.position for event in events] == list(range(1, 5_018))


@pytest.mark.newest
@pytest.mark.parametrize("view", [RAW, FULL])
@pytest.mark.parametrize("missing", [1, 5, 6])
def test_a_missing_event_stops_a_replay(ledgers: Any, database: Database, view: Any, missing: int) -> None:
    for number in range(3):
        append(ledgers, report(f"r{number}"))
    url = psycopg.conninfo.make_conninfo(database.admin_url, dbname=database.name)
    with psycopg.connect(url) as admin:
        admin.execute("ALTER TABLE ledger_main.events DISABLE TRIGGER ALL")
        admin.execute("DELETE FROM ledger_main.events WHERE position = %s", [missing])
    with pytest.raises(grpc.RpcError) as caught:
        replayed(ledgers, view)
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert f"Position {missing} is missing" in str(caught.value)


@pytest.mark.newest
@pytest.mark.parametrize("odd", [1, 2 * PAGE, 2 * PAGE + 1, 3 * PAGE - 1])
def test_pages_read_ahead_are_left_where_one_ends_early(
    ledgers: Any, connection: psycopg.Connection[Any], odd: int
) -> None:
    contents = [registered(index, 2 * LARGE_BYTES if index == odd else 10) for index in range(1, 6 * PAGE)]
    record(connection, contents)
    events = replayed(ledgers, RAW)
    assert [event.position for event in events] == list(range(1, 6 * PAGE))
    assert [event.payload for event in events] == [payload for *_, payload in contents]


@pytest.mark.newest
def test_a_missing_event_far_away_stops_a_replay_there(
    ledgers: Any, connection: psycopg.Connection[Any], database: Database
) -> None:
    missing = 3 * PAGE + 100
    record(connection, [registered(index, 10) for index in range(1, 6 * PAGE)])
    url = psycopg.conninfo.make_conninfo(database.admin_url, dbname=database.name)
    with psycopg.connect(url) as admin:
        admin.execute("ALTER TABLE ledger_main.events DISABLE TRIGGER ALL")
        admin.execute("DELETE FROM ledger_main.events WHERE position = %s", [missing])
    answers = ledgers.ReplayHistory(pb.ReplayHistoryRequest(view=RAW), timeout=SECONDS)
    came: list[int] = []
    with pytest.raises(grpc.RpcError) as caught:
        came.extend(event.position for answer in answers for event in answer.events)
    assert f"Position {missing} is missing" in str(caught.value)
    assert came == list(range(1, len(came) + 1))
    assert missing - RUN < len(came) + 1 <= missing


MANY = 120_000
ALLOWED_GROWTH = 150 * 1024 * 1024


def memory(service: ServiceProcess) -> int:
    """Bytes of the service that are in memory."""
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.newest
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("view", [RAW, FULL])
def test_a_client_that_does_not_read_costs_a_bounded_part_of_a_long_history(
    service: ServiceProcess, ledgers: Any, connection: psycopg.Connection[Any], view: Any
) -> None:
    record(connection, [registered(index, 3_000) for index in range(MANY)])
    before = memory(service)
    call = ledgers.ReplayHistory(pb.ReplayHistoryRequest(view=view, to_position=MANY), timeout=SECONDS)
    next(call)
    most = 0
    for _ in range(15):
        time.sleep(0.1)
        most = max(most, memory(service))
    for answer in call:
        most = max(most, memory(service))
        last = answer
    assert last.through_position == MANY
    assert most - before < ALLOWED_GROWTH
