"""CasualtyService over real gRPC: a ledger on a real database, the engine that follows it, and what good and bad
questions get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import grpc
import psycopg
import pytest
import pytest_asyncio
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import claims_pb2, records_pb2, values_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub, add_CasualtyServiceServicer_to_server
from ledger.api.statuses import telling
from ledger.application import LedgerApplication
from ledger.domain.reports import Report
from projections.api import casualty_answers
from projections.api.casualty_questions import TYPES
from projections.api.casualty_service import CasualtyServicer
from projections.casualties import CASUALTIES
from projections.engine.reading import ReadSide, read_pool
from projections.incidents import INCIDENTS_READ_MODEL
from projections.incidents import answering as incidents
from tests.followed import running
from tests.postgres import Database

pytestmark = pytest.mark.newest
SECONDS = 20
IDLIB = {"name": "Idlib", "precision": "admin1", "country": "Syria", "admin1": "Idlib"}
CLASS, PARTY, DAY = pb.CASUALTY_GROUPING_CLASS, pb.CASUALTY_GROUPING_PARTY, pb.CASUALTY_GROUPING_DAY


class Service:
    """A ledger that reports are filed in, and the service that answers from what follows it."""

    def __init__(self, application: LedgerApplication, stub: Any) -> None:
        self.application = application
        self.stub = stub
        self.position = 0
        self.filed = ""

    def file(self, report_id: str, *claims: dict[str, Any], **said: Any) -> list[str]:
        """Record a report; answers the event ids of its claims."""
        source = {"name": "An outlet", "reliability": "b"}
        said = {"reported": "2020-02-12", "recorded_by": "a tester", **said}
        content = {"source": source, **said, "report_id": report_id, "claims": claims}
        appended, _ = self.application.append_report(Report.model_validate(content), {}, "test", SECONDS)
        self.position = appended.events[-1].position
        self.filed = str(appended.events[0].event_id)
        return [str(event.event_id) for event in appended.events[1:]]

    async def ask(self, method: str, request: Any) -> Any:
        """An answer that holds everything that was filed."""
        request.min_position = request.min_position or self.position
        return await getattr(self.stub, method)(request, timeout=SECONDS)

    async def casualties(self, **asked: Any) -> Any:
        return await self.ask("GetCasualties", pb.GetCasualtiesRequest(**asked))

    async def claims(self, **asked: Any) -> Any:
        return await self.ask("ListClaims", pb.ListClaimsRequest(**asked))

    async def incidents(self, **asked: Any) -> Any:
        return await self.ask("ListIncidents", pb.ListIncidentsRequest(**asked))

    async def timeline(self, **asked: Any) -> Any:
        return await self.ask("ListTimeline", pb.ListTimelineRequest(**asked))

    async def incident(self, incident_id: str, **asked: Any) -> Any:
        return await self.ask("GetIncident", pb.GetIncidentRequest(incident_id=incident_id, **asked))


@pytest_asyncio.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    pool = read_pool(database.service_url, 2)
    server = grpc.aio.server()
    add_CasualtyServiceServicer_to_server(CasualtyServicer(ReadSide(pool)), telling(server))
    port = server.add_insecure_port("127.0.0.1:0")
    with (
        closing(LedgerApplication("main", database.service_url)) as application,
        running(database, CASUALTIES, INCIDENTS_READ_MODEL),
    ):
        await pool.open()
        await server.start()
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield Service(application, CasualtyServiceStub(channel))
        await server.stop(None)
        await pool.close()


def troops(incident_id: str, count: Any, **more: Any) -> dict[str, Any]:
    claim = {"type": "TroopsKilled", "incident_id": incident_id, "victim_party": "turkey", "count": count}
    return {**claim, "occurred": "2020-02-10", "place": IDLIB, **more}


def toll(count: Any, **more: Any) -> dict[str, Any]:
    claim = {
        "type": "TollClaimed",
        "toll_id": "since",
        "victim_class": "troops",
        "outcome": "killed",
        "count": count,
    }
    return {**claim, "occurred": {"start": "2019-01-01", "end": "2020-02-12", "precision": "years"}, **more}


async def refused(call: Any) -> tuple[grpc.StatusCode, list[str]]:
    """The code of a refusal, and the fields that it names."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    bad = BadRequest()
    for detail in status.details if status else []:
        if detail.Is(BadRequest.DESCRIPTOR):
            detail.Unpack(bad)
    return caught.value.code(), [violation.field for violation in bad.field_violations]


