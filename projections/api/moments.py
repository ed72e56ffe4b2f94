"""The moment of the record that a question is asked as of, and what every answer says of itself: messages to the
engine's terms and back. Whether the moment can be had is the engine's to say."""

from datetime import UTC
from typing import Any

from incident.ledger.v1 import records_pb2
from ledger.api.messages import timestamp_to_proto
from ledger.errors import InvalidRequestError, Violation
from projections.api.page_tokens import PageToken
from projections.engine.answers import Answer, AsOf


def as_of(request: Any, token: PageToken | None = None) -> AsOf | None:
    """The moment that a request names; None is the newest state. Further pages are as of the first one."""
    generation = request.as_of.generation
    if generation < 0:
        raise InvalidRequestError(
            [Violation("as_of.generation", "is negative; give the number of a frozen generation")]
        )
    if token is not None:
        return AsOf(position=token.position, generation=generation)
    match request.as_of.WhichOneof("moment"):
        case "position":
            return AsOf(position=request.as_of.position, generation=generation)
        case "recorded_at":
            try:
                moment = request.as_of.recorded_at.ToDatetime(tzinfo=UTC)
            except (ValueError, OverflowError):
                why = "is no time between the years 1 and 9999"
                raise InvalidRequestError([Violation("as_of.recorded_at", why)]) from None
            return AsOf(recorded_at=moment, generation=generation)
        case _:
            return AsOf(generation=generation) if generation else None


def basis(answer: Answer) -> records_pb2.AnswerBasis:
    """What an answer rests on."""
    return records_pb2.AnswerBasis(
        as_of_position=answer.position,
        as_of_recorded_at=timestamp_to_proto(answer.recorded_at) if answer.recorded_at is not None else None,
        projection=answer.projection,
        generation=answer.generation,
        stale=bool(answer.stale_because),
        stale_because=answer.stale_because,
    )
