"""The recorder against the library's own test cases, on every PostgreSQL that the tests run on."""

from typing import Any
from unittest import TestCase
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.tests.persistence import ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase

from ledger.persistence.recorder import LedgerRecorder
from tests.postgres import Database


class _OnOurDatabase:
    """Gives the library's cases our recorder; run by the test below, because they take no fixtures."""

    url = ""
    recorders: tuple[LedgerRecorder, ...] = ()

    def new_originator_id(self) -> str:
        return f"incidents/{uuid4()}"

    def create_recorder(self) -> Any:
        self.recorders += (LedgerRecorder("main", self.url),)
        return self.recorders[-1]


class _ApplicationRecorder(_OnOurDatabase, ApplicationRecorderTestCase[LedgerRecorder]):
    __test__ = False


class _NonInterleaving(_OnOurDatabase, NonInterleavingNotificationIDsBaseCase):
    __test__ = False


_CASES = [
    (case, name)
    for case in (_ApplicationRecorder, _NonInterleaving)
    for name in sorted(dir(case))
    if name.startswith("test")
]


@pytest.mark.parametrize(("case", "name"), _CASES, ids=lambda value: getattr(value, "__name__", value))
def test_the_library_s_own_case(case: type[TestCase], name: str, database: Database) -> None:
    running: Any = case(name)
    running.url = database.service_url
    try:
        running.debug()
    finally:
        for recorder in running.recorders:
            recorder.close()


def test_the_library_s_cases_are_found() -> None:
    assert {name for _, name in _CASES} >= {"test_insert_select", "test_concurrent_no_conflicts", "test"}


def test_a_subscription_delivers_what_is_appended_later(database: Database) -> None:
    recorder = LedgerRecorder("main", database.service_url)
    case = _ApplicationRecorder("test_insert_select")
    try:
        with recorder.subscribe(gt=0) as subscription:
            for number in range(3):
                stream = case.new_originator_id()
                event = _stored(stream, number)
                recorder.insert_events([event])
                assert next(iter(subscription)).state == event.state
    finally:
        recorder.close()


def _stored(stream: str, number: int) -> StoredEvent:
    return StoredEvent(stream, 1, "Anything", f"state {number}".encode())
