"""The made-up record that projections are measured on: what the domain takes, the same each time, and mixed as it
says."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from benchmarks.mixed import ACTS, CLAIMS_A_REPORT, MIX, Mix, told
from benchmarks.mixed_claims import OWN
from benchmarks.placed import groups
from ledger.domain.reports import EVENT_TYPES, event_from_payload
from ledger.persistence.records import NewEvent
from projections.service import READ_MODELS

EVENTS = 30_000


@pytest.fixture(scope="module")
def events() -> list[NewEvent]:
    return [event for request in Mix(EVENTS).requests() for event in request.events]


def test_it_has_as_many_events_as_asked_for(events: list[NewEvent]) -> None:
    assert EVENTS <= len(events) <= EVENTS + max(CLAIMS_A_REPORT) + 1


def test_every_payload_is_what_the_domain_would_store(events: list[NewEvent]) -> None:
    assert {each.type for each in events} == {*MIX, "ReportFiled"}
    for each in events:
        decoded = event_from_payload(each.type, each.payload)
        if each.type != "ReportFiled":  # whose payload begins with its type
            assert decoded.to_payload() == each.payload


def test_it_is_the_same_each_time_and_another_where_it_goes_on() -> None:
    once, again = ([request.events for request in Mix(3_000).requests()] for _ in range(2))
    assert once == again
    ids = {event.event_id for events in once for event in events}
    more = Mix(1_000, prefix="more-", seed=8, first_day=date(2022, 1, 1), days=30)
    assert ids.isdisjoint(event.event_id for request in more.requests() for event in request.events)


def test_its_shares_are_those_that_it_says(events: list[NewEvent]) -> None:
    counted = Counter(each.type for each in events)
    stated = sum(counted.values()) - counted["ReportFiled"]
    assert sum(MIX.values()) == 10_000
    for name, share in MIX.items():
        if share >= 100:  # of the others there are too few to be counted on
            assert counted[name] / stated == pytest.approx(share / 10_000, rel=0.2), name
    of_few = [name for name, share in MIX.items() if share < 100]
    assert sum(counted[name] for name in of_few) / stated == pytest.approx(
        sum(MIX[name] for name in of_few) / 10_000, rel=0.2
    )
    acts = sum(counted[name] for name in ACTS) - 61  # the register with which it begins
    assert 0.003 < acts / stated < 0.009
    assert f"TroopsKilled {MIX['TroopsKilled'] / 100:g} %" in told()["mix of what reports state"]


def test_it_has_claims_for_every_read_model() -> None:
    assert set(MIX) - ACTS == set(OWN)
    for model in READ_MODELS:
        assert model.claim_types & set(MIX), model.name
    assert {"ClaimCorrected", "ClaimRetracted", "ReportRetracted", "IncidentsMerged"} <= set(MIX) & set(EVENT_TYPES)


def test_commits_are_of_at_least_so_many_events() -> None:
    requests = list(Mix(1_000).requests())
    grouped = list(groups(requests, 100))
    assert [each for group in grouped for each in group] == requests
    assert all(sum(len(each.events) for each in group) >= 100 for group in grouped[:-1])
