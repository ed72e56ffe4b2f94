"""The record cannot be changed: not by the service, not by the owner, not by a superuser's ordinary statements.
The one exception is a redaction, and only of what the record itself says is redacted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import TupleRow

from ledger.application import LedgerApplication
from ledger.persistence.records import Appended
from tests.filing import append, check_record, claim, redaction, report
from tests.postgres import Database

TABLES = ("commits", "events", "tiles", "redactions")
ROLES = ("service", "owner", "superuser")
FULL_TILE = 150
KEPT = ("position", "stream", "revision", "event_id", "type", "report_id", "recorded_at", "envelope", "leaf")

Connection = psycopg.Connection[TupleRow]


@pytest.fixture
def recorded(database: Database) -> Iterator[Appended]:
    """A ledger with something in each of its tables; answers the receipt of the report whose filing is redacted."""
    application = LedgerApplication("main", database.service_url)
    try:
        first = append(application, report("r", title="It names a victim"))
        append(application, report("redacting", redaction(first.events[0].event_id)))
        append(application, report("full", *[claim(incident_id=f"i-{n}") for n in range(2 * FULL_TILE)]))
        yield first
    finally:
        application.close()
    assert check_record(database.owner_url) == 4 + 1 + 2 * FULL_TILE


def connected(database: Database, role: str) -> Connection:
    """A connection as the service, the owner or a superuser."""
    url = {"service": database.service_url, "owner": database.owner_url, "superuser": database.admin_url}[role]
    return psycopg.connect(url, autocommit=True)


def counted(connection: Connection) -> dict[str, int]:
    """Rows of each table."""
    found = {}
    for table in TABLES:
        query = sql.SQL("SELECT count(*) FROM ledger_main.{}").format(sql.Identifier(table))
        found[table] = connection.execute(query).fetchone()
    return {table: row[0] for table, row in found.items() if row}


def refused(
    connection: Connection, statement: str, *, kind: type[psycopg.Error] = errors.InsufficientPrivilege
) -> str:
    """What the database says to a statement that it refuses."""
    with pytest.raises(kind) as caught:
        connection.execute(sql.SQL(statement))
    return str(caught.value)


CHANGES = (
    "UPDATE ledger_main.{table} SET {column} = {column}",
    "UPDATE ledger_main.{table} SET {column} = {column} WHERE ctid = (SELECT max(ctid) FROM ledger_main.{table})",
    "DELETE FROM ledger_main.{table}",
    "WITH gone AS (DELETE FROM ledger_main.{table} RETURNING 1) SELECT count(*) FROM gone",
    "TRUNCATE ledger_main.{table} CASCADE",
    "TRUNCATE ledger_main.commits, ledger_main.events, ledger_main.tiles, ledger_main.redactions",
    "MERGE INTO ledger_main.{table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO ledger_main.{table} USING (SELECT 1) AS one ON true"
    " WHEN MATCHED THEN UPDATE SET {column} = {column}",
)
COLUMNS = {"commits": "root", "events": "payload", "tiles": "hashes", "redactions": "act_position"}


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("replica", [False, True], ids=["", "replica"])
def test_every_change_is_refused(database: Database, role: str, replica: bool) -> None:
    with connected(database, role) as connection:
        if replica:
            if role != "superuser":
                refused(connection, "SET session_replication_role = replica")
                return
            # Ordinary triggers are silent then; these are not.
            connection.execute("SET session_replication_role = replica")
        before = counted(connection)
        assert all(before.values()), "each table has rows that could be lost"
        for table in TABLES:
            for change in CHANGES:
                said = refused(connection, change.format(table=table, column=COLUMNS[table]))
                assert "permission denied" in said if role == "service" else "the record is immutable" in said
        assert counted(connection) == before


GUARDED = (
    "ALTER TABLE ledger_main.events DISABLE TRIGGER ALL",
    "ALTER TABLE ledger_main.events DISABLE TRIGGER events_update",
    "DROP TRIGGER events_update ON ledger_main.events",
    "DROP TABLE ledger_main.events CASCADE",
    "DROP TABLE ledger_main.redactions",
    "DROP SCHEMA ledger_main CASCADE",
    "DROP FUNCTION ledger_main.refuse_change() CASCADE",
    "CREATE OR REPLACE FUNCTION ledger_main.refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
    "CREATE TABLE ledger_main.mine (x int)",
    "CREATE TRIGGER mine BEFORE INSERT ON ledger_main.events EXECUTE FUNCTION ledger_main.refuse_change()",
    "CREATE RULE mine AS ON INSERT TO ledger_main.events DO INSTEAD NOTHING",
    "CREATE INDEX ON ledger_main.events (payload)",
    "ALTER TABLE ledger_main.events OWNER TO ledger_service",
    "ALTER SCHEMA ledger_main OWNER TO ledger_service",
    "ALTER TABLE ledger_main.events ADD COLUMN note text",
    "INSERT INTO ledger_main.redactions (target_position, act_position) VALUES (2, 4)",
    "INSERT INTO ledger_main.commits SELECT * FROM ledger_main.commits"
    " ON CONFLICT (size_before) DO UPDATE SET root = ''",
    "SET ROLE ledger_owner",
    "SET SESSION AUTHORIZATION ledger_owner",
    "CREATE OR REPLACE FUNCTION ledger_admin.create_ledger(ledger text) RETURNS boolean"
    " LANGUAGE sql AS 'SELECT true'",
    "SET session_replication_role = replica",
    "CREATE TABLE public.child () INHERITS (ledger_main.events)",
)


@pytest.mark.usefixtures("recorded")
def test_the_service_cannot_take_the_guards_away(database: Database) -> None:
    with connected(database, "service") as connection:
        for statement in GUARDED:
            refused(connection, statement)


@pytest.mark.usefixtures("recorded")
def test_what_guards_the_record_holds_against_a_search_path(database: Database) -> None:
    """Tables of the caller's own that hide the ledger's do not fool the functions that run as the owner."""
    with connected(database, "service") as connection:
        refused(connection, "CREATE TEMP TABLE events (LIKE ledger_main.events)")
        connection.execute("CREATE SCHEMA mine")
        connection.execute("CREATE TABLE mine.redactions (target_position bigint, act_position bigint)")
        connection.execute("CREATE TABLE mine.events AS SELECT * FROM ledger_main.events WHERE position <= 4")
        connection.execute(
            "UPDATE mine.events SET type = 'PayloadRedacted', payload = convert_to(json_build_object("
            "'target_event_id', (SELECT event_id FROM mine.events WHERE position = 2))::text, 'UTF8')"
            " WHERE position = 3"
        )
        connection.execute("SET search_path = mine, ledger_main")
        assert "no PayloadRedacted" in refused(connection, "SELECT ledger_main.redact(2, 3)")


UNRECORDED = (
    (2, 3),  # the act is no redaction
    (2, 4),  # the act redacts another event
    (1, 5),
    (2, 999),  # there is no such act
    (999, 4),  # there is no such target
    (4, 4),  # a redaction is not redacted
)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_redacted_that_the_record_does_not_name(database: Database, role: str) -> None:
    with connected(database, role) as connection:
        for target, act in UNRECORDED:
            assert "no PayloadRedacted" in refused(connection, f"SELECT ledger_main.redact({target}, {act})")
            if role != "service":
                insert = f"INSERT INTO ledger_main.redactions VALUES ({target}, {act})"
                assert "no PayloadRedacted" in refused(connection, insert)
        left = "SELECT count(*) FROM ledger_main.events WHERE payload IS NULL"
        assert connection.execute(left).fetchone() == (1,)


def test_a_redaction_is_done_once(database: Database, recorded: Appended) -> None:
    with connected(database, "service") as connection:
        refused(connection, "SELECT ledger_main.redact(1, 4)", kind=errors.UniqueViolation)
        rows = connection.execute("SELECT target_position, act_position FROM ledger_main.redactions").fetchall()
    assert rows == [(recorded.events[0].position, 4)]


def test_a_redaction_removes_payload_and_salt_and_nothing_else(database: Database) -> None:
    application = LedgerApplication("main", database.service_url)
    columns = sql.SQL(", ").join(map(sql.Identifier, KEPT))
    kept = sql.SQL("SELECT {} FROM ledger_main.events WHERE position <= 3 ORDER BY position").format(columns)
    removed = "SELECT salt, payload FROM ledger_main.events WHERE position <= 3 ORDER BY position"
    try:
        first = append(application, report("r", claim(), claim(words="It names a victim.")))
        with connected(database, "owner") as connection:
            rows_before = connection.execute(kept).fetchall()
            commits = connection.execute("SELECT * FROM ledger_main.commits").fetchall()
            secrets_before = connection.execute(removed).fetchall()
            append(application, report("redacting", redaction(first.events[2].event_id)))
            assert connection.execute(kept).fetchall() == rows_before
            assert connection.execute("SELECT * FROM ledger_main.commits ORDER BY 1").fetchall()[:1] == commits
            assert connection.execute(removed).fetchall() == [*secrets_before[:2], (None, None)]
    finally:
        application.close()
    assert check_record(database.owner_url) == 5


def test_the_owner_cannot_alter_a_redacted_event_in_another_way(database: Database, recorded: Appended) -> None:
    with connected(database, "owner") as connection:
        for column, value in (
            ("envelope", "''"),
            ("recorded_at", "now()"),
            ("payload", "'{}', salt = ''"),
            ("report_id", "'other'"),
            ("leaf", "decode(repeat('00', 32), 'hex')"),
        ):
            said = refused(connection, f"UPDATE ledger_main.events SET {column} = {value} WHERE position = 1")
            assert "the record is immutable" in said


def test_the_service_adds_and_reads(database: Database, recorded: Appended) -> None:
    with connected(database, "service") as connection:
        rights = connection.execute(
            "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
            " FROM information_schema.role_table_grants"
            " WHERE grantee = 'ledger_service' AND table_schema = 'ledger_main' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert rights == [
        ("commits", "INSERT SELECT"),
        ("events", "INSERT SELECT"),
        ("redactions", "SELECT"),
        ("tiles", "INSERT SELECT"),
    ]


INSERT = (
    "INSERT INTO ledger_main.events"
    " (position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt, payload)"
    " VALUES (%s, %s, %s, %s, 'T', 'r', %s, '', %s, %s, %s)"
)


ROWS: tuple[tuple[int, str, int, bytes, bytes | None, type[psycopg.Error]], ...] = (
    (1, "s", 1, bytes(32), b"s", errors.UniqueViolation),
    (999, "incidents/idlib", 1, bytes(32), b"s", errors.UniqueViolation),
    (0, "s", 1, bytes(32), b"s", errors.CheckViolation),
    (999, "s", -1, bytes(32), b"s", errors.CheckViolation),
    (999, "s", 1, bytes(31), b"s", errors.CheckViolation),
    (999, "s", 1, bytes(32), None, errors.CheckViolation),
)


@pytest.mark.usefixtures("recorded")
def test_a_place_is_taken_once_and_a_row_is_whole(database: Database) -> None:
    with connected(database, "service") as connection:
        for position, stream, revision, leaf, salt, kind in ROWS:
            values = (position, stream, revision, UUID(int=1), datetime.now(UTC), leaf, salt, b"{}")
            with pytest.raises(kind):
                connection.execute(INSERT, values)


@pytest.mark.usefixtures("recorded")
def test_a_commit_is_a_fence(database: Database) -> None:
    root = "decode(repeat('00', 32), 'hex')"
    commit = "INSERT INTO ledger_main.commits VALUES ({}, now())"
    with connected(database, "service") as connection:
        refused(connection, commit.format(f"0, 5, {root}"), kind=errors.UniqueViolation)
        for row in (f"999, 999, {root}", f"-1, 999, {root}", "999, 1000, ''"):
            refused(connection, commit.format(row), kind=errors.CheckViolation)