async def test_an_answer_names_everything_that_it_rests_on(service: Service) -> None:
    asked = pb.CasualtyFilter(victim_parties=["turkey"])
    about = {"qualifier": "about", "stated": 20}
    service.file("r", troops("a", 5), troops("b", about, attributions=[{"name": "x", "role": "party"}]), toll(100))
    answer = await service.casualties(filter=asked, group_by=[CLASS, PARTY])
    assert (answer.count_policy, answer.resolution_rule) == ("verbatim-1", "latest")
    assert answer.filter == asked
    assert (answer.basis.as_of_position, answer.basis.projection) == (4, "casualties")
    assert answer.basis.HasField("as_of_recorded_at")
    (figure,) = answer.figures
    assert [(part.grouping, part.value) for part in figure.key] == [(CLASS, "troops"), (PARTY, "turkey")]
    assert (figure.figure.low, figure.figure.best, figure.figure.text) == (5, 25, "about 25, at least 5")
    assert not figure.figure.HasField("high")
    assert (figure.incidents, figure.claims, list(figure.positions)) == (2, 2, [2, 3])
    assert list(figure.flags) == ["SINGLE_SOURCE", "UNREGISTERED_ACTOR"]
    assert list(answer.tolls) == []  # its victims' party is not stated


async def test_a_toll_stands_beside_the_figures(service: Service) -> None:
    service.file("r", troops("a", 5), toll(100), toll({"qualifier": "at_least", "stated": 2}, toll_id="less"))
    answer = await service.casualties()
    assert answer.figures[0].figure == pb.Figure(low=5, best=5, high=5, text="5")
    more, less = answer.tolls
    assert more.event.claim.toll_claimed.count.stated == 100
    assert (more.event.position, more.event.stream, more.event.type) == (3, "tolls/since", "TollClaimed")
    assert more.event.revision == 1
    assert (more.itemised.best, more.itemised_claims, more.residual.best, more.conflict) == (5, 1, 95, False)
    assert (less.residual.best, less.conflict) == (-3, True)
    assert not less.residual.HasField("high")


async def test_what_is_left_out_is_told_in_a_sentence(service: Service) -> None:
    service.file("r", troops("a", 5), troops("a", 6), troops("b", {"qualifier": "vague", "words": "scores"}))
    answer = await service.casualties()
    assert {each.reason: each.claims for each in answer.left_out} == {"SUPERSEDED": 1, "UNRESOLVED_WORDS": 1}
    assert all(each.description.endswith(".") for each in answer.left_out)
    assert list(answer.figures[0].left_out) == list(answer.left_out)


@pytest.mark.parametrize(
    ("asked", "policy", "rule", "best"),
    [
        ({}, "verbatim-1", "latest", 6),
        ({"resolution_rule": pb.RESOLUTION_RULE_ENVELOPE}, "verbatim-1", "envelope", 6),
        ({"resolution_rule": pb.RESOLUTION_RULE_MOST_RELIABLE}, "verbatim-1", "most_reliable", 5),
        ({"resolution_rule": pb.RESOLUTION_RULE_ANALYST}, "verbatim-1", "analyst", 6),
        ({"count_policy": pb.COUNT_POLICY_UCDP_RANGE}, "ucdp-range", "latest", 6),
        ({"count_policy": pb.COUNT_POLICY_ACLED_2019}, "acled-2019", "latest", 18),
    ],
)
async def test_the_answer_names_the_policy_and_the_rule(
    service: Service, asked: dict[str, Any], policy: str, rule: str, best: int
) -> None:
    service.file("r", troops("a", 5), troops("b", {"qualifier": "vague", "words": "dozens"}))
    service.file("s", troops("a", 6), source={"name": "Another", "reliability": "e"})
    answer = await service.casualties(**asked)
    assert (answer.count_policy, answer.resolution_rule) == (policy, rule)
    assert answer.figures[0].figure.best == best


