"""The kinds of figures that are computed again: how each is asked, of which read model, and how it is shown.
What is stated of a question or an answer leaves out what differs from one server to another."""

from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from rich.console import Console

from incident.ledger.v1 import casualty_service_pb2 as casualties_pb2
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefires_pb2
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from ledger.cli.casualties import POLICIES, RULE
from ledger.cli.casualty_tables import print_casualties
from ledger.cli.ceasefire_tables import print_ceasefire, print_ceasefires
from ledger.cli.failures import FaultyInput, Refused
from ledger.cli.options import MAX_LIMIT
from ledger.cli.paging import whole
from ledger.cli.parameters import WordOf

OF_THE_SERVER = ("generation", "stale", "stale_because")
"""What an answer's basis says of the server that gave it."""
OF_THE_CALL = ("min_position", "page_size", "page_token", "next_page_token")

Ask = Callable[..., Any]
"""A method of a service: takes a request and a timeout."""


class Kind(NamedTuple):
    """A kind of figure."""

    name: str
    projection: str
    stub: Callable[[Any], Any]
    method: str
    request: Callable[..., Any]
    answer: Callable[..., Any]
    items: str
    """The field of a list that comes in pages; empty where one answer is all."""
    resolve: Callable[[Any, Any], None]
    """Writes into the request what the answer says that its defaults meant."""
    show: Callable[[Console, Any], None]


class Question(NamedTuple):
    """What is asked."""

    kind: Kind
    request: Any
    limit: int = MAX_LIMIT


def _resolve_casualties(request: Any, answer: Any) -> None:
    request.count_policy = POLICIES[answer.count_policy]
    request.resolution_rule = WordOf(RULE).numbers[answer.resolution_rule]
    request.group_by[:] = answer.group_by


def _resolve_day(request: Any, answer: Any) -> None:
    request.at = answer.at


KINDS = {
    each.name: each
    for each in (
        Kind(
            *("casualties", "casualties", CasualtyServiceStub, "GetCasualties"),
            *(casualties_pb2.GetCasualtiesRequest, casualties_pb2.GetCasualtiesResponse, ""),
            *(_resolve_casualties, print_casualties),
        ),
        Kind(
            *("ceasefire", "ceasefires", CeasefireServiceStub, "GetCeasefireStatus"),
            *(ceasefires_pb2.GetCeasefireStatusRequest, ceasefires_pb2.GetCeasefireStatusResponse, ""),
            *(_resolve_day, print_ceasefire),
        ),
        Kind(
            *("ceasefires", "ceasefires", CeasefireServiceStub, "ListCeasefires"),
            *(ceasefires_pb2.ListCeasefiresRequest, ceasefires_pb2.ListCeasefiresResponse, "ceasefires"),
            *(_resolve_day, print_ceasefires),
        ),
    )
}


def answered(ask: Ask, question: Question, as_of: records_pb2.AsOf, timeout: float) -> Any:
    """The answer as of a moment, with all pages up to one item more than the limit."""
    request = _copied(question.request)
    request.as_of.CopyFrom(as_of)
    if not question.kind.items:
        return ask(request, timeout=timeout)
    return whole(ask, request, question.kind.items, question.limit + 1, timeout)


def check_whole(question: Question, answer: Any) -> None:
    """FaultyInput where there is more than the limit."""
    items = question.kind.items
    if items and len(getattr(answer, items)) > question.limit:
        what = f"more than {question.limit} {items} fit, and a statement is of all of them"
        raise FaultyInput(f"{what}; --limit takes more, and other options choose fewer")


def stated_question(question: Question, answer: Any, position: int) -> dict[str, Any]:
    """The question as JSON, as anybody can ask it again: as of a position, with every default said."""
    request = _copied(question.request)
    question.kind.resolve(request, answer)
    request.as_of.CopyFrom(records_pb2.AsOf(position=position))
    told = _without(_json(request), OF_THE_CALL)
    return {name: value for name, value in told.items() if value != {}}  # a filter without conditions


def stated_answer(answer: Any) -> dict[str, Any]:
    """The answer as JSON, without what is the server's own."""
    told = _without(_json(answer), OF_THE_CALL)
    return told | {"basis": _without(told.get("basis", {}), OF_THE_SERVER)}


def question_of(figure: str, question: Any) -> Question:
    """A question from a statement; Refused where this program cannot ask it."""
    kind = kind_of(figure)
    return Question(kind, _message(kind.request(), question, "question"))


def answer_of(figure: str, answer: Any) -> Any:
    """An answer from a statement; Refused where this program cannot read it."""
    return _message(kind_of(figure).answer(), answer, "answer")


def kind_of(figure: str) -> Kind:
    """The kind of this name; Refused where it is not known."""
    if figure not in KINDS:
        raise Refused(f"this program knows no figure {figure!r}; it knows {', '.join(KINDS)}")
    return KINDS[figure]


def _message(message: Message, told: Any, what: str) -> Any:
    try:
        if isinstance(told, dict):
            return ParseDict(told, message)
        why: Exception | str = "it is no object of JSON"
    except ParseError as error:
        why = error
    raise Refused(f"this program cannot read the {what} of the statement: {why}")


def _json(message: Message) -> dict[str, Any]:
    return dict(MessageToDict(message, preserving_proto_field_name=True))


def _without(told: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in names}


def _copied(message: Any) -> Any:
    copied = type(message)()
    copied.CopyFrom(message)
    return copied
