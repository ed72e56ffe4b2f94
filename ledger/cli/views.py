"""The views of a ledger in one go: casualties, ceasefires and threats, as `serve --show` prints them."""

import grpc
from rich.console import Console

from incident.ledger.v1 import casualty_service_pb2, ceasefire_service_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from ledger.cli.casualty_tables import print_casualties
from ledger.cli.ceasefire_tables import print_ceasefires
from ledger.cli.session import DEFAULT_TIMEOUT_SECONDS, Session
from ledger.cli.threats import print_threats

SHOWN_ROWS = 50
SHOWN_TOLLS = 5


def show_views(
    channel: grpc.Channel,
    ledger: str,
    *,
    min_position: int = 0,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    console: Console | None = None,
) -> None:
    """Prints casualties, ceasefires and threats as of now; each waits for the read model to reach a position."""
    out = console or Session().out
    asked = {"ledger": ledger, "min_position": min_position}
    figures = casualty_service_pb2.GetCasualtiesRequest(**asked)  # type: ignore[arg-type]
    print_casualties(out, CasualtyServiceStub(channel).GetCasualties(figures, timeout=timeout), SHOWN_TOLLS)
    out.print()
    agreements = ceasefire_service_pb2.ListCeasefiresRequest(page_size=SHOWN_ROWS, **asked)  # type: ignore[arg-type]
    print_ceasefires(out, CeasefireServiceStub(channel).ListCeasefires(agreements, timeout=timeout))
    out.print()
    announced = ceasefire_service_pb2.ListThreatsRequest(page_size=SHOWN_ROWS, **asked)  # type: ignore[arg-type]
    print_threats(out, CeasefireServiceStub(channel).ListThreats(announced, timeout=timeout))
