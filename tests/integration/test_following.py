"""Subscriptions against real service processes: what is heard when nothing passes the filter, when another process
commits, when a connection or the database is lost, and how a subscription ends."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from campaigns.proxy import proxied
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from ledger.api.following import RETRY_SECONDS
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.log import EventLog
from ledger.persistence.notices import channel_of, sizes
from ledger.persistence.provision import provision
from tests.integration.test_ledger_service import append, detail_of, killed, report, size_of
from tests.integration.test_outages import eventually
from tests.postgres import Database
from tests.repository.checkout import read
from tests.repository.documents import blocks
from tests.served import ServiceProcess, serving
from tests.subscribed import Subscriber

pytestmark = pytest.mark.newest
SUBSCRIPTIONS = 200
MAX_CONNECTIONS = 10
MAX_THREADS = 40
READERS, SLEEPERS = 8, 16
REPORTS, CLAIMS = 24, 999
"""More than what makes a subscription fall behind; 27 megabytes for each sleeper, if they were kept for it."""
MAX_GROWTH_MEGABYTES = 200
WORDS = "x" * 800
LITTLE_ROOM = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)
NOBODY = records_pb2.EventFilter(actor_ids=["somebody-else"])
LISTENING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'incident-ledger listen main'"
OF_THE_SERVICE = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'incident-ledger %'"


@pytest.fixture
def service(database: Database) -> Iterator[ServiceProcess]:
    with serving("--role", "write", environment={"LEDGER_DATABASE_URL": database.service_url}) as running:
        yield running


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def channel(service: ServiceProcess) -> Iterator[grpc.Channel]:
    with service.channel() as made:
        yield made


def resume_after(error: Any) -> str:
    return str(detail_of(error, ErrorInfo).metadata["resume_after"])


def of_process(service: ServiceProcess, what: str) -> int:
    """A number that the system tells of the service's process."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{what}:"))


def is_refused(channel: grpc.Channel) -> bool:
    """Whether the service takes no calls any more."""
    try:
        size_of(LedgerServiceStub(channel))
    except grpc.RpcError:
        return True
    return False


def large_report(report_id: str) -> records_pb2.Report:
    claims = [killed(f"i{number}") for number in range(CLAIMS)]
    for claim in claims:
        claim.words = WORDS
    return report(report_id, *claims)


def listeners(admin: psycopg.Connection[Any]) -> set[int]:
    return {pid for (pid,) in admin.execute(LISTENING)}


def test_where_nothing_passes_the_filter_progress_and_head_are_told_all_the_same(channel: grpc.Channel) -> None:
    ledgers = LedgerServiceStub(channel)
    append(ledgers, report("r1"))
    nothing = Subscriber(channel, filter=NOBODY).start()
    assert nothing.wait_for("checkpoint").position == 2
    assert nothing.wait_for("caught_up").position == 2
    append(ledgers, report("r2"))
    nothing.wait(lambda each: each.said[-1].checkpoint.position == 4)
    assert nothing.wait_for("heartbeat").head == 4
    assert nothing.positions == []


def test_a_time_of_recording_that_is_over_is_progress_too(channel: grpc.Channel) -> None:
    ledgers = LedgerServiceStub(channel)
    append(ledgers, report("r1"))
    long_ago = records_pb2.EventFilter()
    long_ago.recorded_before.FromJsonString("2001-01-01T00:00:00Z")
    nothing = Subscriber(channel, filter=long_ago).start()
    assert nothing.wait_for("caught_up").position == 2
    append(ledgers, report("r2"))
    nothing.wait(lambda each: each.said[-1].checkpoint.position == 4)
    assert nothing.positions == []


def test_a_notice_is_heard_and_the_head_is_read_first(database: Database) -> None:
    async def first_two() -> list[int]:
        async with aclosing(sizes(EventLog("main"), database.service_url)) as heard:
            first = await anext(heard)
            with psycopg.connect(database.service_url, autocommit=True) as another:
                # Larger than the ledger is: no look at the head would find it.
                another.execute("SELECT pg_notify(%s, '7')", (channel_of("main"),))
            while (second := await anext(heard)) == first:
                pass
            return [first, second]

    assert asyncio.run(asyncio.wait_for(first_two(), 20)) == [0, 7]


