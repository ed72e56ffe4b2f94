"""ProjectionService over real gRPC, on an engine that follows a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import psycopg
import pytest
import pytest_asyncio

from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1.projection_service_pb2_grpc import (
    ProjectionServiceStub,
    add_ProjectionServiceServicer_to_server,
)
from ledger.api.statuses import telling
from projections.api.projection_service import ProjectionServicer
from projections.engine import Parking
from tests.followed import Ledger, Tally, running, until
from tests.postgres import Database

pytestmark = pytest.mark.newest
SECONDS = 10


class Service:
    """A ledger, two projections of it, and a client."""

    def __init__(self, database: Database, stub: Any, tally: Tally, parking: Tally) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.stub = stub
        self.tally = tally
        self.parking = parking

    async def get(self, name: str = "tally") -> pb.Projection:
        answer = await self.stub.GetProjection(pb.GetProjectionRequest(name=name), timeout=SECONDS)
        found: pb.Projection = answer.projection
        return found

    async def once(self, holds: Callable[[pb.Projection], bool], name: str = "tally") -> pb.Projection:
        """The projection, when something holds of it; a test has a bound of its own."""
        while True:
            found = await self.get(name)
            if holds(found):
                return found
            await asyncio.sleep(0.02)

    async def reaching(self, position: int) -> pb.Projection:
        return await self.once(lambda found: found.position >= position)

    def rebuild(self, **asked: Any) -> Any:
        return self.stub.RebuildProjection(pb.RebuildProjectionRequest(**asked), timeout=SECONDS)


@pytest_asyncio.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    tally, parking = Tally(), Tally("parking")
    with running(database, tally, Tally("other", version=3), Parking(parking)) as engine:
        server = grpc.aio.server()
        add_ProjectionServiceServicer_to_server(ProjectionServicer(engine), telling(server))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await asyncio.to_thread(until, lambda: engine.state("main", "other"), lambda state: state.generation == 1)
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield Service(database, ProjectionServiceStub(channel), tally, parking)
        await server.stop(1)


async def code(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await call
    return told.value.code(), str(told.value.details())


async def test_lists_projections_by_name(service: Service) -> None:
    service.ledger.append(*"AAB")
    await service.reaching(3)
    answer = await service.stub.ListProjections(pb.ListProjectionsRequest(), timeout=SECONDS)
    assert [(each.name, each.version, each.generation) for each in answer.projections] == [
        ("other", 3, 1),
        ("parking", 1, 1),
        ("tally", 1, 1),
    ]
    tally = answer.projections[2]
    assert (tally.state, tally.position, tally.head) == (pb.PROJECTION_STATE_FOLLOWING, 3, 3)
    assert (tally.lag_events, tally.lag_seconds) == (0, 0.0)
    assert (len(tally.leader), tally.leads_here) == (36, True)
    assert tally.state_digest == ""
    assert not tally.HasField("rebuild")


async def test_a_digest_tells_the_content(service: Service) -> None:
    service.ledger.append("A")
    first = (await service.reaching(1)).state_digest
    assert len(first) == 64
    assert (await service.get()).state_digest == first
    service.ledger.append("A")
    assert (await service.reaching(2)).state_digest != first


async def test_a_halt_is_told(service: Service) -> None:
    service.tally.poison = frozenset("P")
    service.ledger.append("P")
    found = await service.once(lambda found: found.state == pb.PROJECTION_STATE_HALTED)
    assert found.halted_because == "1 P: ValueError: what is P?"
    assert (found.lag_events, found.position, found.head) == (1, 0, 1)
    assert found.lag_seconds > 0


async def test_what_was_put_aside_is_listed_in_pages_and_taken_again(service: Service) -> None:
    service.parking.poison = frozenset("P")
    service.ledger.append(*"PAPP")
    await service.once(lambda found: found.position == 4, "parking")
    pages: list[list[tuple[int, str, str]]] = []
    request = pb.ListParkedEventsRequest(name="parking", page_size=2)
    while not pages or request.page_token:
        answer = await service.stub.ListParkedEvents(request, timeout=SECONDS)
        pages.append([(each.position, each.type, each.reason) for each in answer.events])
        request.page_token = answer.next_page_token
    told = "ValueError: what is P?"
    assert pages == [[(1, "P", told), (3, "P", told)], [(4, "P", told)]]
    assert {len(each.traceback_digest) for each in answer.events} == {64}
    assert (await service.get("parking")).parked == 3

    again = pb.RetryParkedEventsRequest(name="parking")
    answer = await service.stub.RetryParkedEvents(again, timeout=SECONDS)
    assert (answer.taken, answer.parked, answer.halted_because) == (0, 3, "")
    service.parking.poison = frozenset()
    answer = await service.stub.RetryParkedEvents(again, timeout=SECONDS)
    assert (answer.taken, answer.parked, answer.halted_because) == (3, 0, "")
    listed = await service.stub.ListParkedEvents(pb.ListParkedEventsRequest(name="parking"), timeout=SECONDS)
    assert list(listed.events) == []


async def test_a_halt_is_ended_by_a_retry(service: Service) -> None:
    service.tally.poison = frozenset("P")
    service.ledger.append(*"APA")
    await service.once(lambda found: found.state == pb.PROJECTION_STATE_HALTED)
    again = pb.RetryParkedEventsRequest(name="tally")
    answer = await service.stub.RetryParkedEvents(again, timeout=SECONDS)
    assert (answer.taken, answer.halted_because) == (0, "2 P: ValueError: what is P?")
    service.tally.poison = frozenset()
    answer = await service.stub.RetryParkedEvents(again, timeout=SECONDS)
    assert (answer.taken, answer.parked, answer.halted_because) == (1, 0, "")
    assert (await service.reaching(3)).state == pb.PROJECTION_STATE_FOLLOWING


async def test_a_rebuild_streams_its_progress(service: Service) -> None:
    service.ledger.append(*"AB")
    before = await service.reaching(2)
    steps = [step.progress async for step in service.rebuild(name="tally")]
    last = steps[-1]
    assert (last.phase, last.generation, last.done, last.total) == (pb.REBUILD_PHASE_DONE, 2, 2, 2)
    assert last.state_digest == last.replaced_digest == before.state_digest
    assert last.started_at.seconds > 0
    assert (await service.get()).generation == 2


async def test_a_rebuild_goes_on_when_its_caller_leaves(service: Service) -> None:
    service.ledger.append(*"A" * 10)
    await service.reaching(10)
    service.tally.pause = 0.5
    watching = service.rebuild(name="tally")
    first = (await watching.read()).progress
    assert first.phase == pb.REBUILD_PHASE_REPLAYING
    watching.cancel()
    seen = await service.get()
    assert (seen.state, seen.generation, seen.rebuild.generation) == (pb.PROJECTION_STATE_REBUILDING, 1, 2)
    again = service.rebuild(name="tally")
    told, why = await code(again.read())
    assert told is grpc.StatusCode.FAILED_PRECONDITION
    assert "tally is being rebuilt already" in why
    await service.once(lambda found: found.generation == 2)


async def test_a_rebuild_is_cancelled(service: Service) -> None:
    service.ledger.append(*"A" * 10)
    await service.reaching(10)
    service.tally.pause = 1
    watching = service.rebuild(name="tally")
    await watching.read()
    answer = await service.stub.CancelRebuild(pb.CancelRebuildRequest(name="tally"), timeout=SECONDS)
    assert (answer.projection.generation, answer.projection.state) == (1, pb.PROJECTION_STATE_FOLLOWING)
    assert not answer.projection.HasField("rebuild")
    while (step := await watching.read()) is not grpc.aio.EOF:
        last = step.progress
    assert (last.phase, last.error) == (pb.REBUILD_PHASE_CANCELLED, "somebody asked for it")
    again = service.stub.CancelRebuild(pb.CancelRebuildRequest(name="tally"), timeout=SECONDS)
    told, why = await code(again)
    assert told is grpc.StatusCode.FAILED_PRECONDITION
    assert "no rebuild of tally runs" in why


async def test_a_verification_streams_progress_and_ends_with_what_it_found(service: Service) -> None:
    service.ledger.append(*"AB")
    before = await service.reaching(2)
    with psycopg.connect(service.database.service_url) as connection:
        connection.execute("UPDATE ledger_main_tally_g1.tally SET total = 7 WHERE type = 'B'")
    call = service.stub.VerifyProjection(pb.VerifyProjectionRequest(name="tally"), timeout=SECONDS)
    *steps, last = [step async for step in call]
    assert steps[-1].progress.phase == pb.REBUILD_PHASE_DONE
    assert steps[-1].progress.purpose == pb.REBUILD_PURPOSE_VERIFY
    found = last.verdict
    assert (found.name, found.generation, found.position, found.equal) == ("tally", 1, 2, False)
    assert found.replayed_digest == before.state_digest != found.state_digest
    (difference,) = found.differences
    assert (difference.table, difference.rows) == ("tally", 1)
    assert [(row.row, row.kind) for row in difference.shown] == [("type B", pb.DIFFERENCE_KIND_CHANGED)]


async def test_what_cannot_be_answered_is_told(service: Service) -> None:
    stub = service.stub
    unknown = stub.GetProjection(pb.GetProjectionRequest(name="nothing"), timeout=SECONDS)
    assert (await code(unknown))[0] is grpc.StatusCode.NOT_FOUND
    nowhere = stub.ListProjections(pb.ListProjectionsRequest(ledger="nowhere"), timeout=SECONDS)
    assert (await code(nowhere))[0] is grpc.StatusCode.NOT_FOUND
    nameless = stub.GetProjection(pb.GetProjectionRequest(), timeout=SECONDS)
    assert (await code(nameless))[0] is grpc.StatusCode.INVALID_ARGUMENT
    for method, kind in (("ListParkedEvents", "List"), ("RetryParkedEvents", "Retry")):
        request = getattr(pb, f"{kind}ParkedEventsRequest")
        for asked in ({"name": "nothing"}, {"name": "tally", "ledger": "nowhere"}):
            assert (await code(getattr(stub, method)(request(**asked), timeout=SECONDS)))[
                0
            ] is grpc.StatusCode.NOT_FOUND
    for invalid_request in (
        pb.ListParkedEventsRequest(name="tally", page_size=1_001),
        pb.ListParkedEventsRequest(name="tally", page_token="x"),
    ):
        invalid = stub.ListParkedEvents(invalid_request, timeout=SECONDS)
        assert (await code(invalid))[0] is grpc.StatusCode.INVALID_ARGUMENT
    negative = service.rebuild(name="tally", at_position=-1)
    assert (await code(negative.read()))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_all_are_rebuilt_in_one_pass_and_told_apart(service: Service) -> None:
    service.ledger.append(*"AB")
    await service.reaching(2)
    last = {step.progress.name: step.progress async for step in service.rebuild(all=True)}
    found = {name: (each.phase, each.generation) for name, each in last.items()}
    assert found == dict.fromkeys(("other", "parking", "tally"), (pb.REBUILD_PHASE_DONE, 2))
    both = service.rebuild(all=True, name="tally")
    assert (await code(both.read()))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_frozen_generation_is_listed_and_dropped(service: Service) -> None:
    service.ledger.append(*"AB")
    before = await service.reaching(2)
    service.ledger.append("C")
    steps = [step.progress async for step in service.rebuild(name="tally", at_position=2)]
    last = steps[-1]
    assert (last.phase, last.purpose, last.done) == (pb.REBUILD_PHASE_DONE, pb.REBUILD_PURPOSE_FREEZE, 2)
    found = await service.reaching(3)
    (frozen,) = found.frozen
    assert (found.generation, frozen.number, frozen.position, frozen.state_digest) == (1, 2, 2, "")
    request = pb.GetProjectionRequest(name="tally", frozen_digests=True)
    answer = await service.stub.GetProjection(request, timeout=SECONDS)
    assert answer.projection.frozen[0].state_digest == before.state_digest == last.state_digest
    beyond = service.rebuild(name="tally", at_position=4)
    told, why = await code(beyond.read())
    assert (told, "the record ends at 3" in why) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    for number, expected in ((1, "FAILED_PRECONDITION"), (2, "OK"), (2, "NOT_FOUND"), (9, "NOT_FOUND")):
        call = service.stub.DropGeneration(
            pb.DropGenerationRequest(name="tally", generation=number), timeout=SECONDS
        )
        if expected == "OK":
            assert list((await call).projection.frozen) == []
        else:
            assert (await code(call))[0] is grpc.StatusCode[expected]
