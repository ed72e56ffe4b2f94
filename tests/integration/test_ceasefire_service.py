"""CeasefireService over real gRPC: a ledger on a real database, the engine that follows it, and what good and bad
questions get. The founding case is the seed report itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
import yaml
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status

from incident.ledger.v1 import ceasefire_service_pb2 as pb
from incident.ledger.v1 import claims_pb2, records_pb2
from incident.ledger.v1.ceasefire_service_pb2_grpc import (
    CeasefireServiceStub,
    add_CeasefireServiceServicer_to_server,
)
from ledger.api.statuses import telling
from ledger.application import LedgerApplication
from ledger.domain.reports import Report
from projections.api.ceasefire_service import CeasefireServicer
from projections.ceasefires import CEASEFIRES
from projections.ceasefires import reading as ceasefire_reading
from projections.engine.reading import ReadSide, read_pool
from projections.threats import THREATS
from tests.followed import running
from tests.postgres import Database

pytestmark = pytest.mark.newest
SECONDS = 20
SEED = Path(__file__).parents[2] / "seeds" / "02-founding-case.yaml"
SOCHI = "sochi-memorandum"
JANUARY = "idlib-ceasefire-2020-01"


class Service:
    """A ledger that reports are filed in, and the service that answers from what follows it."""

    def __init__(self, application: LedgerApplication, stub: Any) -> None:
        self.application = application
        self.stub = stub
        self.position = 0

    def file(self, report_id: str, *claims: dict[str, Any], **said: Any) -> list[str]:
        """Record a report; answers the event ids of its claims."""
        content = {"source": {"name": "An outlet"}, "reported": "2020-02-12", "recorded_by": "a tester", **said}
        return self.record({"report_id": report_id, "claims": list(claims), **content})

    def record(self, content: dict[str, Any]) -> list[str]:
        """Record a report as a file holds it."""
        appended, _ = self.application.append_report(Report.model_validate(content), {}, "test", SECONDS)
        self.position = appended.events[-1].position
        return [str(event.event_id) for event in appended.events[1:]]

    async def ask(self, method: str, request: Any) -> Any:
        """An answer that holds everything that was filed."""
        request.min_position = max(request.min_position, self.position)
        return await getattr(self.stub, method)(request, timeout=SECONDS)

    async def status(self, agreement_id: str = "north", **asked: Any) -> Any:
        request = pb.GetCeasefireStatusRequest(agreement_id=agreement_id, **asked)
        return await self.ask("GetCeasefireStatus", request)


@pytest_asyncio.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    pool = read_pool(database.service_url, 2)
    server = grpc.aio.server()
    add_CeasefireServiceServicer_to_server(CeasefireServicer(ReadSide(pool)), telling(server))
    port = server.add_insecure_port("127.0.0.1:0")
    with (
        closing(LedgerApplication("main", database.service_url)) as application,
        running(database, CEASEFIRES, THREATS),
    ):
        await pool.open()
        await server.start()
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield Service(application, CeasefireServiceStub(channel))
        await server.stop(None)
        await pool.close()


def signed(agreement_id: str = "north", on: str = "2020-01-05", **terms: Any) -> dict[str, Any]:
    claim = {"type": "AgreementSigned", "agreement_id": agreement_id, "occurred": on, "terms": terms}
    return {**claim, "signatories": ["east", "west"]}


def violated(on: Any = "2020-02-01", *by: str, agreement_id: str = "north", **more: Any) -> dict[str, Any]:
    claim = {"type": "CeasefireViolated", "agreement_id": agreement_id, "occurred": on, "violators": by}
    return {**claim, **more}


def threat(threat_id: str, on: str = "2020-02-01", **more: Any) -> dict[str, Any]:
    claim = {"type": "ThreatIssued", "threat_id": threat_id, "occurred": on, "threat_kind": "warning"}
    return {**claim, "issued_by": ["east"], **more}


async def refused(call: Any) -> tuple[grpc.StatusCode, list[str]]:
    """The code of a refusal, and the fields that it names."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    call_ended: Any = caught.value
    status = rpc_status.from_call(call_ended)
    bad = BadRequest()
    for detail in status.details if status else []:
        if detail.Is(BadRequest.DESCRIPTOR):
            detail.Unpack(bad)
    return caught.value.code(), [violation.field for violation in bad.field_violations]


