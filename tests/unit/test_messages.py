"""Facts about the mapping between the domain's models and the contract's messages."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor
from pydantic import BaseModel

from incident.ledger.v1 import claims_pb2, records_pb2, values_pb2
from ledger.api.fields import message_of
from ledger.api.messages import (
    BODY_NAMES,
    claim_from_proto,
    claim_to_proto,
    code_from_proto,
    code_to_proto,
    record_to_proto,
    report_to_proto,
    reports_from_proto,
    timestamp_to_proto,
)
from ledger.domain import codes
from ledger.domain.administration import ADMINISTRATIVE_TYPES
from ledger.domain.claim import Claim, DomainEvent
from ledger.domain.codes import Code, DatePrecision, VictimClass
from ledger.domain.reports import ALL_TYPES, EVENT_TYPES, Report
from ledger.errors import CorruptionError, InvalidRequestError
from ledger.persistence.records import RawRecord, StoredRecord

EVENT_ID = UUID("7f4df0f2-9c1e-4a45-9a55-0d9f0a2f6f51")
INTERVAL = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
COUNT = {"qualifier": "between", "stated": 0, "low": 1, "best": 2, "high": 3, "words": "one to three"}
EXTERNAL = [{"scheme": "ucdp", "id": "118"}]
PLACE = {
    "name": "Idlib",
    "precision": "admin1",
    "country": "Syria",
    "admin1": "Idlib",
    "admin2": "Harim",
    "latitude": 35.9,
    "longitude": 0.0,
    "external_ids": EXTERNAL,
}
EVIDENCE = [
    {
        "url": "https://example.org/a",
        "archive_url": "https://example.org/b",
        "sha256": "0" * 64,
        "media_type": "text/html",
        "retrieved_at": "2020-02-13T10:00:00Z",
        "collected_by": "a recorder",
    }
]
TERMS = {
    "title": "Memorandum",
    "parties": ["turkey", "russia"],
    "zone": PLACE,
    "side": "bilateral",
    "ceasefire_class": "preliminary",
    "partial": True,
    "written": False,
    "effective": INTERVAL,
    "fixed_term_hours": 72,
    "ends": INTERVAL,
    "purposes": ["humanitarian"],
    "provisions": ["no attacks"],
    "mediators": ["russia"],
    "monitoring_mechanism": "observation posts",
    "supersedes_agreement_id": "earlier",
    "external_ids": EXTERNAL,
}
SOURCE = {"name": "Outlet", "reliability": "b", "dateline": "Ankara", "external_ids": EXTERNAL}
ACTS = [{"incident_id": "idlib-2020-02-10"}, {"event_id": str(EVENT_ID)}]

VALUES: dict[str, Any] = {
    "actor_id": "turkey",
    "actor_kind": "external",
    "acts": ACTS,
    "added_hours": 24,
    "addressees": ["opposition"],
    "against": ["government-of-syria"],
    "agreement_id": "sochi-memorandum",
    "accepted_at": "2026-11-27T12:00:00Z",
    "act_position": 12,
    "agreement_ids": ["sochi-memorandum"],
    "aliases": ["Türkiye"],
    "announced_act": "strikes",
    "answers": ACTS,
    "at_position": 2_000,
    "attackers": ["turkey"],
    "attributions": [{"actor_id": "turkey", "name": "a spokesman", "role": "party"}],
    "backers": ["russia"],
    "cameo_code": "1384",
    "claim_count": 3,
    "clarity": "aggregate",
    "condition": "if any soldier is hurt",
    "content_digest": "f" * 64,
    "count": COUNT,
    "course": "gains",
    "credibility": "probably_true",
    "deadline": INTERVAL,
    "declared_by": ["turkey"],
    "ended_by": ["turkey"],
    "ending": "superseded",
    "ended_at": "2026-11-27T12:00:00.000001Z",
    "ends": INTERVAL,
    "error": "the disk is full",
    "established_by": ["turkey"],
    "evidence": EVIDENCE,
    "generation": 4,
    "external_ids": EXTERNAL,
    "incident_id": "idlib-2020-02-10",
    "installation": "ledger.example.org",
    "issued_by": ["turkey"],
    "issued_root": "f" * 64,
    "issued_size": 2_032,
    "kind_of_violence": "state_based",
    "language": "en",
    "ledger": "main",
    "means": "air",
    "merged_incident_ids": ["idlib-a", "idlib-b"],
    "mission": "observers",
    "mode": "phone",
    "name": "Turkey",
    "note": "a note",
    "occurred": INTERVAL,
    "operation": "freeze",
    "outcome": "killed",
    "participants": ["turkey", "russia"],
    "parties": ["turkey"],
    "party": "turkey",
    "perpetrators": ["government-of-syria"],
    "place": PLACE,
    "preferred_event_id": str(EVENT_ID),
    "position": 2_000,
    "process": "Astana",
    "projection": "casualties",
    "proposed_by": ["turkey"],
    "rationale": "two sources",
    "reason": "error",
    "recorded_by": "a recorder",
    "replacement": {"type": "StatementMade", "incident_id": "idlib-a", "occurred": INTERVAL, "place": PLACE},
    "replaced_digest": "e" * 64,
    "report_id": "report-1",
    "reported": "2020-02-12",
    "restricted_by": ["turkey"],
    "restriction": "no access",
    "result": "failed",
    "rule": "a rule",
    "signatories": ["turkey", "russia"],
    "source": SOURCE,
    "speakers": ["turkey"],
    "standing": "verified",
    "subject_matter": "Idlib",
    "summary": "A summary.",
    "superseded_by_agreement_id": "later",
    "taken_by": ["turkey"],
    "taken_from": ["government-of-syria"],
    "target_event_id": str(EVENT_ID),
    "target_report_id": "report-0",
    "targets": ["government-of-syria"],
    "targets_struck": COUNT,
    "size": 2_000,
    "state_digest": "d" * 64,
    "target_position": 7,
    "terms": TERMS,
    "source_count": 3,
    "threat_id": "threat-1",
    "threat_kind": "ultimatum",
    "title": "A title",
    "toll_id": "toll-1",
    "verification": "fair",
    "verifier_keys": ["ledger.example.org+0a5f5f4c+AQ=="],
    "victim_class": "contractors",
    "victim_party": "turkey",
    "violation_kind": "shelling",
    "violators": ["government-of-syria"],
    "withdrawn_by": ["turkey"],
    "words": "as written",
}
"""A value for every field that events have, other than its default."""


def full_event(event_type: type[DomainEvent]) -> DomainEvent:
    """An event of a type with every field set, but for those that exclude each other."""
    content = {name: VALUES[name] for name in event_type.model_fields if name in VALUES}
    if event_type.__name__ == "TollClaimed":
        del content["incident_id"]
    event = event_type.of(**content)
    unset = set(event_type.model_fields) - event.model_fields_set - {"schema_version", "incident_id"}
    assert not unset, f"no value for {unset}"
    return event


def record_of(event: DomainEvent) -> StoredRecord:
    """The event as the store gives it back."""
    return StoredRecord(
        originator_id="incidents/idlib-2020-02-10",
        originator_version=3,
        topic=event.type,
        state=event.to_payload(),
        position=42,
        event_id=EVENT_ID,
        report_id="report-1",
        recorded_at=datetime(2020, 2, 13, 9, 30, 0, 123456, tzinfo=UTC),
        redacted=False,
    )


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from models_in(each)


def assert_same_fields(model: type[BaseModel], message: Descriptor, checked: set[str]) -> None:
    """Model and message have the same fields by name, and so have the models of those fields."""
    if model.__name__ in checked or issubclass(model, DomainEvent):
        return
    checked.add(model.__name__)
    assert set(model.model_fields) == set(message.fields_by_name), model.__name__
    for name, field in model.model_fields.items():
        for inner in models_in(field.annotation):
            inner_message = message.fields_by_name[name].message_type
            assert inner_message is not None, f"{model.__name__}.{name}"
            assert_same_fields(inner, inner_message, checked)


CLAIM = claims_pb2.Claim.DESCRIPTOR
BODIES = {field.name: message_of(field) for field in CLAIM.oneofs_by_name["body"].fields}
COMMON = set(CLAIM.fields_by_name) - set(BODIES)


def test_every_type_of_event_has_a_body_and_every_body_a_type() -> None:
    assert set(BODY_NAMES.values()) == set(BODIES)
    assert [BODIES[BODY_NAMES[name]].name for name in ALL_TYPES] == list(ALL_TYPES)


def test_the_common_fields_are_those_of_every_claim() -> None:
    assert set(Claim.model_fields) - {"type", "schema_version"} == COMMON


@pytest.mark.parametrize("type_name", sorted(ALL_TYPES))
def test_an_event_has_the_fields_of_its_body(type_name: str) -> None:
    model = ALL_TYPES[type_name]
    message = BODIES[BODY_NAMES[type_name]]
    common = COMMON if issubclass(model, Claim) else set()
    assert set(model.model_fields) - {"type", "schema_version"} == common | set(message.fields_by_name)
    assert not common & set(message.fields_by_name)
    checked: set[str] = set()
    for name, field in model.model_fields.items():
        for inner in models_in(field.annotation):
            holder = CLAIM if name in common else message
            inner_message = holder.fields_by_name[name].message_type
            assert inner_message is not None, name
            assert_same_fields(inner, inner_message, checked)


def test_a_report_has_the_fields_of_its_message() -> None:
    assert_same_fields(Report, records_pb2.Report.DESCRIPTOR, set())


ENUMS = {
    enum.name: enum
    for file in (values_pb2.DESCRIPTOR, claims_pb2.DESCRIPTOR)
    for enum in file.enum_types_by_name.values()
}
CODES = {each.__name__: each for each in vars(codes).values() if isinstance(each, type) and issubclass(each, Code)}
del CODES["Code"]


def test_every_code_has_an_enumeration_and_every_enumeration_a_code() -> None:
    assert set(CODES) == set(ENUMS)


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_code_has_the_words_of_its_enumeration(name: str) -> None:
    enum: EnumDescriptor = ENUMS[name]
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    words = {value.name.removeprefix(prefix).lower() for value in enum.values if value.number}
    assert words == {code.value for code in CODES[name]}
    for code in CODES[name]:
        number = code_to_proto(code)
        assert enum.values_by_number[number].name == f"{prefix}{code.value.upper()}"
        assert code_from_proto(CODES[name], number, "field") is code


def test_unspecified_is_no_code() -> None:
    assert code_from_proto(VictimClass, 0, "filter.victim_classes[0]") is None


def test_a_number_that_the_contract_does_not_define_is_refused_by_its_path() -> None:
    with pytest.raises(InvalidRequestError, match=r"filter.victim_classes\[0\]: is `99`; give one of troops"):
        code_from_proto(VictimClass, 99, "filter.victim_classes[0]")


@pytest.mark.parametrize("type_name", sorted(ALL_TYPES))
def test_an_event_survives_the_way_through_the_contract(type_name: str) -> None:
    event = full_event(ALL_TYPES[type_name])
    answer = record_to_proto(record_of(event), records_pb2.EVENT_VIEW_FULL)
    received = records_pb2.RecordedEvent.FromString(answer.SerializeToString())
    assert received.claim.WhichOneof("body") == BODY_NAMES[type_name]
    assert ALL_TYPES[type_name].model_validate(claim_from_proto(received.claim)) == event


def report_from_proto(message: records_pb2.Report) -> Report:
    """The one report, or its error."""
    [report] = reports_from_proto([message])
    if isinstance(report, InvalidRequestError):
        raise report
    return report


def filed(*events: DomainEvent) -> Report:
    """A report of these events."""
    return Report.model_validate(
        {
            "report_id": "report-1",
            "source": SOURCE,
            "reported": "2020-02-12T10:00:00Z",
            "title": "A title",
            "summary": "A summary.",
            "language": "en",
            "recorded_by": "a recorder",
            "evidence": EVIDENCE,
            "claims": events,
        }
    )


def test_a_report_of_all_types_survives_the_way_through_the_contract() -> None:
    report = filed(*(full_event(each) for name, each in EVENT_TYPES.items() if name != "ReportFiled"))
    received = records_pb2.Report.FromString(report_to_proto(report).SerializeToString())
    assert report_from_proto(received) == report


@pytest.mark.parametrize("type_name", ["ReportFiled", *sorted(ADMINISTRATIVE_TYPES)])
def test_no_report_holds_what_the_service_alone_records(type_name: str) -> None:
    event = full_event(ALL_TYPES[type_name])
    sent = report_to_proto(filed(full_event(EVENT_TYPES["TroopsKilled"])))
    sent.claims.append(claim_to_proto(json.loads(event.to_payload())))
    (told,) = violations(sent).items()
    assert told[0] == "report.claims[1]"
    assert told[1].endswith("leave it out")


def test_an_absent_number_stays_absent_and_zero_stays_zero() -> None:
    message = claim_to_proto(
        {"type": "TroopsKilled", "count": {"qualifier": "at_least", "stated": 0}, "incident_id": "a"}
    )
    count = message.troops_killed.count
    assert count.HasField("stated")
    assert count.stated == 0
    assert not count.HasField("high")
    assert claim_from_proto(message)["count"] == {"qualifier": "at_least", "stated": 0}


def test_a_record_carries_its_place_in_the_ledger() -> None:
    record = record_of(full_event(EVENT_TYPES["TroopsKilled"]))
    answer = record_to_proto(record, records_pb2.EVENT_VIEW_UNSPECIFIED)
    assert (answer.position, answer.stream, answer.revision) == (42, "incidents/idlib-2020-02-10", 3)
    assert (answer.event_id, answer.type, answer.report_id) == (str(EVENT_ID), "TroopsKilled", "report-1")
    assert answer.recorded_at.ToDatetime(tzinfo=UTC) == record.recorded_at
    assert not answer.redacted


def test_a_raw_view_carries_the_exact_bytes_and_no_claim() -> None:
    record = record_of(full_event(EVENT_TYPES["TroopsKilled"]))
    stored = {name: getattr(record, name) for name in StoredRecord.__dataclass_fields__}
    raw = RawRecord(**stored, envelope=b"envelope", leaf=b"leaf", salt=b"salt")
    answer = record_to_proto(raw, records_pb2.EVENT_VIEW_RAW)
    assert (answer.envelope, answer.salt, answer.payload) == (b"envelope", b"salt", record.state)
    assert not answer.HasField("claim")


def test_a_redacted_record_has_no_claim() -> None:
    record = record_of(full_event(EVENT_TYPES["TroopsKilled"]))
    stored = {name: getattr(record, name) for name in StoredRecord.__dataclass_fields__}
    answer = record_to_proto(StoredRecord(**{**stored, "state": b"", "redacted": True}), 0)
    assert answer.redacted
    assert not answer.HasField("claim")


def test_a_payload_that_does_not_fit_is_corruption_at_its_position() -> None:
    record = record_of(full_event(EVENT_TYPES["TroopsKilled"]))
    stored = {name: getattr(record, name) for name in StoredRecord.__dataclass_fields__}
    with pytest.raises(CorruptionError, match="position 42"):
        record_to_proto(StoredRecord(**{**stored, "state": b'{"type":"Unheard"}'}), 0)


@pytest.mark.parametrize(
    "moment",
    [datetime(1969, 12, 31, 23, 59, 59, 5, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 8, 999999, tzinfo=UTC)],
)
def test_a_moment_is_the_same_as_a_timestamp(moment: datetime) -> None:
    assert timestamp_to_proto(moment).ToDatetime(tzinfo=UTC) == moment


def message(**content: Any) -> records_pb2.Report:
    """A report as a client of any language may send it."""
    said: dict[str, Any] = {"report_id": "r", "source": {"name": "Outlet"}, "reported": "2020-02-12"}
    return records_pb2.Report(**{**said, **content})


def faulty(**changes: Any) -> dict[str, str]:
    """The violations of a report that is right but for these changes to its one claim."""
    body: dict[str, Any] = {"incident_id": "a", "victim_party": "turkey", "count": {"qualifier": 1, "stated": 1}}
    claim: dict[str, Any] = {"occurred": {"start": "2020-02-10", "precision": 1}, "troops_killed": body}
    body.update(changes.pop("body", {}))
    claim.update(changes)
    return violations(message(claims=[claim]))


def violations(sent: records_pb2.Report) -> dict[str, str]:
    """Path and sentence of every violation of a report."""
    with pytest.raises(InvalidRequestError) as refused:
        report_from_proto(sent)
    return {each.field: each.description for each in refused.value.violations}


def test_a_negative_count_is_refused_by_its_path() -> None:
    assert faulty(body={"count": {"qualifier": 1, "stated": -5}}) == {
        "report.claims[0].count.stated": "is -5; a count cannot be negative"
    }


def test_an_unknown_enumeration_number_is_refused_by_its_path() -> None:
    assert faulty(occurred={"start": "2020-02-10", "precision": 99}) == {
        "report.claims[0].occurred.precision": "is `99`; give one of day, days, week, month, year, years"
    }


def test_a_number_of_the_contract_is_not_taken_for_a_number_of_a_codebook() -> None:
    content: dict[str, Any] = {"ceasefire_ended": {"ending": claims_pb2.CEASEFIRE_ENDING_UNKNOWN}}
    assert claim_from_proto(claims_pb2.Claim(**content))["ending"] == "unknown"


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    assert faulty(occurred={"start": "2020-02-12", "end": "2020-02-01", "precision": 2}) == {
        "report.claims[0].occurred": "ends on 2020-02-01, before it starts on 2020-02-12; exchange start and end"
    }


def test_a_date_that_does_not_exist_is_refused_once() -> None:
    assert faulty(occurred={"start": "2020-02-30", "precision": 1}) == {
        "report.claims[0].occurred.start": "is `2020-02-30`, which is not a date (day value is outside expected "
        "range); write it as YYYY-MM-DD"
    }


def test_a_claim_without_a_body_says_nothing() -> None:
    sent = message(claims=[{"words": "…"}])
    found = violations(sent)
    assert list(found) == ["report.claims[0]"]
    assert found["report.claims[0]"].startswith("says nothing: set one of troops_killed, ")
    assert "report_filed" not in found["report.claims[0]"]


def test_a_claim_that_a_report_was_filed_is_refused() -> None:
    sent = message(claims=[{"report_filed": {}}])
    assert "the ledger records that itself" in violations(sent)["report.claims[0]"]


def test_an_act_of_the_record_takes_no_common_part() -> None:
    sent = message(
        claims=[
            {
                "words": "…",
                "actor_registered": {"actor_id": "turkey", "name": "Turkey", "actor_kind": 1},
            }
        ],
    )
    assert violations(sent) == {"report.claims[0].words": "is not a field here; correct its name or leave it out"}


def test_an_empty_report_is_told_all_that_is_missing() -> None:
    missing = "is required and missing"
    assert violations(records_pb2.Report()) == {
        "report.report_id": missing,
        "report.source": missing,
        "report.reported": missing,
        "report.claims": missing,
    }


def test_a_publication_date_that_is_none_is_one_violation() -> None:
    sent = message(reported="soon", claims=[{"statement_made": {}}])
    assert violations(sent)["report.reported"] == "is `soon`, which is not a date; write it as YYYY-MM-DD"


def test_violations_of_a_replacement_are_named_by_its_path() -> None:
    sent = message(
        claims=[
            {
                "claim_corrected": {
                    "target_event_id": "first",
                    "reason": "a slip",
                    "replacement": {"occurred": {"start": "2020-02-10", "precision": 1}, "party_withdrew": {}},
                }
            }
        ],
    )
    assert violations(sent) == {
        "report.claims[0].target_event_id": "is `first`; an event id is a lowercase UUID, as the receipt of its "
        "report gives it",
        "report.claims[0].replacement.agreement_id": "is required and missing",
        "report.claims[0].replacement.party": "is required and missing",
    }


def test_fields_of_a_newer_contract_are_refused_instead_of_dropped() -> None:
    report = report_to_proto(filed(full_event(EVENT_TYPES["TroopsKilled"]))).SerializeToString()
    unknown_field_500 = b"\xa0\x1f\x01"
    found = violations(records_pb2.Report.FromString(report + unknown_field_500))
    assert found == {
        "report": "has fields that this server does not know; use the server's version of the contract"
    }


def test_dates_are_what_the_report_said() -> None:
    report = filed(full_event(EVENT_TYPES["TroopsKilled"]))
    received = report_from_proto(report_to_proto(report))
    assert received.reported == datetime(2020, 2, 12, 10, tzinfo=UTC)
    claim = received.claims[0]
    assert isinstance(claim, Claim)
    assert (claim.occurred.start, claim.occurred.precision) == (date(2020, 2, 3), DatePrecision.WEEK)
