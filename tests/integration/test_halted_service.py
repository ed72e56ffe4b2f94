"""A read model of a real service that is halted: in its health, in its answers, and in what the command prints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from ledger.embedded import EmbeddedPostgres
from ledger.persistence.install import install
from ledger.persistence.provision import ProvisionedUrls, provision
from tests.followed import event_at, event_row
from tests.served import ServiceProcess, serving

pytestmark = pytest.mark.newest
PATIENCE = 30.0
PARKED = "threats"
HALTED = "casualties"


@pytest.fixture
def urls(server: EmbeddedPostgres) -> ProvisionedUrls:
    given = provision(server.url(), service_password="service")
    install(given.owner_url)
    return given


@pytest.fixture
def service(urls: ProvisionedUrls) -> Iterator[ServiceProcess]:
    with serving(environment={"LEDGER_DATABASE_URL": urls.service_url, "LEDGER_PARK": PARKED}) as running:
        yield running


def spoil(urls: ProvisionedUrls) -> None:
    """Record claims whose payloads nobody can read: one of a killed soldier, one of a threat."""
    with psycopg.connect(urls.owner_url) as connection:
        for position, kind in enumerate(("TroopsKilled", "ThreatIssued"), 1):
            at = event_at(position, kind)
            connection.execute(
                "INSERT INTO ledger_main.commits VALUES (%s, %s, %s, now())", (position - 1, position, bytes(32))
            )
            values = "(%s, %s, %s, %s, %s, %s, now(), '', %s, '', %s)"
            row = (*event_row(at)[:6], bytes(32), b'{"not":')
            connection.execute(f"INSERT INTO ledger_main.events VALUES {values}", row)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def ask(service: ServiceProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ledger", "--address", service.address, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_halted_read_model_shows_wherever_somebody_looks(urls: ProvisionedUrls, service: ServiceProcess) -> None:
    with service.channel() as channel:
        stub: Any = HealthStub(channel)

        def status(name: str) -> int:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
                return int(answer.status)
            except grpc.RpcError:
                return -1

        serves, halted = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        eventually(lambda: status(f"projection/main/{HALTED}") == serves)
        spoil(urls)
        eventually(lambda: status(f"projection/main/{HALTED}") == halted)
        assert status(f"projection/main/{PARKED}") == status("") == serves
        assert status("incident.ledger.v1.CasualtyService") == serves

    told = ask(service, "health")
    assert (told.returncode, f"projection/main/{HALTED}: not serving" in told.stdout) == (0, True)
    assert ask(service, "health", "--service", f"projection/main/{HALTED}").returncode == 1
    asked = ask(service, "casualties", "--json")
    basis = json.loads(asked.stdout)["basis"]
    assert (basis["stale"], basis["stale_because"].startswith("it is halted: 1 TroopsKilled: ")) == (True, True)
    assert "Stale: " in ask(service, "casualties").stdout
    late = ask(service, "casualties", "--min-position", "2")
    assert (late.returncode, "halted at position 0" in late.stderr) == (1, True)
    listed = json.loads(ask(service, "projections", "--json").stdout)["projections"]
    (found,) = [each for each in listed if each["name"] == HALTED]
    assert (found["state"], found["lag_events"]) == ("PROJECTION_STATE_HALTED", "2")
    parked = json.loads(ask(service, "projections", "parked", PARKED, "--json").stdout)["events"]
    assert [(each["position"], each["type"]) for each in parked][-1] == ("2", "ThreatIssued")
    again = ask(service, "projections", "retry", HALTED)
    assert (again.returncode, "halted: 1 TroopsKilled" in again.stdout) == (1, True)


def test_a_name_that_no_read_model_has_is_refused_at_start(urls: ProvisionedUrls) -> None:
    environment = {"LEDGER_DATABASE_URL": urls.service_url, "LEDGER_PARK": "wars"}
    service = ServiceProcess(environment=environment, wait=False)
    assert service.process.wait(PATIENCE) == 2
    eventually(lambda: "there is no projection 'wars'; there are casualties, ceasefires" in service.output)
