"""Acts on a stream that others write to at the same time: all of them are recorded, each decided on what it met."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.application import LedgerApplication
from ledger.domain.reports import Report
from ledger.errors import NotPossibleError
from ledger.persistence.connecting import connect
from ledger.persistence.records import Appended
from ledger.persistence.writer import Writer
from tests.postgres import Database

pytestmark = pytest.mark.newest
SECONDS = 20.0
THREADS = 8
ROUNDS = 12
STREAM = "incidents/one"


@pytest.fixture
def applications(database: Database) -> Iterator[list[LedgerApplication]]:
    """The same ledger in two applications, as two processes would have it."""
    opened = [LedgerApplication("main", database.service_url) for _ in range(2)]
    yield opened
    for each in opened:
        each.close()


def append(application: LedgerApplication, report_id: str, item: dict[str, Any]) -> Appended:
    content = {"report_id": report_id, "source": {"name": "An outlet"}, "reported": "2020-02-12", "claims": [item]}
    return application.append_report(Report.model_validate(content), {}, "tester", SECONDS)[0]


def claim(application: LedgerApplication, report_id: str) -> str:
    """Records a claim on the one stream; gives its event id."""
    item = {
        "type": "TroopsKilled",
        "occurred": "2020-02-10",
        "incident_id": "one",
        "victim_party": "a",
        "count": 5,
    }
    return str(append(application, report_id, item).events[1].event_id)


def retract(application: LedgerApplication, report_id: str, target: str) -> Appended:
    return append(application, report_id, {"type": "ClaimRetracted", "target_event_id": target, "reason": "error"})


def test_every_act_on_a_busy_stream_is_recorded(applications: list[LedgerApplication]) -> None:
    def act_and_claim(number: int) -> int:
        application = applications[number % len(applications)]
        for step in range(ROUNDS):
            retract(application, f"act-{number}-{step}", claim(application, f"claim-{number}-{step}"))
        return ROUNDS

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(act_and_claim, range(THREADS))) == THREADS * ROUNDS
    stream = applications[0].stream(STREAM)
    assert stream is not None
    assert stream.version == 2 * THREADS * ROUNDS


def test_of_two_retractions_of_one_claim_at_once_one_is_refused(applications: list[LedgerApplication]) -> None:
    def retracted(report_id: str, application: LedgerApplication, target: str) -> bool:
        try:
            retract(application, report_id, target)
        except NotPossibleError:
            return False
        return True

    with ThreadPoolExecutor(len(applications)) as threads:
        for step in range(ROUNDS):
            target = claim(applications[0], f"claim-{step}")
            names = [f"act-{step}-{number}" for number in range(len(applications))]
            done = threads.map(retracted, names, applications, [target] * len(applications))
            assert sorted(done) == [False, True]


def test_the_newest_act_after_a_revision_is_found(
    database: Database, applications: list[LedgerApplication]
) -> None:
    target = claim(applications[0], "first")  # revision 1
    retract(applications[0], "act", target)  # revision 2
    claim(applications[0], "second")  # revision 3
    with connect(database.service_url, "test") as connection:
        writer = Writer("main", connection)
        assert writer.acts({STREAM: 1, "incidents/none": 1}) == {STREAM: 2}
        assert writer.acts({STREAM: 2}) == {}
        assert writer.acts({}) == {}
