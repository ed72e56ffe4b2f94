"""What is copied into a ledger of one's own is the same ledger: its bytes, its root, what was redacted of it. What
does not give the root that was signed is not made one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.application import LedgerApplication
from ledger.audit.merkle import ProofError
from ledger.errors import CorruptionError
from ledger.persistence.connecting import connect
from ledger.persistence.copying import Copying
from ledger.persistence.install import create_ledger
from ledger.persistence.log import EventLog
from tests.filing import LEDGER, append, claim, redaction, report
from tests.postgres import Database

pytestmark = pytest.mark.newest
EVENTS = "SELECT * FROM ledger_main.events ORDER BY position"
REDACTIONS = "SELECT * FROM ledger_main.redactions"
ORIGINAL = "original"

Bytes = tuple[bytes, bytes, bytes]


@pytest.fixture
def recorded(database: Database) -> list[Bytes]:
    """Two reports, the second one a redaction of what the first says."""
    application = LedgerApplication(LEDGER, database.service_url)
    try:
        filed = append(application, report("one", claim(), claim(words="He said: ‘no’\t\\N\n")))
        append(application, report("two", redaction(filed.events[1].event_id)))
    finally:
        application.close()
    rows = query(database, EVENTS, LEDGER)
    return [(row.envelope, row.salt or b"", row.payload or b"") for row in rows]


@pytest.fixture
def copy(database: Database, recorded: list[Bytes]) -> Iterator[Copying]:
    """Into an empty ledger of the same name; the one that was recorded has another by then."""
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("ALTER SCHEMA ledger_main RENAME TO ledger_original")
    create_ledger(database.service_url, LEDGER)
    with connect(database.owner_url, "test") as connection:
        yield Copying(connection, LEDGER)


def query(database: Database, statement: str, ledger: str) -> list[Any]:
    """The rows of one of two ledgers."""
    asked = statement.replace("ledger_main", f"ledger_{ledger}")
    with psycopg.connect(database.admin_url, row_factory=psycopg.rows.namedtuple_row) as admin:
        return admin.execute(asked.encode()).fetchall()


def root(database: Database) -> bytes:
    """Of what was recorded."""
    with connect(database.admin_url, "test") as connection:
        return EventLog(ORIGINAL).head(connection).root


def test_a_copy_holds_the_same_bytes(database: Database, recorded: list[Bytes], copy: Copying) -> None:
    for each in recorded:
        copy.add(*each)
    copy.end(root(database))
    assert (copy.size, copy.redacted()) == (5, 1)
    for each_query in (EVENTS, REDACTIONS):
        assert query(database, each_query, LEDGER) == query(database, each_query, ORIGINAL) != []
    with connect(database.service_url, "test") as connection:
        head = EventLog(LEDGER).head(connection)
    assert (head.size, head.root) == (5, root(database))
    first, last = (query(database, EVENTS, LEDGER)[place].recorded_at for place in (0, -1))
    moments = (first - timedelta(microseconds=1), first, last - timedelta(microseconds=1), last)
    assert [copy.position_at(each) for each in moments] == [0, 3, 3, 5]


def test_a_payload_that_came_before_its_redaction_goes_too(
    database: Database, recorded: list[Bytes], copy: Copying
) -> None:
    """Of one that was redacted while the replay went on; it is made up here, since the true one is gone."""
    for place, (entry, salt, payload) in enumerate(recorded, 1):
        copy.add(entry, *((bytes(16), b"{}") if place == 2 else (salt, payload)))
    copy.end(root(database))
    assert query(database, EVENTS, LEDGER) == query(database, EVENTS, ORIGINAL)
    assert copy.redacted() == 1


def test_events_that_do_not_give_the_root_make_no_ledger(
    database: Database, recorded: list[Bytes], copy: Copying
) -> None:
    with pytest.raises(ProofError, match="position 1 is missing: the event of position 2 follows"):
        copy.add(*recorded[1])
    for each in recorded[:-1]:
        copy.add(*each)
    with pytest.raises(ProofError, match="the first 4 events do not give the root"):
        copy.end(root(database))
    assert query(database, "SELECT * FROM ledger_main.commits", LEDGER) == []


def test_a_record_that_contradicts_itself_is_told_with_its_positions(recorded: list[Bytes], copy: Copying) -> None:
    entry, salt, payload = recorded[0]
    copy.add(entry, salt, payload)
    copy.add(entry.replace(b"main\n1\n", b"main\n2\n", 1), salt, payload)
    with pytest.raises(CorruptionError, match="at position 1 to 2: duplicate key"):
        copy.end(bytes(32))


def test_a_redaction_that_names_its_event_otherwise_than_ids_are_written_is_told(
    database: Database, recorded: list[Bytes], copy: Copying
) -> None:
    entry, salt, payload = recorded[-1]
    named = str(json.loads(payload)["target_event_id"])
    for each in (*recorded[:-1], (entry, salt, payload.replace(named.encode(), named.upper().encode()))):
        copy.add(*each)
    with pytest.raises(CorruptionError, match="no PayloadRedacted of position 2 is recorded at position 5"):
        copy.end(root(database))
