"""Fixtures of the acceptance tests: one server process per PostgreSQL version, with the founding case alone in its
ledger `main`. Tests that append anything else make a ledger of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest

from incident.ledger.v1 import records_pb2 as records
from seeds import ucdp
from tests.acceptance.client import Client, reports_in
from tests.postgres import Cluster, Database
from tests.served import ServiceProcess, serving

ACTORS = ucdp.FOLDER / "01-actors.yaml"
FOUNDING_CASE = ucdp.FOLDER / "02-founding-case.yaml"


@dataclass
class FoundingCase:
    """The founding case as appended, and a client to ask about it."""

    client: Client
    report: records.Report
    actors: records.Receipt
    receipt: records.Receipt

    def positions(self, type_name: str, incident_id: str) -> list[int]:
        """Where the claims of a type about an incident were recorded."""
        stream = f"incidents/{incident_id}"
        return [each.position for each in self.receipt.events if (each.type, each.stream) == (type_name, stream)]


@pytest.fixture(scope="module")
def server_database(cluster: Cluster) -> Iterator[Database]:
    """The database of the server process, to look into what is stored."""
    with cluster.database() as own:
        yield own


@pytest.fixture(scope="module")
def server(server_database: Database) -> Iterator[ServiceProcess]:
    """A server process on a database of its own."""
    with serving(environment={"LEDGER_DATABASE_URL": server_database.service_url}) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: ServiceProcess) -> Iterator[grpc.Channel]:
    """A connection to the server."""
    with grpc.insecure_channel(server.address) as connected:
        yield connected


@pytest.fixture(scope="module")
def case(channel: grpc.Channel) -> FoundingCase:
    """The founding case, appended."""
    client = Client(channel)
    actors, report = reports_in(ACTORS, FOUNDING_CASE)
    first, second = client.append(actors, report)
    return FoundingCase(client, report, first, second)