# ------------------------------------------------------------ the founding case


async def test_founding_case(service: Service) -> None:
    service.record(yaml.safe_load(SEED.read_text(encoding="utf-8")))
    answer = await service.ask("ListCeasefires", pb.ListCeasefiresRequest())
    assert answer.at == "2020-02-12"
    assert [each.agreement_id for each in answer.ceasefires] == [JANUARY, SOCHI]
    for each in answer.ceasefires:
        assert each.formal == pb.FORMAL_STATUS_IN_FORCE
        assert each.observance == pb.OBSERVANCE_VIOLATED
        assert each.violations == pb.ViolationCounts(total=1, alleged=1)
        assert each.observance_rule == "observance-1"
        assert not each.left_out
    january, sochi = answer.ceasefires
    assert (january.in_force_since.start, sochi.in_force_since.start) == ("2020-01-12", "2018-09-17")
    assert [each.party for each in sochi.parties] == ["government-of-russia", "government-of-turkey"]
    assert [each.violations for each in sochi.parties] == [1, 0]
    assert sochi.terms.title == "Sochi memorandum on Idlib"
    assert sochi.terms.zone.admin1 == "Idlib Governorate"
    assert "no effective date is stated" in sochi.transitions[-1].explanation


async def test_founding_case_threats_at_two_dates(service: Service) -> None:
    service.record(yaml.safe_load(SEED.read_text(encoding="utf-8")))
    february = await service.ask("ListThreats", pb.ListThreatsRequest())
    assert february.at == "2020-02-12"
    kinds = [each.issued.event.claim.threat_issued.threat_kind for each in february.threats]
    assert kinds == [
        claims_pb2.THREAT_KIND_CONDITIONAL,
        claims_pb2.THREAT_KIND_ULTIMATUM,
        claims_pb2.THREAT_KIND_WARNING,
    ]
    assert [each.status for each in february.threats] == [pb.THREAT_STATUS_OPEN] * 3
    assert february.threats[1].issued.event.claim.threat_issued.deadline.start == "2020-02-29"
    march = await service.ask("ListThreats", pb.ListThreatsRequest(at="2020-03-01"))
    assert [each.status for each in march.threats] == [
        pb.THREAT_STATUS_OPEN,
        pb.THREAT_STATUS_EXPIRED,
        pb.THREAT_STATUS_OPEN,
    ]
    expired = pb.ListThreatsRequest(at="2020-03-01", statuses=[pb.THREAT_STATUS_EXPIRED])
    (one,) = (await service.ask("ListThreats", expired)).threats
    assert one.threat_id == "turkey-ultimatum-2020-02-29"


# ------------------------------------------------------------ the status


async def test_a_status_tells_everything_that_it_rests_on(service: Service) -> None:
    (signature, *_) = service.file("one", signed(), violated("2020-02-01", "nobody"))
    service.file("two", signed(on="2020-01-07"), reported="2020-02-20")
    answer = await service.status()
    ceasefire = answer.ceasefire
    assert answer.at == "2020-02-20"
    assert (answer.basis.projection, answer.basis.as_of_position, answer.basis.stale) == ("ceasefires", 5, False)
    assert answer.basis.HasField("as_of_recorded_at")
    assert [each.what for each in ceasefire.conflicting_dates] == ["signed", "effective"]
    first = ceasefire.conflicting_dates[0]
    assert ([each.start for each in first.dates], list(first.positions)) == (["2020-01-05", "2020-01-07"], [2, 5])
    assert (first.chosen, first.rule) == (1, "latest")
    assert [(each.day, each.status, each.formal) for each in ceasefire.transitions] == [
        ("2020-01-07", pb.FORMAL_STATUS_SIGNED, pb.FORMAL_STATUS_SIGNED),
        ("2020-01-07", pb.FORMAL_STATUS_IN_FORCE, pb.FORMAL_STATUS_IN_FORCE),
    ]
    assert [(each.reason, each.claims) for each in ceasefire.left_out] == [("NOT_A_PARTY", 1)]
    assert (ceasefire.window_from, ceasefire.window_to) == ("2020-01-07", "2020-02-20")
    assert ceasefire.observance == pb.OBSERVANCE_UNOBSERVED
    assert signature


