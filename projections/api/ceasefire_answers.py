"""Answers about ceasefires and threats as messages. What is not known stays unset; nothing is derived here."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor

from incident.ledger.v1 import ceasefire_service_pb2 as pb
from incident.ledger.v1 import claims_pb2, records_pb2, values_pb2
from ledger.api.fields import Converters, enum_numbers
from ledger.domain.agreements import AgreementTerms
from ledger.domain.values import OccurredInterval, Value
from projections.api.claim_records import claim_record
from projections.api.redactions import redacted_to_proto
from projections.ceasefires.choosing import ConflictingDate
from projections.ceasefires.explaining import LEFT_OUT, explain, explain_transition
from projections.ceasefires.lifecycle import Formal
from projections.ceasefires.machine import Transition
from projections.ceasefires.observance import RULE, Monitoring, Observance, Violations
from projections.ceasefires.reading import Answer, Row
from projections.ceasefires.violations import Series
from projections.history.redacted import Redacted
from projections.threats.reading import Found

_CONVERTERS = Converters({})
_FORMALS: dict[str, Any] = enum_numbers(pb.FormalStatus.DESCRIPTOR)
_OBSERVANCES: dict[str, Any] = enum_numbers(pb.Observance.DESCRIPTOR)
_FATES: dict[str, Any] = enum_numbers(pb.ThreatStatus.DESCRIPTOR)
_STANDINGS: dict[str, Any] = enum_numbers(claims_pb2.ViolationStanding.DESCRIPTOR)

LIST_LEFT_OUT = {
    "DATE_PRECISION": "dated less precisely than asked for",
    "PLACE_PRECISION": "placed less precisely than asked for, or not at all",
    "SERIES_DATE_PRECISION": "dated too imprecisely for the series; the list has them",
}
"""Why violations are not in a list or a series, by the fixed word."""


def ceasefire_to_proto(answer: Answer, gone: Redacted) -> pb.CeasefireStatus:
    """Both axes of one agreement, and what of it was redacted."""
    status, window, violations = answer.status, answer.window, answer.violations
    message = pb.CeasefireStatus(
        agreement_id=status.agreement_id,
        terms=_terms(status.terms),
        formal=_formal(status.formal),
        observance=_observance(answer.observance),
        parties=[
            pb.PartyStatus(
                party=each.party,
                formal=_formal(each.formal),
                violations=violations.by_party.get(each.party, 0),
            )
            for each in status.parties
        ],
        transitions=[_transition(each) for each in status.transitions],
        violations=_counts(violations),
        last_violation=_day(violations.last),
        observance_rule=RULE,
        explanation=explain(status, window, answer.observance, violations, answer.monitoring),
        conflicting_dates=[_conflict(each) for each in status.conflicts],
        left_out=[*left_out_to_proto(_left_out(answer), LEFT_OUT), *redacted_to_proto(gone)],
        monitoring=_monitoring(answer.monitoring),
    )
    if status.began is not None:
        message.in_force_since.CopyFrom(_interval(status.began))
    if window is not None:
        message.window_from, message.window_to = str(window.first), str(window.last)
    return message


def violation_to_proto(row: Row) -> pb.Violation:
    """One violation of one agreement."""
    return pb.Violation(
        agreement_id=row["agreement_id"], claim=claim_record(row), standing=_STANDINGS[row["standing_now"]]
    )


def series_to_proto(series: Series) -> list[pb.ViolationSeriesPoint]:
    """The steps that have violations, in order."""
    # `from` is a keyword of Python, so it cannot be written as an argument.
    return [
        pb.ViolationSeriesPoint(**{"from": str(step)}, violations=violations)
        for step, violations in sorted(series.points.items())
    ]


def threat_to_proto(found: Found) -> pb.Threat:
    """A threat with its status."""
    return pb.Threat(
        threat_id=found.key[1],
        issued=claim_record(found.issued) if found.issued else None,
        status=_FATES[found.state.fate.value],
        followed_by=[claim_record(row) for row in found.followed_by],
        explanation=found.state.explanation,
    )


def left_out_to_proto(left_out: Mapping[str, int], words: Mapping[str, str]) -> list[records_pb2.LeftOut]:
    """What does not count or is not shown, and why."""
    return [
        records_pb2.LeftOut(reason=reason, claims=claims, description=words[reason])
        for reason, claims in sorted(left_out.items())
    ]


def _left_out(answer: Answer) -> dict[str, int]:
    discounted = answer.status.discounted
    return {**answer.violations.left_out, **({"DISCOUNTED": discounted} if discounted else {})}


def _transition(transition: Transition) -> pb.StatusTransition:
    step = transition.step
    return pb.StatusTransition(
        status=_formal(transition.status),
        occurred=_interval(step.occurred) if step.occurred else None,
        parties=transition.parties,
        positions=step.positions,
        explanation=explain_transition(transition),
        formal=_formal(transition.formal),
        day=str(step.day),
    )


def _conflict(conflict: ConflictingDate) -> pb.ConflictingDate:
    return pb.ConflictingDate(
        what=conflict.what,
        dates=[_interval(each) for each in conflict.dates],
        positions=conflict.positions,
        chosen=conflict.chosen,
        rule=conflict.rule,
    )


def _counts(violations: Violations) -> pb.ViolationCounts:
    return pb.ViolationCounts(total=violations.total, **violations.by_standing)


def _monitoring(monitoring: Monitoring) -> pb.MonitoringCoverage:
    return pb.MonitoringCoverage(
        observations=monitoring.observations,
        restrictions=monitoring.restrictions,
        last_observation=_day(monitoring.last_observation),
        positions=monitoring.positions,
    )


def _formal(formal: Formal) -> Any:
    return _FORMALS.get(formal.value.replace(" ", "_"), pb.FORMAL_STATUS_UNSPECIFIED)


def _observance(observance: Observance) -> Any:
    return _OBSERVANCES.get(observance.value, pb.OBSERVANCE_UNSPECIFIED)


def _day(day: Any) -> str:
    return "" if day is None else str(day)


def _interval(interval: OccurredInterval) -> values_pb2.OccurredInterval:
    return values_pb2.OccurredInterval(**_fields(interval, values_pb2.OccurredInterval.DESCRIPTOR))


def _terms(terms: AgreementTerms) -> claims_pb2.AgreementTerms:
    return claims_pb2.AgreementTerms(**_fields(terms, claims_pb2.AgreementTerms.DESCRIPTOR))


def _fields(value: Value, descriptor: Descriptor) -> dict[str, Any]:
    content = value.model_dump(mode="json", exclude_defaults=True)
    write = _CONVERTERS.writer(descriptor)
    return write(content) if write else content
