"""The writer lane on real servers: groups, repeats, expectations, several writers, and a database or a network that
fails at any moment. After each, the whole record is checked against its definition."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from campaigns.proxy import Proxy, proxied
from ledger.application import LedgerApplication, Sending
from ledger.domain.reports import Report
from ledger.embedded import EmbeddedPostgres
from ledger.errors import (
    DeadlineError,
    OverloadedError,
    ReportConflictError,
    RevisionConflictError,
    UnavailableError,
)
from ledger.persistence import connecting, lane, notices
from ledger.persistence.guarding import Guard
from ledger.persistence.install import create_ledger, install
from ledger.persistence.lane import WriterLane
from ledger.persistence.log import Connection
from ledger.persistence.records import Appended, AppendRequest, Tip
from ledger.settings import Limits
from tests.filing import SECONDS, append, append_many, check_record, claim, redaction, report, submit
from tests.postgres import Cluster, Database

INSERTED = b"INSERT 0 "
"""In the server's answer to an insert, which it sends once that is committed."""
TAKEN = b"C23505\x00"
"""The SQLSTATE by which a commit sent again finds itself, or another writer's."""
COMMITTED = b"COMMIT\x00"
ENVELOPE = b"incident-ledger/event/v2"
"""In the client's insert, in the server's answer to who reads a report again, and in nothing else of the lane."""
PROCESS = (
    "import sys; from tests.filing import append_many; append_many(sys.argv[1], sys.argv[2], int(sys.argv[3]))"
)

MANY = 1_000
TWO_LANES = 2_000
ONE_AFTER_THE_OTHER = 3
"""So often at most do two lanes find the record grown by the other, if one begins when the other has ended."""
READY = 4
"""Events by which two lanes became ready."""
KILLED = 1_200


@contextmanager
def running(url: str) -> Iterator[LedgerApplication]:
    """The ledger `main`, with a lane of its own."""
    application = LedgerApplication("main", url)
    try:
        yield application
    finally:
        application.close()


@pytest.fixture
def application(database: Database) -> Iterator[LedgerApplication]:
    with running(database.service_url) as opened:
        yield opened


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes a connection for dead soon, so that a test need not wait as long as an operator."""
    monkeypatch.setattr(lane, "STUCK_SECONDS", 1.0)
    monkeypatch.setattr(notices, "STOP_SECONDS", 0.1)
    monkeypatch.setitem(connecting.BOUNDS, "connect_timeout", 2)


def backends(cluster: Cluster, database: Database, action: str = "pid") -> list[int]:
    """The server's processes that serve a lane of this database; or what an action on them answers."""
    query = "SELECT {} FROM pg_stat_activity WHERE datname = {} AND application_name LIKE '%lane%'"
    return [
        row[0] for row in cluster.admin.execute(sql.SQL(query).format(sql.SQL(action), sql.Literal(database.name)))
    ]


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


# Groups


def test_a_thousand_at_once_are_recorded_in_few_commits(application: LedgerApplication, database: Database) -> None:
    reports = [report(f"r-{number}", claim(incident_id=f"i-{number % 7}")) for number in range(MANY)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: submit(application, each), reports))
    appended = [answer.result(SECONDS) for answer in answers]
    assert check_record(database.owner_url, [each.report_id for each in reports]) == 2 * MANY
    positions = [placed.position for each in appended for placed in each.events]
    assert sorted(positions) == list(range(1, 2 * MANY + 1))
    assert not any(each.already_recorded for each in appended)
    assert len({each.tree_size for each in appended}) < MANY / 10


def test_a_receipt_says_what_is_recorded(application: LedgerApplication, database: Database) -> None:
    appended = append(application, report("r", claim(), claim(incident_id="other")))
    with psycopg.connect(database.service_url) as connection:
        rows = connection.execute(
            "SELECT event_id::text, type, stream, revision, position, leaf, recorded_at FROM ledger_main.events"
            " ORDER BY position"
        ).fetchall()
        [(size, root, committed_at)] = connection.execute(
            "SELECT size_after, root, committed_at FROM ledger_main.commits"
        ).fetchall()
    placed = [(e.event_id, e.type, e.stream, e.revision, e.position, e.leaf) for e in appended.events]
    assert placed == [row[:6] for row in rows]
    assert {row[6] for row in rows} == {appended.recorded_at} == {committed_at}
    assert (appended.tree_size, appended.root) == (size, root)
    assert appended.missing == {"actors/turkey"}