async def test_the_same_question_as_of_two_moments_and_at_two_dates(service: Service) -> None:
    (signature,) = service.file("one", signed(ends="2020-02-15"))
    retraction = {"type": "ClaimRetracted", "target_event_id": signature, "reason": "error"}
    service.file("two", retraction, reported="2020-02-20")
    before = records_pb2.AsOf(position=2)
    assert (await service.status(as_of=before)).ceasefire.formal == pb.FORMAL_STATUS_IN_FORCE
    later = await service.status(as_of=before, at="2020-02-16")
    assert later.ceasefire.formal == pb.FORMAL_STATUS_EXPIRED
    assert later.ceasefire.transitions[-1].day == "2020-02-16"
    assert (await refused(service.status()))[0] == grpc.StatusCode.NOT_FOUND
    recorded = (await service.status(as_of=before)).basis.as_of_recorded_at
    at_time = await service.status(as_of=records_pb2.AsOf(recorded_at=recorded))
    assert at_time.basis.as_of_position == 2


async def test_terminated_collapses_and_withdrawn_parties_show(service: Service) -> None:
    withdrawal = {"type": "PartyWithdrew", "agreement_id": "north", "occurred": "2020-02-01", "party": "east"}
    service.file("one", signed(), withdrawal)
    ceasefire = (await service.status()).ceasefire
    assert (ceasefire.formal, ceasefire.observance) == (pb.FORMAL_STATUS_TERMINATED, pb.OBSERVANCE_COLLAPSED)
    assert [(each.party, each.formal) for each in ceasefire.parties] == [
        ("east", pb.FORMAL_STATUS_WITHDRAWN),
        ("west", pb.FORMAL_STATUS_TERMINATED),
    ]


async def test_an_unknown_agreement_and_an_unknown_ledger_are_not_found(service: Service) -> None:
    service.file("one", signed())
    assert (await refused(service.status("nowhere")))[0] == grpc.StatusCode.NOT_FOUND
    assert (await refused(service.status(ledger="nowhere")))[0] == grpc.StatusCode.NOT_FOUND


async def test_before_any_report_lists_are_empty_and_have_no_day(service: Service) -> None:
    ceasefires = await service.ask("ListCeasefires", pb.ListCeasefiresRequest())
    threats = await service.ask("ListThreats", pb.ListThreatsRequest())
    assert (ceasefires.at, len(ceasefires.ceasefires), threats.at, len(threats.threats)) == ("", 0, "", 0)
    assert (await refused(service.status()))[0] == grpc.StatusCode.NOT_FOUND


# ------------------------------------------------------------ pages


async def pages(service: Service, method: str, request: Any, items: str) -> list[list[Any]]:
    """The items of all pages."""
    found = []
    while True:
        answer = await service.ask(method, request)
        found.append(list(getattr(answer, items)))
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