def test_what_the_database_does_not_have_is_not_taken_for_looked_at(
    channel: grpc.Channel, admin: psycopg.Connection[Any]
) -> None:
    ledgers = LedgerServiceStub(channel)
    append(ledgers, report("r1"))
    since, until = records_pb2.EventFilter(), records_pb2.EventFilter()
    since.recorded_from.FromJsonString("2001-01-01T00:00:00Z")
    until.recorded_before.FromJsonString("2001-01-01T00:00:00Z")
    everything, of_time = Subscriber(channel).start(), Subscriber(channel, filter=since).start()
    nobody, long_ago = Subscriber(channel, filter=NOBODY).start(), Subscriber(channel, filter=until).start()
    for each in (everything, of_time, nobody, long_ago):
        assert each.wait_for("caught_up").position == 2
    # As from a database that has since been set back to a state without these events.
    admin.execute("SELECT pg_notify(%s, '1000')", (channel_of("main"),))
    time.sleep(2 * RETRY_SECONDS)
    append(ledgers, report("r2"))
    for each in (everything, of_time):
        assert each.wait(lambda each: len(each.positions) == 4).positions == [1, 2, 3, 4]
    nobody.wait(lambda each: each.said[-1].checkpoint.position == 4)
    for each in (nobody, long_ago):
        told = [message.checkpoint.position for message in each.said if message.HasField("checkpoint")]
        assert set(told) <= {2, 4}


def test_what_another_process_commits_arrives_although_the_listening_connection_is_lost(
    database: Database, service: ServiceProcess, admin: psycopg.Connection[Any]
) -> None:
    with (
        serving("--role", "write", environment={"LEDGER_DATABASE_URL": database.service_url}) as other,
        service.channel() as here,
        other.channel() as there,
    ):
        ledgers = LedgerServiceStub(there)
        append(ledgers, report("r0"))
        subscriber = Subscriber(here).start()
        for number in range(1, 4):
            eventually(lambda: len(listeners(admin)) == 1)
            before = listeners(admin)
            append(ledgers, report(f"before-{number}"))
            admin.execute("SELECT pg_terminate_backend(pid) FROM (" + LISTENING + ") AS listening")
            append(ledgers, report(f"after-{number}"))
            eventually(lambda before=before: bool(listeners(admin) - before))  # type: ignore[misc]
        last = 14
        subscriber.wait(lambda each: len(each.positions) >= last)
        assert subscriber.positions == list(range(1, last + 1))
        assert subscriber.ended is None


def test_many_subscriptions_share_few_connections_and_threads(
    service: ServiceProcess, channel: grpc.Channel, admin: psycopg.Connection[Any]
) -> None:
    subscribers = [Subscriber(channel).start() for _ in range(SUBSCRIPTIONS)]
    for each in subscribers:
        each.wait_for("caught_up")
    receipt = append(LedgerServiceStub(channel), report("r1"))
    for each in subscribers:
        each.wait(lambda one: len(one.positions) == len(receipt.events))
    assert 0 < admin.execute(OF_THE_SERVICE).fetchone()[0] <= MAX_CONNECTIONS  # type: ignore[index]
    assert of_process(service, "Threads") <= MAX_THREADS
    for each in subscribers:
        each.call.cancel()
    eventually(lambda: not listeners(admin))


def test_clients_that_do_not_read_cost_little_keep_nobody_waiting_and_catch_up_later(
    service: ServiceProcess,
) -> None:
    with ExitStack() as stack:
        # A connection for each, with little room in the client: what it does not read stays with the service.
        own = [grpc.insecure_channel(service.address, LITTLE_ROOM) for _ in range(READERS + SLEEPERS)]
        channels = [stack.enter_context(each) for each in own]
        ledgers = LedgerServiceStub(channels[0])
        subscribers = [Subscriber(each).start() for each in channels]
        sleepers = subscribers[READERS:]
        for each in subscribers:
            each.wait_for("caught_up")
        for each in sleepers:
            each.reads.clear()
        append(ledgers, large_report("warm"))
        before = of_process(service, "VmHWM")
        for number in range(REPORTS):
            append(ledgers, large_report(f"r{number}"))
        everything = list(range(1, (REPORTS + 1) * (CLAIMS + 1) + 1))
        for each in subscribers[:READERS]:
            each.wait(lambda one: len(one.positions) == len(everything))
            assert each.positions == everything
        assert of_process(service, "VmHWM") - before < MAX_GROWTH_MEGABYTES * 1024
        for each in sleepers:
            assert len(each.positions) < len(everything) // 2
            each.reads.set()
        for each in sleepers:
            each.wait(lambda one: len(one.positions) == len(everything) and one.kinds().count("caught_up") == 2)
            assert each.positions == everything
            assert [kind for kind in each.kinds() if kind != "heartbeat"] == [
                "caught_up",
                "fell_behind",
                "caught_up",
            ]