def test_more_than_a_tile_and_more_than_a_batch(database: Database) -> None:
    claims = [claim(incident_id=f"i-{number}") for number in range(300)]
    with running(database.service_url) as application:
        answers = [submit(application, report(f"r-{number}", *claims)) for number in range(20)]
        sizes = {answer.result(SECONDS).tree_size for answer in answers}
    assert check_record(database.owner_url) == 20 * 301
    assert len(sizes) > 1, "a batch is bounded"
    with running(database.service_url) as application:
        append(application, report("after-a-restart"))
    assert check_record(database.owner_url) == 20 * 301 + 2


# Repeats


def test_the_same_report_gets_the_first_receipt_again(application: LedgerApplication, database: Database) -> None:
    first = append(application, report("r"))
    append(application, report("other"))
    again = append(application, report("r"))
    assert again.already_recorded
    assert not first.already_recorded
    assert (again.events, again.recorded_at) == (first.events, first.recorded_at)
    assert (again.tree_size, again.root) == (first.tree_size, first.root)
    assert check_record(database.owner_url) == 4


def test_repeats_within_one_batch_and_across(application: LedgerApplication, database: Database) -> None:
    with held_up(application, database):
        answers = [submit(application, report(f"r-{number % 10}")) for number in range(100)]
    appended = [answer.result(SECONDS) for answer in answers]
    appended += [append(application, report(f"r-{number}")) for number in range(10)]
    assert sum(not each.already_recorded for each in appended) == 10
    for number in range(10):
        same = appended[number::10]
        assert len({each.events for each in same}) == 1
    assert check_record(database.owner_url) == 22


def test_other_content_under_the_same_id_is_a_conflict(application: LedgerApplication, database: Database) -> None:
    one, other = report("r", title="One"), report("r", title="Other")
    append(application, one)
    with pytest.raises(ReportConflictError) as caught:
        append(application, other)
    digests = caught.value.values["recorded_digest"], caught.value.values["sent_digest"]
    assert len(set(digests)) == 2
    assert all(len(digest) == 64 for digest in digests)
    with held_up(application, database):
        answers = [submit(application, each) for each in (report("s", title="One"), report("s", title="Other"))]
    assert answers[0].result(SECONDS).events
    with pytest.raises(ReportConflictError):
        answers[1].result(SECONDS)
    assert check_record(database.owner_url) == 6


# Expectations


def test_expected_revisions(application: LedgerApplication, database: Database) -> None:
    append(application, report("a"), idlib=0)
    append(application, report("b"), idlib=1)
    append(application, report("c"), idlib=-2, homs=-1)
    for name, expected in (("idlib", 0), ("idlib", 2), ("idlib", 4), ("homs", 1), ("homs", -2)):
        with pytest.raises(RevisionConflictError) as caught:
            append(application, report("refused"), **{name: expected})
        [mismatch] = caught.value.mismatches
        assert mismatch.stream == f"incidents/{name}"
        assert mismatch.actual == (3 if name == "idlib" else 0)
    assert append(application, report("a"), idlib=7).already_recorded, "a repeat is answered whatever it expects"
    assert check_record(database.owner_url) == 6


def test_one_refused_request_leaves_its_batch_alone(application: LedgerApplication, database: Database) -> None:
    with held_up(application, database):
        answers = [
            application.submit(report(f"r-{n}"), {"incidents/idlib": 0}, "o", time.monotonic() + SECONDS)[1]
            for n in range(5)
        ]
        answers.append(submit(application, report("last")))
    assert answers[0].result(SECONDS).events[-1].revision == 1
    for answer in answers[1:5]:
        with pytest.raises(RevisionConflictError):
            answer.result(SECONDS)
    assert answers[5].result(SECONDS).events[-1].revision == 2
    assert check_record(database.owner_url, ["r-0", "last"]) == 6


@contextmanager
def held_up(application: LedgerApplication, database: Database) -> Iterator[None]:
    """Keeps the lane waiting at its insert, so that what is submitted meanwhile is one batch."""
    with psycopg.connect(database.owner_url) as blocking:
        blocking.execute("LOCK TABLE ledger_main.commits IN SHARE MODE")
        first = submit(application, report("before", claim(incident_id="before")))
        until(lambda: application.ledger_recorder.lane._busy_with and not application.ledger_recorder.lane._waiting)
        yield
        blocking.rollback()
    first.result(SECONDS)


