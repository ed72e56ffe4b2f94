"""Casualty figures for an export: one answer, its groups as rows, its tolls for the account. The server bounds an
answer, and refuses a question that gives more groups."""

from collections.abc import Iterator
from typing import Any

from incident.ledger.v1 import casualty_service_pb2 as messages
from incident.ledger.v1 import values_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from ledger.api.fields import enum_words
from ledger.api.messages import claim_from_proto
from ledger.cli.exports.answers import GROUPING_WORDS, figure_of, key_of
from ledger.cli.exports.record import Record
from ledger.cli.exports.writers import Columns, Row
from ledger.datasets.casualty_table import Group, columns
from ledger.datasets.columns import row_of

BY_DEFAULT = ("party", "class", "outcome")
"""How the server groups where nothing is asked."""
OUTCOME_WORDS = enum_words(values_pb2.Outcome.DESCRIPTOR)
BOUNDS = ("low", "best", "high")


class CasualtyFigures:
    """The groups of one question."""

    def __init__(self, record: Record, request: messages.GetCasualtiesRequest) -> None:
        groupings = [GROUPING_WORDS[number] for number in request.group_by]
        outcomes = [OUTCOME_WORDS[number] for number in request.filter.outcomes]
        self.columns: Columns = columns(groupings or BY_DEFAULT, outcomes)
        self._record = record
        self._request = request

    def batches(self) -> Iterator[Iterator[Row]]:
        """All rows at once: it is one answer."""
        session = self._record.session
        stub = session.stub(CasualtyServiceStub)
        answer = stub.GetCasualties(self._request, timeout=session.answer_within)
        self._take_note(answer)
        yield (row_of(self.columns, _group(figure)) for figure in answer.figures)

    def _take_note(self, answer: Any) -> None:
        self._record.begin(answer.basis)
        account = self._record.account
        account.take_left_out(answer.left_out)
        account.details |= {
            "count_policy": answer.count_policy,
            "resolution_rule": answer.resolution_rule,
            "count_aggregates": answer.count_aggregates,
            "group_by": [column.name for column in self.columns[: len(self._request.group_by) or len(BY_DEFAULT)]],
            "tolls": [_toll(toll) for toll in answer.tolls],
        }


def _group(figure: Any) -> Group:
    return Group(
        key=key_of(figure),
        figure=figure_of(figure),
        text=figure.figure.text,
        incidents=figure.incidents,
        claims=figure.claims,
        positions=list(figure.positions),
    )


def _toll(toll: Any) -> dict[str, Any]:
    """A toll beside the figures: what is claimed, and what of it is itemised."""
    content = claim_from_proto(toll.event.claim)
    of = ("toll_id", "incident_id", "victim_party", "victim_class", "outcome", "occurred", "place")
    return {
        "position": toll.event.position,
        **{name: content[name] for name in of if name in content},
        **{name: _bounds(getattr(toll, name)) for name in ("claimed", "itemised", "residual")},
        "conflict": toll.conflict,
    }


def _bounds(figure: Any) -> dict[str, Any]:
    bounds = {name: getattr(figure, name) if figure.HasField(name) else None for name in BOUNDS}
    return {**bounds, "text": figure.text}