async def test_an_answer_as_of_then_is_the_answer_of_then(service: Service) -> None:
    (claimed,) = service.file("r", troops("a", 5))
    then = await service.casualties()
    service.file("c", {"type": "ClaimRetracted", "target_event_id": claimed, "reason": "error"})
    assert list((await service.casualties()).figures) == []
    by_position = await service.casualties(as_of=records_pb2.AsOf(position=2))
    by_time = await service.casualties(as_of=records_pb2.AsOf(recorded_at=then.basis.as_of_recorded_at))
    assert by_position == by_time == then


async def test_the_newest_answer_is_one_that_is_kept_ready(service: Service, database: Database) -> None:
    service.file("r", troops("a", 5))
    before = await service.casualties(group_by=[CLASS])
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("UPDATE ledger_main_casualties_g1.totals SET best = best + 1")
    assert (await service.casualties(group_by=[CLASS])).figures[0].figure.best == 6
    asked = records_pb2.AsOf(position=service.position)
    assert (await service.casualties(group_by=[CLASS], as_of=asked)).figures[0].figure.best == 6
    service.file("s", {"type": "ActorRegistered", "actor_id": "syria", "name": "Syria", "actor_kind": 1})
    assert await service.casualties(group_by=[CLASS], as_of=asked) == before  # an earlier one is summed


async def test_the_claims_behind_a_figure_are_paged(service: Service) -> None:
    ids = service.file("r", *(troops(f"i-{number}", number) for number in range(5)), toll(9))
    group = [pb.GroupKey(grouping=CLASS, value="troops"), pb.GroupKey(grouping=DAY, value="2020-02-10")]
    first = await service.claims(group=group, page_size=3)
    service.file("s", troops("late", 9))
    rest = await service.claims(group=group, page_size=3, page_token=first.next_page_token)
    assert [claim.event.event_id for claim in [*first.claims, *rest.claims]] == ids[:5]
    assert rest.next_page_token == ""
    assert first.basis.as_of_position == rest.basis.as_of_position == 7
    assert len((await service.claims()).claims) == 7
    other = service.claims(group=group[:1], page_token=first.next_page_token)
    assert await refused(other) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])


async def test_a_figure_is_taken_apart_by_the_fields_of_its_question(service: Service) -> None:
    week = {"start": "2020-02-03", "end": "2020-02-09", "precision": "week"}
    dozens = {"qualifier": "vague", "words": "dozens"}
    service.file("r", troops("a", 5, occurred=week), troops("b", dozens, occurred=week))
    service.file("s", troops("a", 7), source={"name": "Another", "reliability": "e"})
    asked: dict[str, Any] = {
        "filter": pb.CasualtyFilter(places=["Idlib"]),
        "count_policy": pb.COUNT_POLICY_ACLED_2019,
        "resolution_rule": pb.RESOLUTION_RULE_MOST_RELIABLE,
        "spread_imprecise_dates": True,
    }
    answer = await service.casualties(group_by=[DAY], **asked)
    assert (list(answer.group_by), answer.spread_imprecise_dates) == ([DAY], True)
    (figure,) = answer.figures
    assert (figure.key[0].value, figure.figure.best) == ("2020-02-03/2020-02-09", 5 + 12)
    assert {"IMPRECISE_DATE"} <= set(figure.flags)
    listed = await service.claims(group=figure.key, **asked)
    assert [(each.left_out, each.HasField("adds"), each.adds.best) for each in listed.claims] == [
        ("", True, 5),
        ("", True, 12),
        ("SUPERSEDED", False, 0),
    ]
    assert (listed.count_policy, listed.resolution_rule) == ("acled-2019", "most_reliable")
    assert (listed.filter, list(listed.group)) == (asked["filter"], list(figure.key))
    assert (listed.spread_imprecise_dates, listed.count_aggregates) == (True, False)


