"""`health`: whether the server serves, for probes and scripts."""

import json
from typing import Any

import click
import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from ledger.cli.failures import REFUSED
from ledger.cli.session import Session, connected, example

HEALTH_SECONDS = 5.0
NOT_SERVING = "NOT_SERVING"


@click.command(
    epilog=example("incident-ledger health", "incident-ledger health --service projection/main/casualties")
)
@click.option("--service", default="", help="A service or part by its full name [the server as a whole].")
@connected
def health(session: Session, service: str) -> None:
    """Ask whether the server serves: exit code 0 if it does, else 1, or 3 where none answers.

    What is listed besides does not count, since no restart mends it: read models that are halted, as
    projection/LEDGER/NAME, ledgers that are refused, as ledger/NAME, and AuditService where its check has found
    something. Each can be asked for.
    """
    request = health_pb2.HealthCheckRequest(service=service)
    asked: Any = session.stub(HealthStub)  # its types come without the methods
    answer = asked.Check(request, timeout=session.timeout or HEALTH_SECONDS)
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    halted = [] if service else _not_serving(asked, session.timeout or HEALTH_SECONDS)
    if session.as_json:
        told = {"address": session.address, "service": service, "status": status}
        print(json.dumps({**told, "not_serving": halted} if halted else told))
    else:
        for name, said in ((service or session.address, status), *((each, NOT_SERVING) for each in halted)):
            session.out.print(f"{name}: {said.lower().replace('_', ' ')}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        click.get_current_context().exit(REFUSED)


def _not_serving(asked: Any, timeout: float) -> list[str]:
    """Parts that do not serve while the server as a whole does; a server that cannot list them has none to tell."""
    messages: Any = health_pb2  # its types come without this one
    try:
        listed = asked.List(messages.HealthListRequest(), timeout=timeout).statuses
    except grpc.RpcError:
        return []
    bad = health_pb2.HealthCheckResponse.NOT_SERVING
    if listed[""].status == bad:
        return []
    return sorted(name for name, each in listed.items() if each.status == bad)
