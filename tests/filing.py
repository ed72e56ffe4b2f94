"""Reports for tests of the ledger, many at once, and the check of a whole record against its own definition.
The check shares no query with the code under test."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import psycopg

from ledger.application import LedgerApplication
from ledger.audit.envelope import decode, format_recorded_at
from ledger.audit.merkle import EMPTY_ROOT, Frontier
from ledger.audit.tiles import TILE_WIDTH
from ledger.domain.reports import Filing, Report, ReportFiled
from ledger.errors import OverloadedError
from ledger.persistence.records import Appended
from ledger.settings import Limits

SECONDS = 30.0
LEDGER = "main"
SMALL_COMMIT = 200
"""Events; so that the commits of two lanes must fall between each other's."""


def claim(type_name: str = "TroopsKilled", **content: Any) -> dict[str, Any]:
    """A claim of an incident."""
    common: dict[str, Any] = {"type": type_name, "occurred": "2020-02-10"}
    if type_name == "TroopsKilled":
        common |= {"incident_id": "idlib", "victim_party": "turkey", "count": 5}
    return common | content


def act(type_name: str, **content: Any) -> dict[str, Any]:
    """An act of the record."""
    return {"type": type_name, **content}


def redaction(target_event_id: object) -> dict[str, Any]:
    """A redaction of an event's payload."""
    return act("PayloadRedacted", target_event_id=str(target_event_id), rule="privacy", reason="a name")


def report(report_id: str, *claims: dict[str, Any], **content: Any) -> Report:
    """A report; of one claim where none is given."""
    head: dict[str, Any] = {"report_id": report_id, "source": {"name": "An outlet"}, "reported": "2020-02-12"}
    head["recorded_by"] = "an observer"
    return Report.model_validate({**head, "claims": claims or (claim(),), **content})


def append(application: LedgerApplication, appended: Report, **expected: int) -> Appended:
    """Appends a report and waits for it; expectations are of incidents, by id."""
    streams = {f"incidents/{name}": revision for name, revision in expected.items()}
    return application.append_report(appended, streams, "observer", SECONDS)[0]


def filed_event(report: Report, content_digest: str = "0" * 64) -> ReportFiled:
    """The event that begins a report's stream, made by the model and not from another payload."""
    said = {name: getattr(report, name) for name in Filing.model_fields}
    return ReportFiled.model_construct(
        type="ReportFiled", **said, claim_count=len(report.claims), content_digest=content_digest
    )


def submit(application: LedgerApplication, report_: Report, seconds: float = SECONDS) -> Future[Appended]:
    """Queues a report, waiting for room in a full queue."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return application.submit(report_, {}, "observer", deadline)[1]
        except OverloadedError:
            time.sleep(0.005)


def append_many(
    url: str, prefix: str, count: int, streams: int = 10, ready: Callable[[], object] = bool
) -> list[Appended]:
    """Appends many reports through a lane of their own, once it is ready, in many small commits; answers when all
    are durable."""
    application = LedgerApplication(LEDGER, url, Limits(max_commit_events=SMALL_COMMIT))
    try:
        append(application, report(f"{prefix}-ready"))
        ready()
        answers = [
            submit(application, report(f"{prefix}-{number}", claim(incident_id=f"incident-{number % streams}")))
            for number in range(count)
        ]
        return [answer.result(SECONDS) for answer in answers]
    finally:
        application.close()


def check_record(url: str, report_ids: Sequence[str] = ()) -> int:
    """Checks that all positions, revisions, commits, leaves, tiles and roots are as they must be, and that each of
    the reports is recorded once. Answers the number of events."""
    with psycopg.connect(url) as connection:
        commits = connection.execute(
            "SELECT size_before, size_after, root, committed_at FROM ledger_main.commits ORDER BY 1"
        ).fetchall()
        events = connection.execute(
            "SELECT position, stream, revision, event_id, type, report_id, recorded_at, envelope, leaf, salt,"
            " payload FROM ledger_main.events ORDER BY position"
        ).fetchall()
        tiles = connection.execute("SELECT hashes FROM ledger_main.tiles WHERE level = 0 ORDER BY index").fetchall()
    assert [row[0] for row in events] == list(range(1, len(events) + 1))
    _check_events(events)
    _check_commits(commits, events)
    leaves = [row[8] for row in events]
    full = [b"".join(leaves[start : start + TILE_WIDTH]) for start in range(0, len(leaves), TILE_WIDTH)]
    assert [tile for (tile,) in tiles] == full[: len(leaves) // TILE_WIDTH]
    filed = [row[5] for row in events if row[4] == "ReportFiled"]
    assert len(filed) == len(set(filed)), "a report is recorded twice"
    assert set(report_ids) <= set(filed), "a report is lost"
    return len(events)


def _check_events(events: Sequence[Any]) -> None:
    revisions: dict[str, int] = {}
    for position, stream, revision, event_id, type_name, report_id, recorded_at, raw, leaf, salt, payload in events:
        assert revision == revisions.get(stream, 0) + 1, stream
        revisions[stream] = revision
        envelope = decode(raw)
        assert envelope.position == position
        assert (envelope.ledger, envelope.stream, envelope.revision) == (LEDGER, stream, revision)
        assert (envelope.event_id, envelope.type, envelope.report_id) == (event_id, type_name, report_id)
        assert envelope.recorded_at == format_recorded_at(recorded_at)
        assert leaf == hashlib.sha256(b"\x00" + raw).digest()
        if payload is not None:
            assert envelope.commitment == hashlib.sha256(salt + payload).hexdigest()


def _check_commits(commits: Sequence[Any], events: Sequence[Any]) -> None:
    tree, last, last_time = Frontier(), 0, None
    assert tree.root() == EMPTY_ROOT
    for size_before, size_after, root, committed_at in commits:
        assert size_before == last
        assert last_time is None or committed_at > last_time
        rows = events[size_before:size_after]
        assert {row[6] for row in rows} == {committed_at}
        tree.extend([row[8] for row in rows])
        assert root == tree.root(), f"the root of the commit at {size_before}"
        last, last_time = size_after, committed_at
    assert last == len(events)
