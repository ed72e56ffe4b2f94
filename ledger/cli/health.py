"""`health`: whether the server serves, for probes and scripts."""

import json
from typing import Any

import click
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from ledger.cli.failures import REFUSED
from ledger.cli.session import Session, connected, example

HEALTH_SECONDS = 5.0


@click.command(
    epilog=example("incident-ledger health", "incident-ledger health --service incident.ledger.v1.LedgerService")
)
@click.option("--service", default="", help="One service by its full name [the server as a whole].")
@connected
def health(session: Session, service: str) -> None:
    """Ask whether the server serves: exit code 0 if it does, else 1, or 3 where none answers."""
    request = health_pb2.HealthCheckRequest(service=service)
    asked: Any = session.stub(HealthStub)  # its types come without the methods
    answer = asked.Check(request, timeout=session.timeout or HEALTH_SECONDS)
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if session.as_json:
        print(json.dumps({"address": session.address, "service": service, "status": status}))
    else:
        session.out.print(f"{service or session.address}: {status.lower().replace('_', ' ')}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        click.get_current_context().exit(REFUSED)
