"""The kill campaign: many clients, two services on one ledger, both killed at random; then everything is checked.
`make soak` runs it on a PostgreSQL of its own. The exit code is 0 only where no promise was broken."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from campaigns import record
from campaigns.answers import Answers
from campaigns.clients import Orders
from campaigns.outcome import Outcome
from campaigns.processes import Process
from campaigns.services import Killer, Service
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import provision

SERVICES = 2
CLIENT_PROCESSES = 2


@dataclass(frozen=True)
class Plan:
    """How large a campaign is."""

    seed: int
    clients: int = 20
    reports: int = 10_000
    kills: int = 24
    processes: int = CLIENT_PROCESSES

    @property
    def each(self) -> int:
        """Reports of one client."""
        return self.reports // self.clients

    def sent(self) -> set[str]:
        """The ids of all reports."""
        clients, numbers = range(self.clients), range(1, self.each + 1)
        return {f"campaign-{self.seed}-c{client}-r{number}" for client in clients for number in numbers}


def run(plan: Plan, service_url: str, reader_url: str, folder: Path) -> Outcome:
    """Runs a campaign on an empty ledger of a database, and checks it."""
    services = [Service(service_url, folder / f"service-{number}.log") for number in range(SERVICES)]
    try:
        for service in services:
            service.start()
        for service in services:
            service.await_serving()
        outcome = _under_fire(plan, services)
        outcome.check(record.read(reader_url), plan.sent(), services[-1].address)
        outcome.faults += [fault for service in services for fault in service.unforeseen()]
    finally:
        for service in services:
            service.kill()
    return outcome


def _under_fire(plan: Plan, services: Sequence[Service]) -> Outcome:
    """Everything is filed while services die."""
    began = time.monotonic()
    told = Answers()
    killer = Killer(services, plan.kills, plan.each * plan.clients, plan.seed)
    addresses = tuple(service.address for service in services)
    numbers = [tuple(range(first, plan.clients, plan.processes)) for first in range(plan.processes)]
    clients = [
        Process("campaigns.clients", Orders(addresses, plan.seed, each, plan.each), told.take) for each in numbers
    ]
    try:
        for each in clients:
            each.dismiss()
        killer.run(lambda: told.first, lambda: any(each.running for each in clients))
        ended = [fault for each in clients for fault in each.ended(0)]
    finally:
        for each in clients:
            each.kill()
    outcome = Outcome(told, time.monotonic() - began, killer.died + ended)
    outcome.figures["kills"] = killer.kills
    if killer.kills < plan.kills:
        outcome.faults.append(f"only {killer.kills} of {plan.kills} kills happened before the clients were done")
    return outcome


def main() -> int:
    """The campaign on a durable PostgreSQL of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--clients", type=int, default=Plan.clients)
    parser.add_argument("--reports", type=int, default=Plan.reports)
    parser.add_argument("--kills", type=int, default=Plan.kills)
    given = parser.parse_args()
    plan = Plan(given.seed, given.clients, given.reports, given.kills)
    print(f"kill campaign: seed {plan.seed}, {plan.clients} clients, {plan.reports} reports, {plan.kills} kills")
    with (
        tempfile.TemporaryDirectory(prefix="kill-campaign-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        urls = provision(server.url(), service_password="campaign")
        install(urls.owner_url)
        return run(plan, urls.service_url, urls.owner_url, Path(folder)).tell()


if __name__ == "__main__":
    sys.exit(main())
