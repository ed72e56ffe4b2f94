"""A small kill campaign on every PostgreSQL, and its checker against records that were tampered with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from campaigns import answers, record
from campaigns.answers import Answers
from campaigns.kill import Plan, run
from campaigns.outcome import Outcome
from campaigns.record import Record
from tests.postgres import Cluster

pytestmark = pytest.mark.newest
PLAN = Plan(seed=20200212, clients=4, reports=300, kills=4, processes=1)


@dataclass(frozen=True)
class Campaign:
    """A campaign that is over, and what the database held then."""

    outcome: Outcome
    held: Record


@pytest.fixture(scope="module")
def campaign(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """One campaign for each version of PostgreSQL."""
    with cluster.database() as own:
        outcome = run(PLAN, own.service_url, own.admin_url, tmp_path_factory.mktemp("campaign"))
        yield Campaign(outcome, record.read(own.admin_url))


def test_no_promise_is_broken_although_both_services_are_killed(campaign: Campaign) -> None:
    assert campaign.outcome.faults == []
    compared = campaign.outcome.figures["read models equal to their rebuild"]
    assert compared == "casualties, ceasefires, incidents, threats"


def test_the_campaign_did_what_it_is_for(campaign: Campaign) -> None:
    told = campaign.outcome.answers
    assert campaign.outcome.figures["kills"] >= PLAN.kills  # type: ignore[operator]
    assert told.reports == PLAN.sent()
    assert told.retries()["UNAVAILABLE"] > 0
    assert told.altered > 0
    assert any(each["delivery"] == "again" for each in told.acknowledged)
    assert any(each["delivery"] == "twice" for each in told.acknowledged)
    types = {event.type for event in campaign.held.events}
    assert {"ClaimRetracted", "ClaimCorrected", "ClaimAssessed", "CeasefireViolated", "TollClaimed"} <= types


def some(held: Record) -> int:
    """Index of a claim in the middle of the record, with a payload and with an event after it."""
    middle = len(held.events) // 2
    found = (index for index, event in enumerate(held.events[middle:-1], middle) if event.type == "TroopsKilled")
    return next(index for index in found if held.events[index].payload)


def with_event(held: Record, **changes: object) -> Record:
    index, events = some(held), list(held.events)
    events[index] = replace(events[index], **changes)  # type: ignore[arg-type]
    return replace(held, events=events)


def with_commit(held: Record, index: int, **changes: object) -> Record:
    commits = list(held.commits)
    commits[index] = replace(commits[index], **changes)  # type: ignore[arg-type]
    return replace(held, commits=commits)


def without_event(held: Record) -> Record:
    index = some(held)
    return replace(held, events=[*held.events[:index], *held.events[index + 1 :]])


def swapped(held: Record) -> Record:
    """Two events have changed places, their positions with them."""
    index, events = some(held), list(held.events)
    first, second = events[index : index + 2]
    events[index] = replace(second, position=first.position)
    events[index + 1] = replace(first, position=second.position)
    return replace(held, events=events)


TAMPERINGS: dict[str, tuple[Callable[[Record], Record], str]] = {
    "an event is gone": (without_event, "order"),
    "two events are swapped": (swapped, "roots"),
    "a payload is changed": (lambda held: with_event(held, payload=b"{}"), "envelopes"),
    "a payload is gone": (lambda held: with_event(held, payload=None, salt=None), "envelopes"),
    "an envelope is changed": (
        lambda held: with_event(held, envelope=held.events[some(held) + 1].envelope),
        "roots",
    ),
    "a column is changed": (lambda held: with_event(held, type="ThreatIssued"), "envelopes"),
    "a leaf is changed": (lambda held: with_event(held, leaf=held.events[some(held) + 1].leaf), "envelopes"),
    "a revision is skipped": (
        lambda held: with_event(held, revision=held.events[some(held)].revision + 1),
        "streams",
    ),
    "an id is used twice": (
        lambda held: with_event(held, event_id=held.events[some(held) + 1].event_id),
        "identities",
    ),
    "a report is torn": (lambda held: with_event(held, report_id="another"), "wholeness"),
    "a root is changed": (lambda held: with_commit(held, 9, root=held.commits[8].root), "roots"),
    "a commit is gone": (lambda held: replace(held, commits=[*held.commits[:9], *held.commits[10:]]), "chain"),
    "a time goes back": (
        lambda held: with_commit(held, 9, committed_at=held.commits[8].committed_at - timedelta(seconds=1)),
        "chain",
    ),
    "a tile is changed": (lambda held: replace(held, tiles={**held.tiles, (0, 0): bytes(8192)}), "tiles"),
    "a tile is gone": (lambda held: replace(held, tiles={}), "tiles"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_the_checker_finds_what_was_tampered_with(campaign: Campaign, tampering: str) -> None:
    change, check = TAMPERINGS[tampering]
    found = record.faults(change(campaign.held))
    assert any(fault.startswith(f"{check}: ") for fault in found), found


def missing(held: Record, report_id: str) -> Record:
    return replace(held, events=[event for event in held.events if event.report_id != report_id])


def test_an_acknowledged_report_that_is_missing_or_elsewhere_is_found(campaign: Campaign) -> None:
    told, sent = campaign.outcome.answers, PLAN.sent()
    report_id = told.acknowledged[20]["report_id"]
    assert any(report_id in fault for fault in answers.faults(told, missing(campaign.held, report_id), sent))
    moved = with_event(campaign.held, position=10**6)
    assert any(str(10**6) in fault for fault in answers.faults(told, moved, sent))


def test_a_report_that_was_acknowledged_twice_as_new_is_found(campaign: Campaign) -> None:
    told = campaign.outcome.answers
    new = next(each for each in told.acknowledged if not each["already_recorded"])
    twice = Answers(acknowledged=[*told.acknowledged, new])
    assert any("as new" in fault for fault in answers.faults(twice, campaign.held, PLAN.sent()))


def test_a_report_that_was_never_acknowledged_is_found(campaign: Campaign) -> None:
    faults = answers.faults(campaign.outcome.answers, campaign.held, PLAN.sent() | {"another"})
    assert "another was never acknowledged" in list(faults)