async def test_pages_of_ceasefires_hold_to_the_record_of_the_first(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceasefire_reading, "BATCH", 2)
    service.file("one", *[signed(f"agreement-{number}") for number in range(5)])
    request = pb.ListCeasefiresRequest(page_size=2, parties=["east"], formal=[pb.FORMAL_STATUS_IN_FORCE])
    first = await service.ask("ListCeasefires", request)
    assert [each.agreement_id for each in first.ceasefires] == ["agreement-0", "agreement-1"]
    service.file("two", signed("agreement-1-and-a-half"), reported="2020-02-20")
    request.page_token = first.next_page_token
    rest = await pages(service, "ListCeasefires", request, "ceasefires")
    assert [[each.agreement_id for each in page] for page in rest] == [
        ["agreement-2", "agreement-3"],
        ["agreement-4"],
    ]
    nobody = pb.ListCeasefiresRequest(parties=["nobody"])
    assert not (await service.ask("ListCeasefires", nobody)).ceasefires


async def test_pages_of_violations(service: Service) -> None:
    service.file("one", signed(), *[violated(f"2020-02-0{1 + number % 3}", "east") for number in range(7)])
    request = pb.ListViolationsRequest(page_size=3, violators=["east"], series=pb.VIOLATION_SERIES_DAY)
    answer = await service.ask("ListViolations", request)
    steps = [(getattr(point, "from"), point.violations) for point in answer.series]
    assert steps == [("2020-02-01", 3), ("2020-02-02", 2), ("2020-02-03", 2)]
    found = await pages(service, "ListViolations", request, "violations")
    assert [len(page) for page in found] == [3, 3, 1]
    days = [each.claim.event.claim.occurred.start for page in found for each in page]
    assert days == sorted(days)
    one = found[0][0]
    assert (one.agreement_id, one.standing) == ("north", claims_pb2.VIOLATION_STANDING_ALLEGED)
    assert one.claim.source.name == "An outlet"
    assert one.claim.event.claim.ceasefire_violated.violators == ["east"]


async def test_a_corrected_violation_shows_its_correction(service: Service) -> None:
    (_, violation) = service.file("one", signed(), violated("2020-02-01", "east"))
    replacement = violated("2020-02-02", "west")
    correction = {"type": "ClaimCorrected", "target_event_id": violation, "reason": "The other day."}
    (act,) = service.file("two", {**correction, "replacement": replacement})
    (one,) = (await service.ask("ListViolations", pb.ListViolationsRequest())).violations
    assert (one.claim.original_event_id, one.claim.event.event_id) == (violation, act)
    assert (one.claim.event.position, one.claim.event.report_id) == (5, "two")
    assert one.claim.event.claim.occurred.start == "2020-02-02"


async def test_pages_of_threats(service: Service) -> None:
    service.file("one", *[threat(f"threat-{number}", f"2020-02-0{1 + number % 2}") for number in range(5)])
    found = await pages(service, "ListThreats", pb.ListThreatsRequest(page_size=2), "threats")
    assert [[each.threat_id for each in page] for page in found] == [
        ["threat-0", "threat-2"],
        ["threat-4", "threat-1"],
        ["threat-3"],
    ]


async def test_what_carried_a_threat_out_is_named(service: Service) -> None:
    service.file("one", threat("strike"))
    carried_out = {"type": "ThreatCarriedOut", "threat_id": "strike", "occurred": "2020-02-10"}
    service.file("two", {**carried_out, "acts": [{"incident_id": "an-attack"}]})
    (one,) = (await service.ask("ListThreats", pb.ListThreatsRequest())).threats
    assert one.status == pb.THREAT_STATUS_CARRIED_OUT
    assert [each.event.position for each in one.followed_by] == [4]
    assert one.explanation == "Carried out on 2020-02-10 (position 4)."


# ------------------------------------------------------------ bad questions

