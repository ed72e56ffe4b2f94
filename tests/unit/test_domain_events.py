"""Every type of event: round trips of its payload, unknown fields, its stream, and the actors that it names."""

from __future__ import annotations

import json
import string
import types
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from annotated_types import BaseMetadata, Ge, Le, MaxLen, MinLen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

from ledger.api.violations import FILED_TYPES
from ledger.domain import acts, values
from ledger.domain.administration import ADMINISTRATIVE_TYPES
from ledger.domain.casualties import CLASS_AND_OUTCOME, PersonsCaptured, PersonsMissing, TollClaimed
from ledger.domain.claim import INCIDENTS, REPORTS, THREATS, TOLLS, Claim, DomainEvent
from ledger.domain.codes import Code, Outcome, Verification
from ledger.domain.hostilities import ActReference, EventId
from ledger.domain.recorded import drafts_of
from ledger.domain.reports import ACT_TYPES, ALL_TYPES, CLAIM_TYPES, EVENT_TYPES, Report, event_from_payload
from tests.filing import filed_event
from tests.golden.examples import COMPLETE, MINIMAL

MOST_ITEMS = 3
ZONES = (UTC, timezone(timedelta(hours=3)), timezone(-timedelta(hours=9, minutes=30)))

ids = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=1).flatmap(
    lambda first: st.text(string.ascii_lowercase + string.digits + "._:-", max_size=12).map(first.__add__)
)
event_ids = st.uuids().map(str)
lines = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
addresses = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=" "), max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
# How an annotation that says nothing by its bounds alone is filled.
KNOWN: tuple[tuple[Any, st.SearchStrategy[Any]], ...] = (
    (values.SubjectId, ids),
    (values.ActorId, ids),
    (EventId, event_ids),
    (values.Sha256, digests),
    (values.Word, lines),
    (values.Address, addresses),
    (values.Text, texts),
    (values.Day, st.dates()),
    (values.Published, st.dates() | st.datetimes(timezones=st.sampled_from(ZONES))),
    (values.Number, st.integers(0, values.MAX_COUNT)),
    (Verification, st.sampled_from([each for each in Verification if each is not Verification.RETRACTED])),
)


