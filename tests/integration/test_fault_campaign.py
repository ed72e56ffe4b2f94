"""A small fault campaign on every PostgreSQL: some faults of each kind, and every promise held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.faults import SERVER_SETTINGS, Plan, run
from campaigns.outcome import Outcome
from campaigns.schedule import DATABASE_WEIGHTS, SERVICE_WEIGHTS
from ledger.embedded import EmbeddedPostgres
from tests.postgres import Cluster

pytestmark = pytest.mark.newest
PLAN = Plan(seed=20200212, faults=16, writers=6, subscribers=2, longest=1.0, processes=1)


@pytest.fixture(scope="module")
def outcome(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """One campaign for each version, on a durable server of its own, which it stops and starts."""
    folder: Path = tmp_path_factory.mktemp("campaign")
    with EmbeddedPostgres(folder / "data", settings=SERVER_SETTINGS, bin_dir=cluster.bin_dir) as server:
        yield run(PLAN, server, folder)


def test_no_promise_is_broken_although_everything_fails(outcome: Outcome) -> None:
    assert outcome.faults == []
    compared = outcome.figures["read models equal to their rebuild"]
    assert compared == "casualties, ceasefires, incidents, threats"


def test_the_campaign_did_what_it_is_for(outcome: Outcome) -> None:
    assert outcome.figures["faults"] == PLAN.faults
    assert all(outcome.figures[f"  {kind}"] for kind in (*SERVICE_WEIGHTS, *DATABASE_WEIGHTS))
    told = outcome.answers
    assert told.reports == told.sent
    assert told.retries().total() > 0
    assert outcome.figures["events delivered to subscribers"] == PLAN.subscribers * int(
        str(outcome.figures["events"])
    )
    assert outcome.figures["subscriptions ended, by code"]