async def test_what_a_figure_leaves_out_is_listed_where_it_is_asked_for(service: Service) -> None:
    _, second = service.file("r", troops("a", 5), troops("b", 7))
    service.file("x", {"type": "ClaimRetracted", "target_event_id": second, "reason": "error"})
    group = [pb.GroupKey(grouping=PARTY, value="turkey")]
    assert [each.left_out for each in (await service.claims(group=group)).claims] == [""]
    _, retracted = (await service.claims(group=group, with_left_out=True)).claims
    assert (retracted.event.event_id, retracted.left_out, retracted.held_to) == (second, "RETRACTED", 5)
    assert not retracted.HasField("adds")


async def test_a_claim_shows_where_it_comes_from(service: Service) -> None:
    upside_down = {"qualifier": "between", "low": 9, "best": 5, "high": 3}
    (claimed,) = service.file("r", troops("a", upside_down))
    (correction,) = service.file(
        "c",
        {"type": "ClaimCorrected", "target_event_id": claimed, "reason": "a slip", "replacement": troops("b", 6)},
        reported="2020-03-01",
    )
    before = (await service.claims(as_of=records_pb2.AsOf(position=2))).claims[0]
    assert before.event.claim.troops_killed.count.low == 9
    assert (before.event.event_id, before.original_event_id, before.held_from, before.held_to) == (
        claimed,
        "",
        2,
        0,
    )
    assert {"LOW_ABOVE_BEST", "BEST_ABOVE_HIGH", "UNREGISTERED_ACTOR"} <= set(before.flags)
    now = (await service.claims()).claims[0]
    assert (now.event.event_id, now.original_event_id, now.event.position) == (correction, claimed, 4)
    assert (before.event.revision, now.event.revision, now.event.stream) == (1, 2, "incidents/a")
    assert (now.event.report_id, now.reported, now.incident_id, now.held_from) == ("c", "2020-02-12", "b", 4)
    assert now.source == values_pb2.Source(name="An outlet", reliability=values_pb2.RELIABILITY_B)
    assert now.verification == values_pb2.VERIFICATION_REPORTED
    former = (await service.incident("a")).former_claims[0]
    assert (former.event.event_id, former.held_to) == (claimed, 4)


async def test_incidents_are_listed_and_shown(service: Service) -> None:
    retaliation = {"type": "Retaliation", "incident_id": "b", "occurred": "2020-02-11"}
    service.file("r", troops("a", 5), {**retaliation, "answers": [{"incident_id": "a"}]})
    first = await service.incidents(page_size=1)
    second = await service.incidents(page_size=1, page_token=first.next_page_token)
    assert [each.incident_id for each in [*first.incidents, *second.incidents]] == ["a", "b"]
    assert second.next_page_token == ""
    (summary,) = first.incidents
    assert (summary.occurred.start, summary.occurred.end, summary.occurred.precision) == ("2020-02-10",) * 2 + (1,)
    assert (summary.place.admin1, summary.place.precision) == ("Idlib", values_pb2.PLACE_PRECISION_ADMIN1)
    answer = await service.incident("a")
    assert answer.incident == summary
    assert answer.basis.projection == "incidents"
    assert answer.claims[0].event.claim.troops_killed.count == values_pb2.Count(
        qualifier=values_pb2.COUNT_QUALIFIER_EXACT, stated=5
    )
    assert [(link.kind, link.stream, link.position) for link in answer.links] == [("ANSWERED_BY", "incidents/b", 3)]
    assert answer.links[0].event_id == (await service.incident("b")).claims[0].event.event_id