def test_a_record_that_contradicts_itself_ends_a_subscription_with_where_to_resume(
    channel: grpc.Channel, admin: psycopg.Connection[Any]
) -> None:
    ledgers = LedgerServiceStub(channel)
    for number in range(3):
        append(ledgers, report(f"r{number}"))
    admin.execute("ALTER TABLE ledger_main.events DISABLE TRIGGER ALL")
    admin.execute("DELETE FROM ledger_main.events WHERE position = 5")
    subscriber = Subscriber(channel, batch_size=2).start()
    error = subscriber.wait_for_end()
    assert error.code() is grpc.StatusCode.DATA_LOSS
    assert resume_after(error) == "4"
    assert subscriber.positions == [1, 2, 3, 4]


def test_a_database_that_is_away_for_a_while_is_outlasted_and_for_long_ends_with_where_to_resume(
    server: EmbeddedPostgres,
) -> None:
    urls = provision(server.url(), service_password="service")
    install(urls.owner_url)
    environment = {"LEDGER_DATABASE_URL": urls.service_url}
    with serving("--role", "write", environment=environment) as service, service.channel() as channel:
        ledgers = LedgerServiceStub(channel)
        append(ledgers, report("r1"))
        subscriber = Subscriber(channel).start()
        subscriber.wait_for("caught_up")
        server.stop()
        subscriber.wait_for("heartbeat")
        server.start()
        append(ledgers, report("r2", killed("x"), killed("y")))
        subscriber.wait(lambda each: len(each.positions) == 5)
        assert (subscriber.positions, subscriber.ended) == ([1, 2, 3, 4, 5], None)
        server.stop()
        error = subscriber.wait_for_end()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "the database is away" in error.details()
        assert resume_after(error) == "5"
        refused = Subscriber(channel, after=5).start().wait_for_end()
        assert (refused.code(), resume_after(refused)) == (grpc.StatusCode.UNAVAILABLE, "5")


def test_a_database_that_says_nothing_does_not_make_a_subscription_quiet_and_ends_it_after_a_while(
    database: Database,
) -> None:
    with (
        proxied(database.service_url) as proxy,
        serving("--role", "write", environment={"LEDGER_DATABASE_URL": proxy.url}) as service,
        service.channel() as channel,
    ):
        append(LedgerServiceStub(channel), report("r1"))
        live = Subscriber(channel).start()
        live.wait_for("caught_up")
        proxy.stalled.set()
        try:
            assert live.wait_for("heartbeat").head == 2
            error = live.wait_for_end()
        finally:
            proxy.stalled.clear()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert resume_after(error) == "2"
        again = Subscriber(channel, after=2).start()
        append(LedgerServiceStub(channel), report("r2"))
        again.wait(lambda each: each.positions == [3, 4])


def test_a_stop_ends_a_subscription_that_is_catching_up_with_where_to_resume(
    service: ServiceProcess, channel: grpc.Channel
) -> None:
    ledgers = LedgerServiceStub(channel)
    append(ledgers, large_report("r1"))
    subscriber = Subscriber(channel, batch_size=1)
    subscriber.reads.clear()
    subscriber.start().wait(lambda each: len(each.positions) == 1)
    service.process.terminate()
    eventually(lambda: is_refused(channel))
    subscriber.reads.set()
    error = subscriber.wait_for_end()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert subscriber.positions == list(range(1, int(resume_after(error)) + 1))
    assert len(subscriber.positions) < CLAIMS


def test_the_program_of_the_how_to_page_goes_on_through_a_restart(database: Database) -> None:
    (program,) = (
        block.text for block in blocks(read("docs/how-to/follow-a-ledger.md")) if "follow.py" in block.text
    )
    names: dict[str, Any] = {}
    exec(compile(program, "follow.py", "exec"), names)
    seen: list[int] = []
    environment = {"LEDGER_DATABASE_URL": database.service_url}
    with serving("--role", "write", environment=environment) as first, first.channel() as channel:
        append(LedgerServiceStub(channel), report("r1"))
        arguments = (first.address, 0, lambda event: seen.append(event.position))
        Thread(target=names["follow"], args=arguments, daemon=True).start()
        eventually(lambda: seen == [1, 2])
    with (
        serving("--role", "write", "--listen", first.address, environment=environment) as second,
        second.channel() as channel,
    ):
        append(LedgerServiceStub(channel), report("r2"))
        eventually(lambda: seen == [1, 2, 3, 4])
