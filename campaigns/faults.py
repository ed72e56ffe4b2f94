"""The fault campaign: writers and subscribers at two services on one ledger, while processes, network and database
fail in many ways; then everything is checked. `make faults` runs it on a durable PostgreSQL of its own. The exit
code is 0 only where every promise held."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaigns import answers, clients, deliveries, record, subscribers, takeover
from campaigns.deliveries import Deliveries
from campaigns.injecting import Injector
from campaigns.outcome import Outcome, worst
from campaigns.processes import Process
from campaigns.proxy import Proxy
from campaigns.schedule import LONG_SECONDS, SERVICES, schedule
from campaigns.services import Service
from campaigns.troubles import DatabaseTroubles, ServiceTroubles
from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import provision

INJECTION_SECONDS = 420.0
"""What has not struck by then is left out, and the campaign says so."""
END_SECONDS = clients.GIVE_UP_SECONDS + 30.0
SERVER_SETTINGS = {"max_connections": "200"}
WRITER_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Plan:
    """How large a campaign is."""

    seed: int
    faults: int = 200
    writers: int = 12
    subscribers: int = 4
    longest: float = LONG_SECONDS
    """No fault lasts longer, in seconds."""
    processes: int = 2
    """Of writers, and of subscribers."""


@dataclass
class Faulty:
    """A running system whose parts fail: the database, and each service behind a network of its own."""

    server: EmbeddedPostgres
    owner_url: str
    proxies: Sequence[Proxy]
    services: Sequence[Service]
    struck: Counter[str] = field(default_factory=Counter)

    @classmethod
    def started(cls, server: EmbeddedPostgres, folder: Path) -> Faulty:
        """Provisions the database and starts the services."""
        urls = provision(server.url(), service_password="campaign")
        install(urls.owner_url)
        proxies = [Proxy(urls.service_url) for _ in range(SERVICES)]
        services = [Service(each.url, folder / f"service-{number}.log") for number, each in enumerate(proxies)]
        for service in services:
            service.start()
        return cls(server, urls.owner_url, proxies, services)

    def suffer(self, plan: Plan) -> list[str]:
        """Injects the faults of the plan; what went wrong with the injecting itself."""
        given = schedule(plan.seed, plan.faults, plan.longest)
        network = [ServiceTroubles(*each) for each in zip(self.services, self.proxies, strict=True)]
        database = DatabaseTroubles(self.server, self.owner_url, self.proxies)
        until = time.monotonic() + INJECTION_SECONDS
        injectors = [
            *(Injector(faults, each.inflict) for faults, each in zip(given.services, network, strict=True)),
            Injector(given.database, database.inflict),
        ]
        for injector in injectors:
            injector.wait(until - time.monotonic())
            self.struck += injector.struck
        database.settle()
        wrong = [failure for injector in injectors for failure in injector.failures]
        if self.struck.total() < plan.faults:
            missed = sum((injector.missed for injector in injectors), Counter())
            wrong.append(f"only {self.struck.total()} of {plan.faults} faults struck, not {dict(missed)}")
        return wrong + [each for trouble in network for each in trouble.died]

    def stop(self) -> None:
        """Ends services and proxies; the database is its owner's."""
        for service in self.services:
            service.kill()
        for proxy in self.proxies:
            proxy.close()


def run(plan: Plan, server: EmbeddedPostgres, folder: Path) -> Outcome:
    """Runs a campaign on an empty database server, and checks it."""
    system = Faulty.started(server, folder)
    outcome, seen = Outcome(), Deliveries()
    try:
        for service in system.services:
            service.await_serving()
        began = time.monotonic()
        _under_fire(plan, system, outcome, seen)
        outcome.seconds = time.monotonic() - began
        held = record.read(system.owner_url)
        outcome.figures = _figures(system, seen)
        outcome.faults += deliveries.faults(seen, held, plan.subscribers)
        outcome.faults += answers.late(seen.ended_late)
        outcome.faults += takeover.faults(system.services)
        outcome.check(held, outcome.answers.sent, system.services[-1].address)
        outcome.faults += [fault for service in system.services for fault in service.unforeseen()]
    finally:
        system.stop()
    return outcome


def _under_fire(plan: Plan, system: Faulty, outcome: Outcome, seen: Deliveries) -> None:
    """All is written and followed while it fails; then the writers finish, and the subscribers see the end."""
    addresses = tuple(service.address for service in system.services)
    writing = [
        Process(
            "campaigns.clients",
            clients.Orders(addresses, plan.seed, numbers, pause=WRITER_PAUSE_SECONDS),
            outcome.answers.take,
        )
        for numbers in _shared(plan.writers, plan.processes)
    ]
    following = [
        Process("campaigns.subscribers", subscribers.Orders(addresses, plan.seed, numbers), seen.take)
        for numbers in _shared(plan.subscribers, plan.processes)
    ]
    try:
        outcome.faults += system.suffer(plan)
        outcome.faults += _ended(writing, Process.dismiss)
        size = len(record.read(system.owner_url).events)
        outcome.faults += _ended(following, lambda process: process.tell(size))
    finally:
        for process in (*writing, *following):
            process.kill()


def _shared(count: int, processes: int) -> list[tuple[int, ...]]:
    return [tuple(range(first, count, processes)) for first in range(processes)]


def _ended(processes: Sequence[Process], end: Callable[[Process], None]) -> list[str]:
    for process in processes:
        end(process)
    return [fault for process in processes for fault in process.ended(END_SECONDS)]


def _figures(system: Faulty, seen: Deliveries) -> dict[str, object]:
    return {
        "faults": system.struck.total(),
        **{f"  {kind}": count for kind, count in sorted(system.struck.items())},
        "events delivered to subscribers": seen.count,
        "subscriptions ended, by code": dict(seen.ends),
        "heartbeats": seen.heartbeats,
        "latest end of a subscription after its deadline, seconds": worst(seen.ended_late, "late"),
        "latest end of a subscription after its witness, seconds": worst(seen.ended_late, "overrun"),
    }


def main() -> int:
    """The campaign on a durable PostgreSQL of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--faults", type=int, default=Plan.faults)
    parser.add_argument("--writers", type=int, default=Plan.writers)
    parser.add_argument("--subscribers", type=int, default=Plan.subscribers)
    given = parser.parse_args()
    plan = Plan(given.seed, given.faults, given.writers, given.subscribers)
    print(f"fault campaign: seed {plan.seed}, {plan.faults} faults", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="fault-campaign-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", settings=SERVER_SETTINGS) as server,
    ):
        return run(plan, server, Path(folder)).tell()


if __name__ == "__main__":
    sys.exit(main())
