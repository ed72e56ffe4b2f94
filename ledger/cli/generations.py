"""What is done with generations of a read model that do not serve: dropping them."""

import click

from incident.ledger.v1 import projection_service_pb2 as messages
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from ledger.cli.options import MAX_GENERATION
from ledger.cli.session import Session, connected, example
from ledger.cli.tables import print_json


@click.command(epilog=example("incident-ledger projections drop casualties 4"))
@click.argument("name")
@click.argument("generation", type=click.IntRange(1, MAX_GENERATION))
@connected
def drop(session: Session, name: str, generation: int) -> None:
    """Drop a frozen generation of a read model, or one that was replaced, once nobody reads it."""
    request = messages.DropGenerationRequest(ledger=session.ledger, name=name, generation=generation)
    answer = session.stub(ProjectionServiceStub).DropGeneration(request, timeout=session.answer_within)
    if session.as_json:
        print_json(session.out, answer)
        return
    session.out.print(
        f"Generation {generation} of {name} is dropped; generation {answer.projection.generation} serves."
    )
