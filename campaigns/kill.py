"""The kill campaign: many clients, two services on one ledger, both killed at random; then everything is checked.
`make soak` runs it on a PostgreSQL of its own. The exit code is 0 only where no promise was broken."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaigns import answers, read_models, record
from campaigns.answers import Answers
from campaigns.clients import Orders, orders_text
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
        return {f"kill-{self.seed}-c{client}-r{number}" for client in clients for number in numbers}


@dataclass
class Outcome:
    """What a campaign saw."""

    plan: Plan
    answers: Answers
    kills: int
    seconds: float
    faults: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)


def run(plan: Plan, service_url: str, reader_url: str, folder: Path) -> Outcome:
    """Runs a campaign on an empty ledger of a database, and checks it."""
    services = [Service(service_url, folder / f"service-{number}.log") for number in range(SERVICES)]
    try:
        for service in services:
            service.start()
        for service in services:
            service.await_serving()
        outcome = _under_fire(plan, services)
        _check(outcome, reader_url, services[-1].address)
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
    processes = [_clients(Orders(addresses, plan.seed, each, plan.each)) for each in numbers]
    readers = [threading.Thread(target=_take, args=(process, told), daemon=True) for process in processes]
    try:
        for reader in readers:
            reader.start()
        killer.run(lambda: told.first, lambda: any(reader.is_alive() for reader in readers))
    finally:
        for process in processes:
            process.kill()
            process.wait()
    outcome = Outcome(plan, told, killer.kills, time.monotonic() - began, killer.died + told.faults)
    if killer.kills < plan.kills:
        outcome.faults.append(f"only {killer.kills} of {plan.kills} kills happened before the clients were done")
    return outcome


def _clients(orders: Orders) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "campaigns.clients"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(orders_text(orders).encode())
    process.stdin.close()
    return process


def _take(process: subprocess.Popen[bytes], told: Answers) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        told.take(line)


def _check(outcome: Outcome, reader_url: str, address: str) -> None:
    """Adds what the ledger and its read models show."""
    held = record.read(reader_url)
    outcome.faults += record.faults(held)
    outcome.faults += answers.faults(outcome.answers, held, outcome.plan.sent())
    compared = read_models.compare(address, len(held.events))
    outcome.faults += [fault for found in compared.values() for fault in found]
    told = outcome.answers
    outcome.figures = {
        "reports acknowledged": len(told.reports),
        "acknowledgements": len(told.acknowledged),
        "of them already recorded": sum(each["already_recorded"] for each in told.acknowledged),
        "commits whose answer was lost, found by the retry": told.found_by_retry(),
        "altered reports refused": told.altered,
        "calls made again": dict(told.retries()),
        "kills": outcome.kills,
        "events": len(held.events),
        "commits": len(held.commits),
        "acts": sum(each.type in ACTS for each in held.events),
        "streams": len({each.stream for each in held.events}),
        "read models equal to their rebuild": ", ".join(name for name, found in compared.items() if not found),
        "seconds": round(outcome.seconds, 1),
        "reports per second": round(len(told.reports) / outcome.seconds),
        "slowest acknowledgement, seconds": max((each["seconds"] for each in told.acknowledged), default=0),
    }


ACTS = frozenset(
    ("ClaimCorrected", "ClaimRetracted", "ClaimAssessed", "IncidentsMerged", "ReportRetracted", "PayloadRedacted")
)


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
    with tempfile.TemporaryDirectory(prefix="kill-campaign-") as folder:
        with EmbeddedPostgres(Path(folder) / "postgres") as server:
            urls = provision(server.url(), service_password="campaign")
            install(urls.owner_url)
            outcome = run(plan, urls.service_url, urls.owner_url, Path(folder))
        for name, figure in outcome.figures.items():
            print(f"  {name}: {figure}")
        for fault in outcome.faults:
            print(f"FAULT {fault}")
    print("FAILED" if outcome.faults else "every promise held")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
