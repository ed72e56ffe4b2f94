"""Every question whose answer an act of the record can change, to be asked as of any moment: figures by every rule
in many groups, the claims behind them, and incidents. Answers are compared as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import records_pb2, values_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from tests.acceptance.client import ANSWER_SECONDS, Client

RULES = {
    "latest": pb.RESOLUTION_RULE_LATEST,
    "most_reliable": pb.RESOLUTION_RULE_MOST_RELIABLE,
    "envelope": pb.RESOLUTION_RULE_ENVELOPE,
    "analyst": pb.RESOLUTION_RULE_ANALYST,
}
POLICIES = {
    "verbatim-1": pb.COUNT_POLICY_VERBATIM_1,
    "acled-2019": pb.COUNT_POLICY_ACLED_2019,
    "ucdp-range": pb.COUNT_POLICY_UCDP_RANGE,
}
GROUPINGS = {
    "persons": (pb.CASUALTY_GROUPING_PARTY, pb.CASUALTY_GROUPING_CLASS, pb.CASUALTY_GROUPING_OUTCOME),
    "incident": (pb.CASUALTY_GROUPING_INCIDENT,),
    "evidence": (pb.CASUALTY_GROUPING_SOURCE, pb.CASUALTY_GROUPING_VERIFICATION),
    "place": (
        pb.CASUALTY_GROUPING_COUNTRY,
        pb.CASUALTY_GROUPING_ADMIN1,
        pb.CASUALTY_GROUPING_ADMIN2,
        pb.CASUALTY_GROUPING_PERPETRATOR,
    ),
    "time": (
        pb.CASUALTY_GROUPING_YEAR,
        pb.CASUALTY_GROUPING_MONTH,
        pb.CASUALTY_GROUPING_WEEK,
        pb.CASUALTY_GROUPING_DAY,
    ),
}
FILTERS = {
    "fair": pb.CasualtyFilter(min_verification=values_pb2.VERIFICATION_FAIR),
    "discounted": pb.CasualtyFilter(min_verification=values_pb2.VERIFICATION_DISCOUNTED),
    "incident b": pb.CasualtyFilter(incident_ids=["b"]),
    "place known": pb.CasualtyFilter(max_place_precision=values_pb2.PLACE_PRECISION_NEAR),
    "in Harim": pb.CasualtyFilter(places=["Harim"]),
}
GROUPS = {
    "troops": [
        pb.GroupKey(grouping=pb.CASUALTY_GROUPING_PARTY, value="turkey"),
        pb.GroupKey(grouping=pb.CASUALTY_GROUPING_CLASS, value="troops"),
    ],
    "of Three": [pb.GroupKey(grouping=pb.CASUALTY_GROUPING_SOURCE, value="Three")],
    "not stated": [pb.GroupKey(grouping=pb.CASUALTY_GROUPING_PERPETRATOR, value="")],
}
INCIDENTS = ("a", "b", "c", "d")

Question = tuple[str, Any]
"""A method, and its request without a moment."""
Answer = Any
"""A response; or the code of the status that there was instead."""


def few() -> dict[str, Question]:
    """A few of them: between them they tell every act, in every kind of answer."""
    asked = every()
    names = (
        "figures evidence analyst verbatim-1",
        "claims left out too",
        "incident b",
        "incidents",
    )
    return {name: asked[name] for name in names}


def every() -> dict[str, Question]:
    """All of them, by name."""
    return {**_figures(), **_claims(), **_incidents()}


def _figures() -> dict[str, Question]:
    asked: dict[str, Any] = {}
    for rule, resolution_rule in RULES.items():
        for policy, count_policy in POLICIES.items():
            # The policies differ in words alone: one grouping tells them apart.
            for grouping in ("persons",) if policy != "verbatim-1" else GROUPINGS:
                asked[f"{grouping} {rule} {policy}"] = {
                    "group_by": GROUPINGS[grouping],
                    "resolution_rule": resolution_rule,
                    "count_policy": count_policy,
                }
    asked |= {name: {"filter": filter} for name, filter in FILTERS.items()}
    asked["with aggregates"] = {"count_aggregates": True}
    asked["spread"] = {"group_by": GROUPINGS["time"], "spread_imprecise_dates": True}
    return {f"figures {name}": ("GetCasualties", pb.GetCasualtiesRequest(**each)) for name, each in asked.items()}


def _claims() -> dict[str, Question]:
    asked: dict[str, Any] = {"": {}, " left out too": {"with_left_out": True}}
    for name, group in GROUPS.items():
        asked[f" {name}"] = {"group": group, "with_left_out": True}
        asked[f" {name}, envelope"] = {"group": group, "resolution_rule": pb.RESOLUTION_RULE_ENVELOPE}
    return {f"claims{name}": ("ListClaims", pb.ListClaimsRequest(**each)) for name, each in asked.items()}


def _incidents() -> dict[str, Question]:
    asked: dict[str, Question] = {
        f"incident {each}": ("GetIncident", pb.GetIncidentRequest(incident_id=each)) for each in INCIDENTS
    }
    asked["incidents"] = ("ListIncidents", pb.ListIncidentsRequest())
    asked["incidents in Syria"] = ("ListIncidents", pb.ListIncidentsRequest(places=["Syria"]))
    return asked


def asked(
    client: Client, questions: Mapping[str, Question], as_of: records_pb2.AsOf | None = None
) -> dict[str, Any]:
    """Asks the questions, all at once, and waits for nothing."""
    stub = CasualtyServiceStub(client.channel)
    calls = {}
    for name, (method, request) in questions.items():
        question = type(request)()
        question.CopyFrom(request)
        question.ledger, question.min_position = client.ledger, client.position
        if as_of is not None:
            question.as_of.CopyFrom(as_of)
        calls[name] = getattr(stub, method).future(question, timeout=ANSWER_SECONDS)
    return calls


def answered(calls: Mapping[str, Any]) -> dict[str, Answer]:
    """What the questions got."""
    return {name: _result(call) for name, call in calls.items()}


def answers(
    client: Client, questions: Mapping[str, Question], as_of: records_pb2.AsOf | None = None
) -> dict[str, Answer]:
    """What the questions get."""
    return answered(asked(client, questions, as_of))


def _result(call: Any) -> Answer:
    try:
        return call.result()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return error.code()


def in_bytes(answer: Answer) -> bytes:
    """An answer, to be compared byte by byte."""
    if isinstance(answer, grpc.StatusCode):
        return answer.name.encode()
    encoded: bytes = answer.SerializeToString(deterministic=True)
    return encoded


def differing(one: Mapping[str, Answer], other: Mapping[str, Answer]) -> list[str]:
    """The questions with different answers."""
    assert one.keys() == other.keys()
    return [name for name in one if in_bytes(one[name]) != in_bytes(other[name])]


def without(answers: Mapping[str, Answer], *parts: str) -> dict[str, Answer]:
    """The answers without what may differ: `basis`, `generation`, `held_from`, `former_claims`."""
    return {name: _without(answer, parts) for name, answer in answers.items()}


def _without(answer: Answer, parts: Sequence[str]) -> Answer:
    if isinstance(answer, grpc.StatusCode):
        return answer
    left = type(answer)()
    left.CopyFrom(answer)
    if "generation" in parts:
        left.basis.ClearField("generation")
    if "held_from" in parts:
        for claim in getattr(left, "claims", ()):
            claim.ClearField("held_from")
    for part in ("basis", "former_claims"):
        if part in parts and part in left.DESCRIPTOR.fields_by_name:
            left.ClearField(part)
    return left