def filled(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that an annotation allows."""
    origin, inside = get_origin(annotation), get_args(annotation)
    for known, strategy in KNOWN:
        narrowed = get_args(known)
        if annotation == known or (origin is Annotated and narrowed and inside[: len(narrowed)] == narrowed):
            return strategy.filter(bool) if annotation != known else strategy
    if origin is Annotated:
        return bounded(inside[0], inside[1:])
    if origin is tuple:
        return st.lists(filled(inside[0]), max_size=MOST_ITEMS).map(tuple)
    if origin is Literal:
        return st.sampled_from(inside)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(filled, inside))
    if isinstance(annotation, type) and issubclass(annotation, Code):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return st.deferred(lambda: models(annotation))
    plain: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        type(None): st.none(),
        float: st.floats(-90, 90),
        int: st.integers(),
    }
    return plain[annotation]


def bounded(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Values within the bounds of an annotation."""
    bounds = [each for item in metadata for each in (item.metadata if isinstance(item, FieldInfo) else [item])]
    assert all(isinstance(each, BaseMetadata | StringConstraints) or callable(each.func) for each in bounds)
    least = next((each.ge for each in bounds if isinstance(each, Ge)), None)
    most = next((each.le for each in bounds if isinstance(each, Le)), None)
    if annotation is int:
        return st.integers(least, most)  # type: ignore[arg-type]
    if annotation is float:
        return st.floats(least, most)  # type: ignore[arg-type]
    fewest = next((each.min_length for each in bounds if isinstance(each, MinLen)), 0)
    limit = next((each.max_length for each in bounds if isinstance(each, MaxLen)), MOST_ITEMS)
    if get_origin(annotation) is tuple:
        return st.lists(filled(get_args(annotation)[0]), min_size=fewest, max_size=min(limit, MOST_ITEMS)).map(
            tuple
        )
    return filled(annotation)


@cache
def models(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Instances of a model: every field from its annotation, then what its validators ask for."""
    hints = get_type_hints(model, include_extras=True)
    required = {name: filled(hints[name]) for name, field in model.model_fields.items() if field.is_required()}
    optional = {name: filled(hints[name]) for name, field in model.model_fields.items() if not field.is_required()}
    contents = st.fixed_dictionaries(required, optional=optional)
    return contents.map(lambda content: model.model_validate(ADJUSTED.get(model, dict)(content)))


Content = dict[str, Any]


def _in_order(content: Content) -> Content:
    start, end = sorted((content["start"], content["end"]))
    return {**content, "start": start, "end": end}


def _one_of(one: str, other: str, instead: str) -> Any:
    def adjusted(content: Content) -> Content:
        if content.get(one):
            return {**content, other: None}
        return {**content, one: None, other: content.get(other) or instead}

    return adjusted


def _whole_point(content: Content) -> Content:
    return {name: value for name, value in content.items() if name not in ("latitude", "longitude")} | (
        {"latitude": content["latitude"], "longitude": content["longitude"]}
        if content.get("latitude") is not None and content.get("longitude") is not None
        else {}
    )


def _count(content: Content) -> Content:
    match content["qualifier"]:
        case "unknown":
            return {"qualifier": "unknown", "words": content.get("words", "")}
        case "vague":
            return {**content, "words": content.get("words") or "scores"}
        case "between":
            return {"low": 0, "high": 0} | {name: value for name, value in content.items() if value is not None}
    return {**content, "stated": content.get("stated") or 1}


def _merging(content: Content) -> Content:
    others = dict.fromkeys(each for each in content["merged_incident_ids"] if each != content["incident_id"])
    return {**content, "merged_incident_ids": tuple(others) or (content["incident_id"][:100] + "-too",)}


def _of_a_party(content: Content) -> Content:
    return {**content, "victim_party": content.get("victim_party") or "turkey"}


def _by_somebody(content: Content) -> Content:
    redacts = any(isinstance(each, acts.PayloadRedacted) for each in content["claims"])
    return {**content, "recorded_by": content.get("recorded_by") or "a guardian"} if redacts else content


ADJUSTED: dict[type[BaseModel], Any] = {
    values.OccurredInterval: _in_order,
    values.Place: _whole_point,
    values.Count: _count,
    values.Attribution: lambda content: {**content, "name": content.get("name") or "somebody"},
    ActReference: _one_of("incident_id", "event_id", "3f0c5b0e-6a52-4b0e-9c57-0d1f2a9b8c7d"),
    PersonsMissing: _of_a_party,
    PersonsCaptured: _of_a_party,
    TollClaimed: _one_of("toll_id", "incident_id", "idlib"),
    acts.ClaimAssessed: lambda content: {**content, "credibility": content.get("credibility") or 3},
    acts.IncidentsMerged: _merging,
    Report: _by_somebody,
}


@pytest.mark.parametrize("event_type", EVENT_TYPES.values(), ids=EVENT_TYPES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_payload_reads_back_as_what_was_written(event_type: type[DomainEvent], data: st.DataObject) -> None:
    event = data.draw(models(event_type))
    payload = event.to_payload()
    read = event_from_payload(event.type, payload)
    assert read == event
    assert type(read) is event_type
    assert read.to_payload() == payload, "the same content is always the same bytes"
    assert dict(read.actor_ids()) == dict(event.actor_ids())
    assert b"\n" not in payload
    json.loads(payload, object_pairs_hook=no_null)


def no_null(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, in which nothing that is not stated may be written."""
    assert all(value is not None for _, value in pairs), pairs
    return dict(pairs)


@pytest.mark.parametrize("event", [*COMPLETE.values(), *MINIMAL.values()], ids=lambda event: event.type)
def test_an_unknown_field_is_refused_at_every_depth(event: DomainEvent) -> None:
    for altered in with_an_unknown_field(json.loads(event.to_payload())):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            type(event).model_validate(altered)
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            event_from_payload(event.type, json.dumps(altered).encode())


def with_an_unknown_field(content: Any) -> Any:
    """The content once for each object in it, with a field there that no model has."""
    if isinstance(content, dict):
        yield {**content, "colour": "red"}
        for name, value in content.items():
            for altered in with_an_unknown_field(value):
                yield {**content, name: altered}
    elif isinstance(content, list):
        for index, value in enumerate(content):
            for altered in with_an_unknown_field(value):
                yield [*content[:index], altered, *content[index + 1 :]]


@pytest.mark.parametrize("event", MINIMAL.values(), ids=lambda event: event.type)
def test_a_required_field_is_required(event: DomainEvent) -> None:
    content = json.loads(event.to_payload())
    for name, field in type(event).model_fields.items():
        if field.is_required():
            with pytest.raises(ValidationError, match=name if name != "type" else "type"):
                type(event).model_validate({key: value for key, value in content.items() if key != name})


@pytest.mark.parametrize("event", COMPLETE.values(), ids=lambda event: event.type)
def test_an_event_is_frozen_and_of_one_version(event: DomainEvent) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(event, "type", "Other")  # noqa: B010 - refused by the checker too
    for wrong in (0, 2, "1.5"):
        with pytest.raises(ValidationError):
            type(event).model_validate({**json.loads(event.to_payload()), "schema_version": wrong})


def test_a_payload_of_another_or_an_unknown_type_is_not_read() -> None:
    payload = MINIMAL["TroopsKilled"].to_payload()
    with pytest.raises(ValidationError):
        event_from_payload("TroopsInjured", payload)
    with pytest.raises(KeyError):
        event_from_payload("TroopsVanished", payload)


def test_the_catalogue_has_every_type_once() -> None:
    assert len(EVENT_TYPES) == 39
    assert len(CLAIM_TYPES) + len(ACT_TYPES) + 1 == len(EVENT_TYPES)
    assert len(ALL_TYPES) == len(EVENT_TYPES) + len(ADMINISTRATIVE_TYPES) == 45
    assert all(issubclass(each, Claim) for each in CLAIM_TYPES)
    assert not any(issubclass(each, Claim) for each in ACT_TYPES)
    assert set(CLASS_AND_OUTCOME) <= set(EVENT_TYPES)


def test_every_outcome_can_be_claimed_of_a_single_incident() -> None:
    assert {outcome for _, outcome in CLASS_AND_OUTCOME.values()} == set(Outcome)


def test_a_stream_follows_from_the_content() -> None:
    streams = {name: MINIMAL[name].stream for name in ("TroopsKilled", "PartyWithdrew", "ReportFiled")}
    assert streams["TroopsKilled"] == f"{INCIDENTS}idlib-2020-02-10"
    assert streams["PartyWithdrew"] == "agreements/sochi-memorandum-2018"
    assert streams["ReportFiled"] == f"{REPORTS}outlet-2020-02-12-idlib"
    assert MINIMAL["TollClaimed"].stream == f"{INCIDENTS}idlib-2020-02-10"
    assert COMPLETE["TollClaimed"].stream == f"{TOLLS}idlib-civilians-2018-2020"
    assert COMPLETE["ThreatIssued"].stream == f"{THREATS}idlib-ultimatum-2020-02"
    with pytest.raises(LookupError, match="stream of its target"):
        _ = COMPLETE["ClaimAssessed"].stream


def test_actors_are_named_by_their_path() -> None:
    assert dict(COMPLETE["TroopsKilled"].actor_ids()) == {
        "attributions[0].actor_id": "turkey",
        "victim_party": "turkey",
        "perpetrators[0]": "government-of-syria",
        "perpetrators[1]": "russia",
    }
    assert dict(COMPLETE["AgreementSigned"].actor_ids()) == {
        "attributions[0].actor_id": "turkey",
        "signatories[0]": "turkey",
        "signatories[1]": "russia",
        "terms.parties[0]": "turkey",
        "terms.parties[1]": "russia",
        "terms.mediators[0]": "iran",
    }
    assert dict(COMPLETE["MonitoringRestricted"].actor_ids())["mission"] == "joint-patrols"
    assert dict(COMPLETE["PartyWithdrew"].actor_ids())["party"] == "turkey"
    assert dict(COMPLETE["ClaimCorrected"].actor_ids())["replacement.perpetrators[1]"] == "russia"


def test_an_id_that_is_no_actor_s_is_not_taken_for_one() -> None:
    assert dict(COMPLETE["ActorRegistered"].actor_ids()) == {}, "it names itself, and is not looked for"
    assert dict(COMPLETE["IncidentsMerged"].actor_ids()) == {}
    assert dict(COMPLETE["ThreatCarriedOut"].actor_ids()) == {"attributions[0].actor_id": "turkey"}
    assert dict(MINIMAL["CiviliansKilled"].actor_ids()) == {}


def test_every_mention_of_an_actor_in_the_payload_is_found() -> None:
    known = {"turkey", "government-of-syria", "russia", "iran", "syrian-opposition", "joint-patrols"}
    for name, event in COMPLETE.items():
        mentioned = sorted(strings_in(json.loads(event.to_payload()), known))
        expected = [] if name == "ActorRegistered" else mentioned
        assert sorted(actor for _, actor in event.actor_ids()) == expected, name


def strings_in(content: Any, wanted: set[str]) -> list[str]:
    """All values of a JSON document that are one of these."""
    if isinstance(content, dict):
        return [each for value in content.values() for each in strings_in(value, wanted)]
    if isinstance(content, list):
        return [each for value in content for each in strings_in(value, wanted)]
    return [content] if isinstance(content, str) and content in wanted else []


def test_a_report_that_redacts_says_who_does() -> None:
    head = {"report_id": "r", "source": {"name": "Outlet"}, "reported": "2020-02-12"}
    act = json.loads(COMPLETE["PayloadRedacted"].to_payload())
    with pytest.raises(ValidationError, match="does not say who does; give `recorded_by`"):
        Report.model_validate({**head, "claims": [act]})
    assert Report.model_validate({**head, "recorded_by": "a guardian", "claims": [act]}).acts


def test_a_report_holds_claims_and_acts_and_no_filing() -> None:
    head = {"report_id": "r", "source": {"name": "Outlet"}, "reported": "2020-02-12", "recorded_by": "a guardian"}
    items = [json.loads(event.to_payload()) for name, event in COMPLETE.items() if name in FILED_TYPES]
    report = Report.model_validate({**head, "claims": items})
    assert [type(each) for each in report.claims] == [type(COMPLETE[each["type"]]) for each in items]
    wrong_claims: list[list[Content]] = [
        [],
        *([json.loads(event.to_payload())] for name, event in COMPLETE.items() if name not in FILED_TYPES),
        [{"type": "Unheard"}],
        [{}],
    ]
    for wrong in wrong_claims:
        with pytest.raises(ValidationError, match="claims"):
            Report.model_validate({**head, "claims": wrong})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(models(Report), max_size=4))
def test_drafts_of_many_are_the_drafts_of_each(reports: list[Report]) -> None:
    drafts = drafts_of("main", reports)
    assert drafts == [draft for report in reports for draft in drafts_of("main", [report])]
    for report, draft in zip(reports, drafts, strict=True):
        assert draft.report is report
        assert json.loads(draft.payloads[0])["content_digest"] == draft.digest
        assert len(draft.ids) == len(draft.payloads) == len(report.claims) + 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models(Report))
