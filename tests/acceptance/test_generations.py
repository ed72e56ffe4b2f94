"""Generations of a seeded service: a frozen one answers every question as the live one does as of its position, and
a service that is killed while it rebuilds goes on with that when it is started again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from incident.ledger.v1 import casualty_service_pb2 as casualty
from incident.ledger.v1 import ceasefire_service_pb2 as ceasefire
from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1 import records_pb2
from incident.ledger.v1.casualty_service_pb2_grpc import CasualtyServiceStub
from incident.ledger.v1.ceasefire_service_pb2_grpc import CeasefireServiceStub
from incident.ledger.v1.projection_service_pb2_grpc import ProjectionServiceStub
from tests.served import ServiceProcess, serving

POSITION = 1_200
SECONDS = 60.0
QUESTIONS = {
    "GetCasualties": ("casualties", CasualtyServiceStub, casualty.GetCasualtiesRequest()),
    "ListClaims": ("casualties", CasualtyServiceStub, casualty.ListClaimsRequest(page_size=1_000)),
    "ListIncidents": ("incidents", CasualtyServiceStub, casualty.ListIncidentsRequest(page_size=500)),
    "GetIncident": ("incidents", CasualtyServiceStub, casualty.GetIncidentRequest(incident_id="ucdp-281671")),
    "ListTimeline": ("incidents", CasualtyServiceStub, casualty.ListTimelineRequest(page_size=500)),
    "ListCeasefires": ("ceasefires", CeasefireServiceStub, ceasefire.ListCeasefiresRequest()),
    "ListViolations": ("ceasefires", CeasefireServiceStub, ceasefire.ListViolationsRequest()),
    "ListThreats": ("threats", CeasefireServiceStub, ceasefire.ListThreatsRequest()),
}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How the service is started."""
    folder: Path = tmp_path_factory.mktemp("generations")
    return ["--embedded", "--data-dir", str(folder / "data"), "--seed"]


@pytest.fixture(scope="module")
def service(options: list[str]) -> Iterator[ServiceProcess]:
    """The service, with frozen generations of all read models."""
    with serving(*options) as running:
        with closing(running.channel()) as channel:
            rebuilt(channel, all=True, at_position=POSITION)
        yield running


def rebuilt(channel: grpc.Channel, **asked: Any) -> dict[str, pb.RebuildProgress]:
    """What rebuilds have told last, by name."""
    steps = ProjectionServiceStub(channel).RebuildProjection(pb.RebuildProjectionRequest(**asked), timeout=SECONDS)
    last = {step.progress.name: step.progress for step in steps}
    assert {each.phase for each in last.values()} == {pb.REBUILD_PHASE_DONE}, last
    return last


def listed(channel: grpc.Channel) -> dict[str, pb.Projection]:
    """All projections, by name."""
    answer = ProjectionServiceStub(channel).ListProjections(pb.ListProjectionsRequest(), timeout=SECONDS)
    return {each.name: each for each in answer.projections}


@pytest.mark.parametrize("method", QUESTIONS)
def test_a_frozen_generation_answers_as_the_live_one_does_as_of_its_position(
    service: ServiceProcess, method: str
) -> None:
    name, kind, question = QUESTIONS[method]
    with closing(service.channel()) as channel:
        found = listed(channel)[name]
        (frozen,) = found.frozen
        assert frozen.position == POSITION < found.position
        ask, answers = getattr(kind(channel), method), []
        for as_of in (records_pb2.AsOf(position=POSITION), records_pb2.AsOf(generation=frozen.number)):
            request: Any = type(question)()
            request.CopyFrom(question)
            request.as_of.CopyFrom(as_of)
            answer = ask(request, timeout=SECONDS)
            assert answer.basis.generation == (as_of.generation or found.generation)
            assert answer.basis.as_of_position == POSITION
            answer.basis.ClearField("generation")
            if hasattr(answer, "next_page_token"):
                answer.ClearField("next_page_token")  # it belongs to its question
            answers.append(answer)
        assert answers[0] == answers[1]
        assert answers[0].ByteSize() > 200


def test_pages_of_a_frozen_generation_go_on_in_it(service: ServiceProcess) -> None:
    with closing(service.channel()) as channel:
        stub, request = CasualtyServiceStub(channel), casualty.ListIncidentsRequest(page_size=100)
        request.as_of.generation = listed(channel)["incidents"].frozen[0].number
        seen = 0
        while True:
            page = stub.ListIncidents(request, timeout=SECONDS)
            assert (page.basis.generation, page.basis.as_of_position) == (request.as_of.generation, POSITION)
            seen += len(page.incidents)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        assert seen > 200


def test_a_service_that_is_killed_while_it_rebuilds_goes_on_with_that(
    service: ServiceProcess, options: list[str]
) -> None:
    with closing(service.channel()) as channel:
        before = listed(channel)
        steps = ProjectionServiceStub(channel).RebuildProjection(
            pb.RebuildProjectionRequest(all=True), timeout=SECONDS
        )
        next(iter(steps))
        service.kill()
    with serving(*options) as again, closing(again.channel()) as channel:
        end = time.monotonic() + SECONDS
        while any(
            each.generation == before[name].generation or each.HasField("rebuild")
            for name, each in listed(channel).items()
        ):
            assert time.monotonic() < end, listed(channel)
            time.sleep(0.1)
        for name, each in rebuilt(channel, all=True).items():
            assert each.state_digest == each.replaced_digest != "", name
            assert each.done == before[name].position
