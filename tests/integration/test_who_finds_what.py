"""The table "Who finds what" of the documentation, cell by cell: what a superuser does to a ledger, a backup or a
data folder is done, everybody looks, and who finds it is whom the table names."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ledger.persistence.guarding import Guard
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.log import EventLog
from tests.filing import append, report
from tests.postgres import Cluster, Database
from tests.repository.checkout import read
from tests.repository.documents import rows, section
from tests.tampered import (
    LEDGER,
    SEEN,
    History,
    Scene,
    background_finds,
    check_finds,
    comparing_find,
    history,
    proof_differs,
    recording,
    remembering_finds,
    replay_finds,
    running_refuses,
    start_refuses,
    witness_refuses,
)

pytestmark = pytest.mark.newest
PAGE = "docs/reference/audit.md"
HEADING = "Who finds what"

FINDERS: Mapping[str, Callable[[Scene], bool]] = {
    "`audit check`": check_finds,
    "the check in the background": background_finds,
    "the guard, at start": start_refuses,
    "the guard, while it runs": running_refuses,
    "`audit replay`, `audit verify`": replay_finds,
    "who remembers a checkpoint": remembering_finds,
    "two who compare": comparing_find,
    "a witness": witness_refuses,
    "who has a proof file": proof_differs,
}
"""The columns, in the order in which everybody looks."""


@dataclass(frozen=True)
class Deed:
    """What somebody does: statements in the database, or another database or folder in the place of these."""

    statement: str = ""
    database: str = "now"
    folder: str = "folder"
    reports: bool = False


SWAP = (
    "UPDATE events SET position = CASE position WHEN 2 THEN 4 ELSE 2 END + 100 WHERE position IN (2, 4);"
    " UPDATE events SET position = position - 100 WHERE position > 100"
)
SLIP_IN = (
    "INSERT INTO events SELECT 11, stream, revision + 9, gen_random_uuid(), type, report_id, recorded_at, envelope,"
    " leaf, salt, payload FROM events WHERE position = 10"
)
ENVELOPE = (
    "UPDATE events SET envelope = replace(encode(envelope, 'escape'), 'observer', 'somebody')::bytea"
    " WHERE position = 2"
)
TILE = "INSERT INTO tiles SELECT 0, 0, string_agg(leaf, '') FROM (SELECT leaf FROM events, generate_series(1, 26)"
EMPTIED = "TRUNCATE events, commits, tiles, redactions"
RENAMED = (
    "SELECT ledger_admin.create_ledger('other'); ALTER SCHEMA ledger_main RENAME TO ledger_was;"
    " ALTER SCHEMA ledger_other RENAME TO ledger_main"
)
OTHERS = "ALTER SCHEMA ledger_main RENAME TO ledger_was"

DEEDS: Mapping[str, Deed] = {
    "changed a payload": Deed("UPDATE events SET payload = payload || ' ' WHERE position = 2"),
    "took a payload away without a redaction": Deed(
        "UPDATE events SET payload = NULL, salt = NULL WHERE position = 2"
    ),
    "changed an envelope": Deed(ENVELOPE),
    "changed a column": Deed("UPDATE events SET type = 'TroopsInjured' WHERE position = 2"),
    "changed a tile": Deed(f"{TILE} LIMIT 256) AS made"),
    "changed an older commit": Deed("UPDATE commits SET root = sha256(root) WHERE size_after = 2"),
    "removed an event": Deed("DELETE FROM events WHERE position = 2"),
    "swapped two events": Deed(SWAP),
    "slipped an event in": Deed(SLIP_IN),
    "emptied the table of events": Deed("TRUNCATE events CASCADE"),
    "emptied all tables": Deed(EMPTIED),
    "dropped the ledger": Deed(OTHERS),
    "put an empty ledger in its place": Deed(RENAMED),
    "set the database back to before the last checkpoint": Deed(database="then"),
    "set it back to after the last checkpoint": Deed(database="at_checkpoint"),
    "recorded other reports on a database that was set back": Deed(database="other"),
    "set back the database and the data folder": Deed(database="then", folder="folder_then"),
    "recorded other reports on both": Deed(database="other", folder="folder_then"),
    "added a report as the service does, with its rights": Deed(reports=True),
}
"""The rows."""


@pytest.fixture(scope="module")
def recorded(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with cluster.database() as database, history(cluster, database, tmp_path_factory.mktemp("history")) as made:
        yield made


@pytest.fixture
def scene(deed: str, recorded: History, cluster: Cluster, tmp_path: Path) -> Iterator[Scene]:
    """After the deed."""
    done = DEEDS[deed]
    running = Guard(EventLog(LEDGER), IssuedCheckpoints(recorded.folder))
    with psycopg.connect(recorded.now.service_url, autocommit=True) as connection:
        assert running.tip(connection).size == SEEN
    folder = shutil.copytree(getattr(recorded, done.folder), tmp_path / "folder")
    original: Database = getattr(recorded, done.database)
    if not done.statement and not done.reports:  # nothing is changed in it
        yield Scene(recorded, original, folder, running)
        return
    with cluster.database(original.name) as database:
        if done.statement:
            with psycopg.connect(database.admin_url, autocommit=True) as connection:
                connection.execute("SET search_path TO ledger_main")
                for table in ("events", "commits", "tiles", "redactions"):
                    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
                connection.execute(done.statement)
        if done.reports:
            with recording(database) as application:
                append(application, report("made-up"))
        yield Scene(recorded, database, folder, running)


def told() -> dict[str, dict[str, str]]:
    """The table: for each row what it says of each finder."""
    lines = section(read(PAGE), HEADING).splitlines()
    heads = next(line for line in lines if line.startswith("|")).strip("|").split("|")
    names = [name.strip() for name in heads][1:]
    return {deed: dict(zip(names, cells, strict=True)) for deed, *cells in rows(section(read(PAGE), HEADING))}


def test_the_table_has_the_rows_and_columns_that_are_tried() -> None:
    table = told()
    assert list(table) == list(DEEDS)
    assert {tuple(cells) for cells in table.values()} == {tuple(FINDERS)}
    assert {cell.partition(":")[0] for cells in table.values() for cell in cells.values()} <= {"", "yes", "in part"}


@pytest.mark.parametrize("deed", DEEDS)
def test_who_finds_it_is_whom_the_table_names(deed: str, scene: Scene) -> None:
    found = {name: finder(scene) for name, finder in FINDERS.items()}
    said = {name: cell.partition(":")[0] for name, cell in told()[deed].items()}
    assert found == {name: cell == "yes" if cell != "in part" else found[name] for name, cell in said.items()}