async def test_incidents_are_listed_with_the_claims_that_hold(service: Service) -> None:
    wrong, _ = service.file("r", troops("a", 5), troops("b", 7))
    service.file("s", troops("a", 6), toll(3, toll_id=None, incident_id="a"), troops("c", 1))
    correction = {"type": "ClaimCorrected", "target_event_id": wrong, "reason": "a slip"}
    service.file("t", {**correction, "replacement": troops("a", 4)})
    service.file(
        "m", {"type": "IncidentsMerged", "incident_id": "c", "merged_incident_ids": ["b"], "reason": "one"}
    )
    answer = await service.incidents(with_claims=True, page_size=200)
    assert [each.incident_id for each in answer.incidents] == ["a", "c"]
    for listed in answer.incidents:
        shown = await service.incident(listed.incident_id)
        assert list(listed.claim_records) == list(shown.claims)
        assert len(listed.claim_records) == listed.claims
        positions = [claim.event.position for claim in listed.claim_records]
        assert positions == sorted(positions)
    then = await service.incidents(with_claims=True, as_of=records_pb2.AsOf(position=3))
    assert [len(each.claim_records) for each in then.incidents] == [1, 1]
    assert then.incidents[0].claim_records[0].event.event_id == wrong
    assert [len(each.claim_records) for each in (await service.incidents()).incidents] == [0, 0]
    assert list((await service.incidents(with_claims=True, places=["nowhere"])).incidents) == []


async def pages_with_claims(service: Service, size: int = 0) -> list[list[tuple[str, list[int]]]]:
    """All pages: of each incident, its id and the numbers that its claims state."""
    pages, token = [], ""
    while True:
        answer = await service.incidents(with_claims=True, page_size=size, page_token=token)
        pages.append(
            [
                (each.incident_id, [claim.event.claim.troops_killed.count.stated for claim in each.claim_records])
                for each in answer.incidents
            ]
        )
        token = answer.next_page_token
        if not token:
            return pages