def test_the_filing_says_what_the_report_says(report: Report) -> None:
    filed = filed_event(report)
    assert report.filed_payload(report.filing_payload(), "0" * 64) == filed.to_payload()
    assert type(filed).model_validate_json(filed.to_payload()) == filed
    said = json.loads(filed.to_payload())
    assert said.pop("claim_count") == len(report.claims)
    assert said.pop("content_digest") == "0" * 64
    assert said.pop("type") == "ReportFiled"
    assert said == json.loads(report.filing_payload())
    assert (
        filed.reported_day
        == (report.reported.date() if isinstance(report.reported, datetime) else report.reported).isoformat()
    )


@pytest.mark.parametrize(
    ("event", "altered", "why"),
    [
        ("TollClaimed", {"incident_id": "idlib"}, "of one incident or of a period and area"),
        ("TollClaimed", {"toll_id": None}, "of one incident or of a period and area"),
        ("ClaimAssessed", {"verification": "retracted"}, "retracted by ClaimRetracted"),
        ("ClaimAssessed", {"verification": None, "credibility": None, "standing": None}, "assesses nothing"),
        ("IncidentsMerged", {"merged_incident_ids": ["idlib-2020-02-10"]}, "into itself"),
        ("IncidentsMerged", {"merged_incident_ids": ["a", "a"]}, "names an incident twice"),
        ("IncidentsMerged", {"merged_incident_ids": []}, "at least 1 item"),
        ("PersonsKilled", {"victim_class": "troops"}, "contractors"),
        ("PersonsMissing", {"victim_party": None}, "troops are of a party"),
        ("PersonsCaptured", {"victim_party": None}, "troops are of a party"),
        ("PersonsCaptured", {"victim_class": None}, "victim_class"),
        ("CeasefireEnded", {"ending": 0}, "ending"),
        ("CeasefireExtended", {"added_hours": 0}, "greater than or equal to 1"),
        ("PayloadRedacted", {"rule": ""}, "at least 1 character"),
        ("PreferredClaimChosen", {"reason": ""}, "at least 1 character"),
        ("ClaimCorrected", {"replacement": {"type": "ClaimRetracted"}}, "replacement"),
        ("ReportFiled", {"claim_count": 0}, "greater than or equal to 1"),
    ],
)
def test_what_a_type_refuses(event: str, altered: Content, why: str) -> None:
    content = json.loads(COMPLETE[event].to_payload())
    with pytest.raises(ValidationError, match=why):
        type(COMPLETE[event]).model_validate({**content, **altered})


def test_a_reported_day_is_that_of_the_publication_s_own_zone() -> None:
    filed = COMPLETE["ReportFiled"]
    assert getattr(filed, "reported_day") == date(2020, 2, 12).isoformat()  # noqa: B009 - typed as any event