def test_a_single_call_does_not_stand_behind_a_stream(application: LedgerApplication, database: Database) -> None:
    answers = [Future[Appended]() for _ in range(500)]
    deadline = time.monotonic() + SECONDS
    sendings = [Sending(report(f"s-{n}"), {}, deadline, answer) for n, answer in enumerate(answers)]
    streamed = [each.request for each in application.prepare(sendings, "observer")]
    with held_up(application, database):
        assert application.ledger_recorder.lane.submit_all(streamed, streamed=True) == len(streamed)
        single = submit(application, report("single", claim(incident_id="single")))
    position = single.result(SECONDS).events[0].position
    positions = [answer.result(SECONDS).events[0].position for answer in answers]
    assert positions == sorted(positions)
    assert position < positions[10]
    assert check_record(database.owner_url) == 2 * (len(streamed) + 2)


# Several writers


def test_two_lanes_of_one_process(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, seen_others = threading.Barrier(2), list[Guard]()
    tip = Guard.tip

    def counted(guard: Guard, connection: Connection) -> Tip:
        if guard._known is not None:
            seen_others.append(guard)
        return tip(guard, connection)

    monkeypatch.setattr(Guard, "tip", counted)
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(
            lambda name: append_many(database.service_url, name, TWO_LANES, ready=begun.wait), ("a", "b")
        )
        assert [len(each) for each in answers] == [TWO_LANES, TWO_LANES]
    assert len(seen_others) > ONE_AFTER_THE_OTHER, "they were in each other's way"
    ids = [f"{prefix}-{number}" for prefix in "ab" for number in range(TWO_LANES)]
    assert check_record(database.owner_url, ids) == 4 * TWO_LANES + READY


def test_two_processes(database: Database) -> None:
    command = [sys.executable, "-c", PROCESS, database.service_url]
    root = Path(__file__).parents[2]
    started = [subprocess.Popen([*command, name, str(TWO_LANES)], cwd=root) for name in "ab"]
    assert [process.wait(60) for process in started] == [0, 0]
    ids = [f"{prefix}-{number}" for prefix in "ab" for number in range(TWO_LANES)]
    assert check_record(database.owner_url, ids) == 4 * TWO_LANES + READY


def test_a_backlog_is_recorded_while_another_lane_goes_on(database: Database) -> None:
    """Decided as one batch it would be late each time, until the other lane rests."""
    done = threading.Event()

    def go_on(application: LedgerApplication) -> int:
        sent = 0
        while not done.is_set():
            append(application, report(f"single-{sent}", claim(incident_id="single")))
            sent += 1
        return sent

    with (
        running(database.service_url) as large,
        running(database.service_url) as small,
        ThreadPoolExecutor(1) as pool,
    ):
        prepared = [report(f"r-{number}", claim(incident_id=f"i-{number}")) for number in range(TWO_LANES)]
        going_on = pool.submit(go_on, small)
        try:
            positions = [
                answer.result(SECONDS).events[0].position for answer in [submit(large, each) for each in prepared]
            ]
        finally:
            done.set()
        sent = going_on.result(SECONDS)
    assert positions == sorted(positions), "what was put back keeps its place"
    assert sent > 1, "both went on"
    ids = [each.report_id for each in prepared] + [f"single-{number}" for number in range(sent)]
    assert check_record(database.owner_url, ids) == 2 * len(ids)


def test_the_same_report_through_two_lanes_is_recorded_once(database: Database) -> None:
    with running(database.service_url) as one, running(database.service_url) as other:
        pairs = [(submit(one, report(f"r-{n}")), submit(other, report(f"r-{n}"))) for n in range(300)]
        for pair in pairs:
            first, second = (answer.result(SECONDS) for answer in pair)
            assert first.events == second.events
            assert (first.tree_size, first.root) == (second.tree_size, second.root)
            assert first.already_recorded != second.already_recorded
    assert check_record(database.owner_url) == 600


def test_expectations_hold_across_lanes(database: Database) -> None:
    with running(database.service_url) as one, running(database.service_url) as other:
        for revision in range(30):
            answers = [
                each.submit(
                    report(f"{name}-{revision}"), {"incidents/idlib": revision}, "o", time.monotonic() + SECONDS
                )[1]
                for name, each in (("one", one), ("other", other))
            ]
            errors = [answer.exception(SECONDS) for answer in answers]
            assert sorted(isinstance(error, RevisionConflictError) for error in errors) == [False, True]
    assert check_record(database.owner_url) == 60


# A database that fails


def test_backends_that_are_terminated_lose_and_double_nothing(
    cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LONGEST_PAUSE_SECONDS", 0.05)
    stopping = threading.Event()
    terminated: list[int] = []

    def terminate() -> None:
        with psycopg.connect(cluster.server.url(), autocommit=True) as connection:
            query = (
                "SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity"
                " WHERE datname = %s AND application_name LIKE '%%lane%%'"
            )
            while not stopping.wait(0.1):
                terminated.extend(row[0] for row in connection.execute(query, [database.name]))

    terminator = threading.Thread(target=terminate)
    with running(database.service_url) as application, running(database.service_url) as other:
        terminator.start()
        try:
            answers = []
            for number in range(KILLED):
                answers += [
                    submit(each, report(f"{name}-{number}")) for name, each in (("a", application), ("b", other))
                ]
                time.sleep(0.001)
            appended = [answer.result(SECONDS) for answer in answers]
        finally:
            stopping.set()
            terminator.join()
    assert len(terminated) > 5
    assert not any(each.already_recorded for each in appended), "nobody sent anything twice"
    positions = [placed.position for each in appended for placed in each.events]
    assert sorted(positions) == list(range(1, len(positions) + 1))
    ids = [f"{name}-{number}" for name in "ab" for number in range(KILLED)]
    assert check_record(database.owner_url, ids) == len(positions)


def test_an_unknown_outcome_is_looked_up(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application:
        append(application, report("first"))
        proxy.reply.arm(INSERTED)
        appended = append(application, report("unknown"))
        assert proxy.reply.done == 1
        assert not appended.already_recorded
        assert [placed.position for placed in appended.events] == [3, 4]
        assert append(application, report("after")).events[0].position == 5
    assert check_record(database.owner_url) == 6


def test_an_unknown_outcome_several_times_over(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application:
        append(application, report("first"))
        # Also cut where the server says that it has the commit already.
        proxy.reply.arm(INSERTED, TAKEN, TAKEN)
        appended = append(application, report("unknown"))
        assert proxy.reply.done == 3
        assert not appended.already_recorded
        assert [placed.position for placed in appended.events] == [3, 4]
    assert check_record(database.owner_url) == 4


def test_a_first_receipt_is_read_again_where_the_answer_is_lost(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application:
        first = append(application, report("first"))
        proxy.reply.arm(ENVELOPE)
        again = append(application, report("first"))
        assert proxy.reply.done == 1
        assert (again.already_recorded, again.events) == (True, first.events)
    assert check_record(database.owner_url) == 2


def test_an_unknown_outcome_while_another_writer_goes_on(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application, running(database.service_url) as other:
        append(application, report("first"))
        proxy.reply.arm(INSERTED)
        unknown = submit(application, report("unknown"))
        until(lambda: proxy.reply.done)
        for number in range(20):
            append(other, report(f"other-{number}"))
        appended = unknown.result(SECONDS)
        assert not appended.already_recorded
        assert [placed.position for placed in appended.events] == [3, 4]
    assert check_record(database.owner_url) == 44


def test_an_unknown_outcome_of_a_redaction(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application:
        filed = append(application, report("first", title="It names a victim"))
        proxy.reply.arm(COMMITTED)
        appended = append(application, report("redacting", redaction(filed.events[0].event_id)))
        assert proxy.reply.done == 1
        assert [placed.position for placed in appended.events] == [3, 4]
    assert check_record(database.owner_url) == 4
    with psycopg.connect(database.owner_url) as connection:
        rows = connection.execute("SELECT target_position, act_position FROM ledger_main.redactions").fetchall()
        assert rows == [(1, 4)]
        [(gone,)] = connection.execute(
            "SELECT payload IS NULL FROM ledger_main.events WHERE position = 1"
        ).fetchall()
        assert gone


def test_what_is_cut_before_it_arrives_is_sent_again(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application:
        append(application, report("first"))
        proxy.request.arm(ENVELOPE, ENVELOPE, ENVELOPE)
        assert append(application, report("cut")).events[0].position == 3
        assert proxy.request.done == 3
    assert check_record(database.owner_url) == 4


@pytest.mark.usefixtures("impatient")
def test_deadlines_are_kept_while_the_network_is_stalled(
    proxy: Proxy, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "STUCK_SECONDS", SECONDS)
    with running(proxy.url) as application:
        append(application, report("first"))
        proxy.stalled.set()
        began = time.monotonic()
        being_recorded = submit(application, report("being-recorded"), seconds=0.4)
        until(lambda: application.ledger_recorder.lane._busy_with)
        waiting = submit(application, report("waiting"), seconds=0.5)
        with pytest.raises(DeadlineError):
            application.append_report(report("blocking"), {}, "observer", 0.6)
        for answer in (being_recorded, waiting):
            with pytest.raises(DeadlineError):
                answer.result(0)
        assert time.monotonic() - began < 1.2
        monkeypatch.setattr(lane, "STUCK_SECONDS", 1.0)
        patient = submit(application, report("patient"))
        until(lambda: application.ledger_recorder.lane._writer is None)  # its connection is cut
        proxy.stalled.clear()
        assert patient.result(SECONDS).events
        again = append(application, report("being-recorded"))
        assert again.events[0].position > 2
    ids = ["first", "being-recorded", "patient"]
    assert check_record(database.owner_url, ids) == 2 * len(ids), "what only waited is not recorded"


@pytest.mark.usefixtures("impatient")
def test_what_arrives_late_on_a_connection_given_up_is_recorded_once(
    proxy: Proxy, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with running(proxy.url) as application:
        append(application, report("first"))
        proxy.stalled.set()
        answers = [submit(application, report(f"r-{number}")) for number in range(50)]
        until(lambda: "its connection is cut" in caplog.text)
        time.sleep(0.2)  # the insert is still on its way, and the lane has begun to connect again
        proxy.stalled.clear()
        appended = [answer.result(SECONDS) for answer in answers]
        assert not any(each.already_recorded for each in appended)
    assert check_record(database.owner_url) == 102


@pytest.mark.usefixtures("impatient")
def test_a_stop_does_not_wait_for_a_stalled_network(proxy: Proxy, database: Database) -> None:
    with running(proxy.url) as application:
        append(application, report("first"))
        proxy.stalled.set()
        answer = submit(application, report("second"))
        began = time.monotonic()
    assert time.monotonic() - began < 8.0
    assert isinstance(answer.exception(0), UnavailableError | DeadlineError)
    proxy.stalled.clear()
    assert check_record(database.owner_url) in (2, 4)


def test_a_database_that_comes_later_and_goes_in_between(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LONGEST_PAUSE_SECONDS", 0.1)
    folder = tmp_path / "data"
    server = EmbeddedPostgres(folder, durable=False, bin_dir=cluster.bin_dir)
    with server:
        install(server.url())
        create_ledger(server.url(), "main")
        with proxied(server.url()) as proxy:
            server.stop()
            with running(proxy.url) as application:
                with pytest.raises(DeadlineError):
                    append_in(application, report("too-early"), seconds=0.3)
                early = submit(application, report("early"))
                restart(server, proxy)
                assert early.result(SECONDS).events[0].position == 1
                server.stop()
                between = submit(application, report("in-between"))
                time.sleep(0.2)
                restart(server, proxy)
                assert between.result(SECONDS).events[0].position == 3
        assert check_record(server.url(), ["early", "in-between"]) == 4


def append_in(application: LedgerApplication, sent: Report, seconds: float) -> Appended:
    return application.append_report(sent, {}, "observer", seconds)[0]


def restart(server: EmbeddedPostgres, proxy: Proxy) -> None:
    """Starts the server again, which then has a socket of another name."""
    server.start()
    proxy.retarget(server.url())


# Bounds


def small_lane(database: Database, **limits: int) -> WriterLane:
    return WriterLane("main", database.service_url, limits=Limits(**limits))


def request_of(application: LedgerApplication, report_id: str, seconds: float = SECONDS) -> AppendRequest:
    """A request as the application makes it, not yet submitted."""
    made: list[AppendRequest] = []

    class Taken:
        def submit(self, request: AppendRequest) -> None:
            made.append(request)

    real, application.ledger_recorder.lane = application.ledger_recorder.lane, Taken()  # type: ignore[assignment]
    try:
        application.submit(report(report_id), {}, "observer", time.monotonic() + seconds)
    finally:
        application.ledger_recorder.lane = real
    return made[0]


def answer_to(request: AppendRequest) -> Future[Appended]:
    assert isinstance(request.answer, Future)
    return request.answer


@pytest.mark.parametrize("limits", [{"max_queued_reports": 5}, {"max_queued_bytes": 1_500}])
def test_a_full_queue_is_told_at_once(
    application: LedgerApplication, database: Database, limits: dict[str, int]
) -> None:
    requests = [request_of(application, f"r-{number}") for number in range(50)]
    bounded = small_lane(database, **limits)
    taken = []
    try:
        with psycopg.connect(database.owner_url) as blocking:
            blocking.execute("LOCK TABLE ledger_main.commits IN SHARE MODE")
            for request in requests:
                with suppress(OverloadedError):
                    bounded.submit(request)
                    taken.append(request)
            with pytest.raises(OverloadedError, match="try again in 1 s"):
                bounded.submit(requests[0])
        assert 3 <= len(taken) <= 12
        for request in taken:
            assert answer_to(request).result(SECONDS).events
    finally:
        bounded.stop()
    assert check_record(database.owner_url, [each.report_id for each in taken]) == 2 * len(taken)


def test_a_batch_is_bounded_in_events_and_bytes(application: LedgerApplication, database: Database) -> None:
    requests = [request_of(application, f"r-{number}") for number in range(40)]
    bounded = small_lane(database, max_commit_events=6, max_commit_bytes=100_000)
    try:
        for request in requests:
            bounded.submit(request)
        sizes = [answer_to(request).result(SECONDS).tree_size for request in requests]
    finally:
        bounded.stop()
    assert len(set(sizes)) >= 40 / 3
    assert sizes == sorted(sizes), "recorded in the order in which they came"
    assert check_record(database.owner_url) == 80


def test_what_has_waited_too_long_is_not_recorded(application: LedgerApplication, database: Database) -> None:
    with held_up(application, database):
        late = submit(application, report("late"), seconds=0.2)
        in_time = submit(application, report("in-time"))
        time.sleep(0.3)
    with pytest.raises(DeadlineError):
        late.result(SECONDS)
    assert in_time.result(SECONDS).events
    with psycopg.connect(database.owner_url) as connection:
        ids = connection.execute("SELECT report_id FROM ledger_main.events WHERE type = 'ReportFiled'").fetchall()
    assert ("late",) not in ids
    assert ("in-time",) in ids


def test_a_stop_records_what_waits_and_refuses_what_comes_after(database: Database) -> None:
    application = LedgerApplication("main", database.service_url)
    answers = [submit(application, report(f"r-{number}")) for number in range(500)]
    application.close()
    assert all(answer.done() for answer in answers)
    assert check_record(database.owner_url, [f"r-{number}" for number in range(500)]) == 1_000
    with pytest.raises(UnavailableError, match="stopping"):
        submit(application, report("after"))


def test_a_stop_while_the_database_is_away_refuses_what_waits(
    cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = LedgerApplication("main", database.service_url)
    append(application, report("first"))
    cluster.admin.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(sql.Identifier(database.name)))
    cluster.admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name]
    )
    answers = [submit(application, report(f"r-{number}")) for number in range(20)]
    began = time.monotonic()
    application.close()
    assert time.monotonic() - began < 10
    assert {type(answer.exception(0)) for answer in answers} == {UnavailableError}
    assert check_record(cluster.server.url(database.name)) == 2


def test_an_answer_that_nobody_waits_for_harms_nobody(application: LedgerApplication, database: Database) -> None:
    with held_up(application, database):
        answers = [submit(application, report(f"r-{number}")) for number in range(5)]
        assert answers[2].cancel()
    for index in (0, 1, 3, 4):
        assert answers[index].result(SECONDS).events
    check_record(database.owner_url, ["r-0", "r-4"])


def test_what_the_database_refuses_is_refused_alone(database: Database) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("ALTER TABLE ledger_main.events ADD CONSTRAINT unwanted CHECK (report_id <> 'unwanted')")
    with running(database.service_url) as application:
        with held_up(application, database):
            answers = [submit(application, report(name)) for name in ("a", "unwanted", "b")]
        assert answers[0].result(SECONDS).events
        assert answers[2].result(SECONDS).events
        with pytest.raises(UnavailableError, match="23514"):
            answers[1].result(SECONDS)
    assert check_record(database.owner_url, ["a", "b"]) == 6


def test_a_commit_is_durable_whatever_the_default_is(
    application: LedgerApplication, cluster: Cluster, database: Database
) -> None:
    assert cluster.admin.execute("SHOW synchronous_commit").fetchone() == ("off",)
    append(application, report("r"))
    assert application.ledger_recorder.lane._writer is not None
    shown = application.ledger_recorder.lane._writer.connection.execute("SHOW synchronous_commit").fetchone()
    assert shown == ("on",)
    assert backends(cluster, database)