async def test_a_page_with_claims_ends_where_it_would_hold_too_many(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.file("r", *(troops(f"{name}", number) for name in "abcd" for number in (1, 2)), troops("c", 3))
    assert await pages_with_claims(service, 3) == [
        [("a", [1, 2]), ("b", [1, 2]), ("c", [1, 2, 3])],
        [("d", [1, 2])],
    ]
    monkeypatch.setattr(incidents, "MOST_FORMS", 4)
    expected = [[("a", [1, 2]), ("b", [1, 2])], [("c", [1, 2, 3])], [("d", [1, 2])]]
    assert await pages_with_claims(service) == expected
    # Of an incident that has more by itself, the oldest; its number of claims tells that there are more.
    monkeypatch.setattr(incidents, "MOST_FORMS", 2)
    pages = await pages_with_claims(service)
    assert pages == [[("a", [1, 2])], [("b", [1, 2])], [("c", [1, 2])], [("d", [1, 2])]]
    assert (await service.incidents(with_claims=True, page_size=1)).incidents[0].claims == 2
    monkeypatch.setattr(incidents, "MOST_FORMS", 5_000)
    monkeypatch.setattr(casualty_answers, "MOST_PAGE_BYTES", 1)
    assert [[name for name, _ in page] for page in await pages_with_claims(service)] == [[name] for name in "abcd"]


async def test_a_page_holds_a_hundred_incidents_with_claims_and_at_most_two_hundred(service: Service) -> None:
    service.file("r", *(troops(f"i-{number:03}", number) for number in range(201)))
    assert [len(page) for page in await pages_with_claims(service)] == [100, 100, 1]
    assert [len(page) for page in await pages_with_claims(service, 200)] == [200, 1]
    too_many = service.incidents(with_claims=True, page_size=201)
    assert await refused(too_many) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_size"])
    assert len((await service.incidents(page_size=201)).incidents) == 201


async def test_a_claim_shows_its_source_s_ids_and_on_how_many_sources_its_report_rests(service: Service) -> None:
    ids = [{"scheme": "ucdp-ged-release", "id": "syria 2016-2019"}, {"scheme": "ucdp-conflict", "id": "299"}]
    service.file("r", troops("a", 5), source={"name": "UCDP GED", "external_ids": ids}, source_count=3)
    filed = service.filed
    service.file("s", troops("b", 6))
    first, second = (await service.claims()).claims
    assert [(each.scheme, each.id) for each in first.source.external_ids] == [
        ("ucdp-ged-release", "syria 2016-2019"),
        ("ucdp-conflict", "299"),
    ]
    assert first.source_count == 3
    assert not second.HasField("source_count")
    assert list(second.source.external_ids) == []
    for each in (first, second):
        each.ClearField("adds")  # a figure is what it adds to
    listed = (await service.incidents(with_claims=True)).incidents
    assert [list(each.claim_records) for each in listed] == [[first], [second]]
    # What is said of a report outlasts its retraction, and not its redaction.
    service.file("x", {"type": "ReportRetracted", "target_report_id": "r", "reason": "error"})
    (former,) = (await service.incident("a")).former_claims
    assert (former.source, former.source_count) == (first.source, 3)
    service.file("y", {"type": "PayloadRedacted", "target_event_id": filed, "rule": "x", "reason": "y"})
    (redacted,) = (await service.incident("a")).former_claims
    assert not redacted.HasField("source_count")
    assert not redacted.HasField("source")


async def test_an_incident_that_no_claim_holds_of_is_shown_without_a_date(service: Service) -> None:
    (claimed,) = service.file("r", troops("a", 5))
    service.file("x", {"type": "ClaimRetracted", "target_event_id": claimed, "reason": "error"})
    answer = await service.incident("a")
    assert (answer.incident.incident_id, answer.incident.claims) == ("a", 0)
    assert not answer.incident.HasField("occurred")
    assert [each.event.event_id for each in answer.former_claims] == [claimed]


async def test_an_incident_whose_claims_were_redacted_says_so(service: Service) -> None:
    (claimed,) = service.file("r", troops("a", 5))
    redaction = {"type": "PayloadRedacted", "target_event_id": claimed, "rule": "privacy", "reason": "a name"}
    service.file("x", redaction)
    answer = await service.incident("a")
    assert (answer.incident.claims, len(answer.claims), len(answer.former_claims)) == (0, 0, 0)
    listed = await service.incidents()
    assert list(listed.incidents) == []
    for each in (answer, listed, await service.casualties()):
        assert [(told.reason, told.claims) for told in each.left_out] == [("REDACTED", 1)]
        assert each.left_out[0].description.endswith(".")


async def test_what_is_not_there_is_not_found(service: Service) -> None:
    service.file("r", troops("a", 5))
    assert await refused(service.incident("unheard-of")) == (grpc.StatusCode.NOT_FOUND, [])
    elsewhere = service.casualties(ledger="elsewhere", min_position=0)
    assert await refused(elsewhere) == (grpc.StatusCode.NOT_FOUND, [])


FILTER_FAULTS = [
    (pb.CasualtyFilter(victim_classes=[values_pb2.VICTIM_CLASS_UNSPECIFIED]), "victim_classes[0]"),
    (pb.CasualtyFilter(outcomes=[values_pb2.OUTCOME_KILLED, 99]), "outcomes[1]"),  # type: ignore[list-item]
    (pb.CasualtyFilter(places=[""]), "places[0]"),
    (pb.CasualtyFilter(sources=["a\0b"]), "sources[0]"),
    (pb.CasualtyFilter(countries=["x"] * 1_001), "countries"),
    (pb.CasualtyFilter(occurred_from="yesterday"), "occurred_from"),
    (pb.CasualtyFilter(occurred_from="2020-02-02", occurred_to="2020-02-01"), "occurred_to"),
    (pb.CasualtyFilter(min_verification=values_pb2.VERIFICATION_RETRACTED), "min_verification"),
    (pb.CasualtyFilter(max_date_precision=99), "max_date_precision"),  # type: ignore[arg-type]
    (pb.CasualtyFilter(box=pb.GeoBox(south=1, north=0)), "box.north"),
    (pb.CasualtyFilter(box=pb.GeoBox(north=91)), "box.north"),
    (pb.CasualtyFilter(box=pb.GeoBox(west=float("nan"))), "box.west"),
    (pb.CasualtyFilter(circle=pb.GeoCircle(radius_km=-1)), "circle.radius_km"),
]


async def test_every_fault_of_a_filter_is_told_by_its_path(service: Service) -> None:
    for asked, path in FILTER_FAULTS:
        expected = (grpc.StatusCode.INVALID_ARGUMENT, [f"filter.{path}"])
        assert await refused(service.casualties(filter=asked)) == expected
        assert await refused(service.claims(filter=asked)) == expected


@pytest.mark.parametrize(
    ("method", "asked", "fields"),
    [
        ("casualties", {"group_by": [0]}, ["group_by[0]"]),
        ("casualties", {"group_by": [PARTY, PARTY]}, ["group_by[1]"]),
        ("casualties", {"count_policy": 99, "resolution_rule": 99}, ["count_policy", "resolution_rule"]),
        ("casualties", {"min_position": -1}, ["min_position"]),
        ("claims", {"group": [{"grouping": 0}]}, ["group[0].grouping"]),
        ("claims", {"group": [{"grouping": PARTY}, {"grouping": PARTY}]}, ["group[1].grouping"]),
        ("claims", {"group": [{"grouping": PARTY, "value": "\0"}]}, ["group[0].value"]),
        ("claims", {"page_size": 1_001}, ["page_size"]),
        ("claims", {"page_token": "nonsense"}, ["page_token"]),
        ("incidents", {"types": ["NoSuchType"]}, ["types[0]"]),
        ("incidents", {"page_size": 201, "with_claims": True}, ["page_size"]),
        ("incidents", {"page_size": -1, "with_claims": True}, ["page_size"]),
        ("incidents", {"occurred_to": "soon", "max_place_precision": 99}, ["occurred_to", "max_place_precision"]),
        ("incident", {"incident_id": ""}, ["incident_id"]),
        ("incident", {"incident_id": "a\0"}, ["incident_id"]),
    ],
)
async def test_every_fault_of_a_question_is_told_by_its_path(
    service: Service, method: str, asked: dict[str, Any], fields: list[str]
) -> None:
    assert await refused(getattr(service, method)(**asked)) == (grpc.StatusCode.INVALID_ARGUMENT, fields)


async def test_a_filter_of_every_kind_reaches_the_question(service: Service) -> None:
    of_a = {"verification": "fair", "kind_of_violence": 1, "perpetrators": ["x"], "attributions": [{"name": "y"}]}
    place = {**IDLIB, "admin2": "Harim", "name": "Atmeh", "precision": "exact", "latitude": 36.3, "longitude": 36.7}
    service.file(
        "r", troops("a", 5, place=place, **of_a), troops("b", 7, occurred="2019-01-01", clarity="aggregate")
    )
    service.file("s", {**troops("c", 9), "type": "CiviliansInjured"}, source={"name": "Another"})
    everything = pb.CasualtyFilter(
        victim_parties=["turkey"],
        victim_classes=[values_pb2.VICTIM_CLASS_TROOPS],
        outcomes=[values_pb2.OUTCOME_KILLED],
        perpetrators=["x"],
        countries=["Syria"],
        admin1=["Idlib"],
        admin2=["Harim"],
        places=["Atmeh"],
        box=pb.GeoBox(south=36, west=36, north=37, east=37),
        circle=pb.GeoCircle(latitude=36.3, longitude=36.7, radius_km=1),
        occurred_from="2020-02-10",
        occurred_to="2020-02-10",
        incident_ids=["a"],
        sources=["An outlet"],
        attributed_to=["y"],
        min_verification=values_pb2.VERIFICATION_FAIR,
        kinds_of_violence=[values_pb2.KIND_OF_VIOLENCE_STATE_BASED],
        max_date_precision=values_pb2.DATE_PRECISION_DAY,
        max_place_precision=values_pb2.PLACE_PRECISION_NEAR,
        exclude_aggregates=True,
        involving=["turkey"],
    )
    assert {field.name for field, _ in everything.ListFields()} == set(pb.CasualtyFilter.DESCRIPTOR.fields_by_name)
    assert (await service.casualties(filter=everything)).figures[0].figure.best == 5
    others = {
        "victim_parties": ["z"],
        "victim_classes": [values_pb2.VICTIM_CLASS_CIVILIANS],
        "outcomes": [values_pb2.OUTCOME_INJURED],
        "perpetrators": ["z"],
        "countries": ["z"],
        "admin1": ["z"],
        "admin2": ["z"],
        "places": ["z"],
        "involving": ["z"],
        "box": pb.GeoBox(south=0, west=0, north=1, east=1),
        "circle": pb.GeoCircle(latitude=36.4, longitude=36.7, radius_km=1),
        "occurred_from": "2020-02-11",
        "occurred_to": "2020-02-09",
        "incident_ids": ["b"],
        "sources": ["Another"],
        "attributed_to": ["z"],
        "min_verification": values_pb2.VERIFICATION_CONFIRMED,
        "kinds_of_violence": [values_pb2.KIND_OF_VIOLENCE_NON_STATE],
    }
    for name, value in others.items():
        alone: dict[str, Any] = {name: value}
        found = (await service.casualties(filter=pb.CasualtyFilter(**alone))).figures
        assert 5 not in [figure.figure.best for figure in found], name


def test_every_claim_type_of_the_contract_can_be_asked_for() -> None:
    bodies = claims_pb2.Claim.DESCRIPTOR.oneofs_by_name["body"].fields
    assert {field.message_type.name for field in bodies if field.message_type is not None} > TYPES


async def test_questions_to_both_read_models_go_over_the_same_connections(service: Service) -> None:
    service.file("r", troops("a", 5))
    for _ in range(10):
        assert len((await service.claims()).claims) == 1
        assert len((await service.incident("a")).claims) == 1


async def test_a_timeline_is_paged_as_of_the_first_page_s_position(service: Service) -> None:
    threat = {"type": "ThreatIssued", "threat_id": "t", "threat_kind": "warning", "occurred": "2020-02-11"}
    service.file("r", troops("late", 3, occurred="2020-02-12"), troops("early", 2, occurred="2020-01-01"), threat)
    before = service.position
    whole = await service.timeline()
    assert [each.event.stream for each in whole.claims] == ["incidents/early", "threats/t", "incidents/late"]
    first = await service.timeline(page_size=2)
    service.file("s", troops("between", 1, occurred="2020-02-12"))
    second = await service.timeline(page_size=2, page_token=first.next_page_token, min_position=before)
    assert [*first.claims, *second.claims] == list(whole.claims)
    assert (second.next_page_token, second.basis.as_of_position) == ("", before)
    assert len((await service.timeline()).claims) == 4
    then = await service.timeline(as_of=records_pb2.AsOf(position=before))
    assert list(then.claims) == list(whole.claims)


async def test_a_timeline_tells_what_of_any_kind_was_redacted(service: Service) -> None:
    threat = {"type": "ThreatIssued", "threat_id": "t", "threat_kind": "warning", "occurred": "2020-02-11"}
    (issued,) = service.file("r", threat)
    redaction = {"type": "PayloadRedacted", "target_event_id": issued, "rule": "privacy", "reason": "a name"}
    service.file("d", redaction)
    answer = await service.timeline()
    assert ([*answer.claims], [(each.reason, each.claims) for each in answer.left_out]) == ([], [("REDACTED", 1)])
    assert not (await service.incidents()).left_out


async def test_faults_of_a_timeline_name_their_fields(service: Service) -> None:
    for asked, field in (
        ({"types": ["Kills"]}, "types[0]"),
        ({"occurred_from": "2020-02-30"}, "occurred_from"),
        ({"page_size": 1_001}, "page_size"),
        ({"page_token": "x"}, "page_token"),
    ):
        code, fields = await refused(service.timeline(**asked))
        assert (code, fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