untyped: Any = pb
BAD: list[tuple[str, Any, list[str]]] = [
    ("GetCeasefireStatus", untyped.GetCeasefireStatusRequest(), ["agreement_id"]),
    ("GetCeasefireStatus", untyped.GetCeasefireStatusRequest(agreement_id="a\0b"), ["agreement_id"]),
    (
        "GetCeasefireStatus",
        untyped.GetCeasefireStatusRequest(agreement_id="north", at="yesterday", window_days=-1),
        ["at", "window_days"],
    ),
    (
        "GetCeasefireStatus",
        untyped.GetCeasefireStatusRequest(agreement_id="north", window_days=36_601),
        ["window_days"],
    ),
    ("GetCeasefireStatus", untyped.GetCeasefireStatusRequest(agreement_id="north", ledger="No!"), ["ledger"]),
    (
        "GetCeasefireStatus",
        untyped.GetCeasefireStatusRequest(agreement_id="north", as_of=records_pb2.AsOf(position=-1)),
        ["as_of.position"],
    ),
    ("ListCeasefires", untyped.ListCeasefiresRequest(formal=[0]), ["formal[0]"]),
    ("ListCeasefires", untyped.ListCeasefiresRequest(formal=[99], parties=[""]), ["parties[0]", "formal[0]"]),
    ("ListCeasefires", untyped.ListCeasefiresRequest(page_size=1_001), ["page_size"]),
    ("ListCeasefires", untyped.ListCeasefiresRequest(page_token="none"), ["page_token"]),
    ("ListViolations", untyped.ListViolationsRequest(standings=[0]), ["standings[0]"]),
    (
        "ListViolations",
        untyped.ListViolationsRequest(occurred_from="2020-02-02", occurred_to="2020-02-01"),
        ["occurred_to"],
    ),
    ("ListViolations", untyped.ListViolationsRequest(series=9), ["series"]),
    ("ListViolations", untyped.ListViolationsRequest(max_date_precision=77), ["max_date_precision"]),
    ("ListThreats", untyped.ListThreatsRequest(statuses=[0], kinds=[0]), ["statuses[0]", "kinds[0]"]),
    ("ListThreats", untyped.ListThreatsRequest(at="2020-13-01"), ["at"]),
]


async def test_bad_questions_are_refused_by_field(service: Service) -> None:
    for method, request, fields in BAD:
        code, named = await refused(service.ask(method, request))
        assert (method, code, named) == (method, grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_position_that_is_not_reached_is_told_at_the_deadline(service: Service) -> None:
    request = pb.ListThreatsRequest(min_position=1_000)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.ListThreats(request, timeout=1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_what_was_redacted_of_an_agreement_or_a_threat_is_told(service: Service) -> None:
    ids = service.file("r", signed(), violated("2020-02-01", "east"), signed("south"), threat("push"))
    for number, event_id in enumerate(ids[1:]):
        act = {"type": "PayloadRedacted", "target_event_id": event_id, "rule": "privacy", "reason": "a name"}
        service.file(f"d{number}", act)
    north = await service.ask("GetCeasefireStatus", pb.GetCeasefireStatusRequest(agreement_id="north"))
    assert [(each.reason, each.claims) for each in north.ceasefire.left_out] == [("REDACTED", 1)]
    assert (north.ceasefire.formal, north.ceasefire.violations.total) == (pb.FORMAL_STATUS_IN_FORCE, 0)
    south = await service.ask("GetCeasefireStatus", pb.GetCeasefireStatusRequest(agreement_id="south"))
    assert [(each.reason, each.claims) for each in south.ceasefire.left_out] == [("REDACTED", 1)]
    assert south.ceasefire.formal == pb.FORMAL_STATUS_UNSPECIFIED
    listed = await service.ask("ListCeasefires", pb.ListCeasefiresRequest())
    assert [(each.agreement_id, len(each.left_out)) for each in listed.ceasefires] == [("north", 1)]
    for method, request in (
        ("ListViolations", pb.ListViolationsRequest()),
        ("ListThreats", pb.ListThreatsRequest()),
    ):
        answer = await service.ask(method, request)
        assert [(each.reason, each.claims) for each in answer.left_out] == [("REDACTED", 1)], method
