"""ProjectionService: how far the read models are, building them anew, proving them, and what they could not take.
A build goes on when its caller leaves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from incident.ledger.v1 import projection_service_pb2 as pb
from incident.ledger.v1 import projection_service_pb2_grpc
from ledger.administration import Administration, By
from ledger.api.requests import ANONYMOUS, client_of, ledger_name, seconds_left
from ledger.domain.administration import ProjectionOperated
from ledger.domain.codes import ProjectionOperation
from ledger.errors import InvalidRequestError, Violation
from projections.api.page_tokens import page_size_of, read_token, write_token
from projections.api.rebuild_answers import frozen_to_proto, progress_to_proto, verdict_to_proto
from projections.engine import Engine, ProjectionState, RunningBuild, states
from projections.engine.parked import ParkedEvent
from projections.engine.rebuilds import RebuildProgress
from projections.engine.verifying import Verification

WATCH_SECONDS = 0.1
"""How often a rebuild is looked at for those who watch it."""

STATES = {
    states.FOLLOWING: pb.PROJECTION_STATE_FOLLOWING,
    states.CATCHING_UP: pb.PROJECTION_STATE_CATCHING_UP,
    states.HALTED: pb.PROJECTION_STATE_HALTED,
    states.REBUILDING: pb.PROJECTION_STATE_REBUILDING,
}

Context = grpc.aio.ServicerContext[Any, Any]


class ProjectionServicer(projection_service_pb2_grpc.ProjectionServiceServicer):
    """The service on the engine."""

    def __init__(self, engine: Engine, administration: Administration | None = None) -> None:
        self._engine = engine
        self._administration = administration

    async def ListProjections(
        self, request: pb.ListProjectionsRequest, context: Context
    ) -> pb.ListProjectionsResponse:
        ledger, seconds = ledger_name(request.ledger), seconds_left(context)
        found = await asyncio.to_thread(self._engine.states, ledger, seconds)
        return pb.ListProjectionsResponse(projections=[self._told(each) for each in found])

    async def GetProjection(self, request: pb.GetProjectionRequest, context: Context) -> pb.GetProjectionResponse:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        seconds, digests = seconds_left(context), request.frozen_digests
        state = await asyncio.to_thread(self._engine.state, ledger, name, seconds, with_frozen=digests)
        return pb.GetProjectionResponse(projection=self._told(state))

    def _told(self, state: ProjectionState) -> pb.Projection:
        told = projection_to_proto(state)
        told.leads_here = state.leader == self._engine.holder
        return told

    async def RebuildProjection(
        self, request: pb.RebuildProjectionRequest, context: Context
    ) -> AsyncIterator[pb.RebuildProjectionResponse]:
        builds = await asyncio.to_thread(self._begin, request)
        for each in builds:
            await self._tell_begun(request.ledger, each, context)
        async for progress in _steps(*builds):
            yield pb.RebuildProjectionResponse(progress=progress_to_proto(progress))

    def _begin(self, request: pb.RebuildProjectionRequest) -> list[RunningBuild]:
        operations, ledger = self._engine.operations, ledger_name(request.ledger)
        if request.at_position < 0:
            raise InvalidRequestError([Violation("at_position", "is negative; give a position, or 0 for the head")])
        if not request.all:
            return [operations.rebuild(ledger, projection_name(request.name), request.at_position)]
        if request.name:
            raise InvalidRequestError([Violation("name", "is not empty; name one projection, or ask for all")])
        return operations.rebuild_all(ledger, request.at_position)

    async def RollBackProjection(
        self, request: pb.RollBackProjectionRequest, context: Context
    ) -> AsyncIterator[pb.RollBackProjectionResponse]:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        running = await asyncio.to_thread(self._engine.operations.roll_back, ledger, name)
        await self._tell_begun(ledger, running, context)
        async for progress in _steps(running):
            yield pb.RollBackProjectionResponse(progress=progress_to_proto(progress))

    async def DropGeneration(
        self, request: pb.DropGenerationRequest, context: Context
    ) -> pb.DropGenerationResponse:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        seconds = seconds_left(context)
        await asyncio.to_thread(self._engine.operations.drop_generation, ledger, name, request.generation, seconds)
        await self._tell(ledger, name, ProjectionOperation.DROP_GENERATION, context, request.generation)
        state = await asyncio.to_thread(self._engine.state, ledger, name, seconds_left(context))
        return pb.DropGenerationResponse(projection=self._told(state))

    async def VerifyProjection(
        self, request: pb.VerifyProjectionRequest, context: Context
    ) -> AsyncIterator[pb.VerifyProjectionResponse]:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        running = await asyncio.to_thread(self._engine.operations.verify, ledger, name)
        await self._tell_begun(ledger, running, context)
        async for progress in _steps(running):
            yield pb.VerifyProjectionResponse(progress=progress_to_proto(progress))
        if isinstance(running.build, Verification) and running.build.verdict is not None:
            yield pb.VerifyProjectionResponse(verdict=verdict_to_proto(running.build.verdict))

    async def CancelRebuild(self, request: pb.CancelRebuildRequest, context: Context) -> pb.CancelRebuildResponse:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        await asyncio.to_thread(self._engine.operations.cancel_rebuild, ledger, name, seconds_left(context))
        await self._tell(ledger, name, ProjectionOperation.CANCEL, context)
        state = await asyncio.to_thread(self._engine.state, ledger, name, seconds_left(context))
        return pb.CancelRebuildResponse(projection=self._told(state))

    async def ListParkedEvents(
        self, request: pb.ListParkedEventsRequest, context: Context
    ) -> pb.ListParkedEventsResponse:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        size, token = page_size_of(request), read_token(request, (int,))
        after = token.key[0] if token is not None else 0
        seconds = seconds_left(context)
        found = await asyncio.to_thread(self._engine.parked, ledger, name, after, size + 1, seconds)
        answer = pb.ListParkedEventsResponse(events=map(parked_to_proto, found[:size]))
        if len(found) > size:
            last = found[size - 1].position
            answer.next_page_token = write_token(request, last, (last,))
        return answer

    async def RetryParkedEvents(
        self, request: pb.RetryParkedEventsRequest, context: Context
    ) -> pb.RetryParkedEventsResponse:
        ledger, name = ledger_name(request.ledger), projection_name(request.name)
        done = await asyncio.to_thread(self._engine.retry, ledger, name, seconds_left(context))
        await self._tell(ledger, name, ProjectionOperation.RETRY_PARKED, context)
        return pb.RetryParkedEventsResponse(
            taken=done.taken, parked=done.parked, halted_because=done.halted_because
        )

    async def _tell_begun(self, ledger: str, running: RunningBuild, context: Context) -> None:
        progress = running.progress
        operation = ProjectionOperation(progress.purpose.replace(" ", "_"))
        where = (progress.generation, progress.at_position)
        await self._tell(ledger_name(ledger), running.name, operation, context, *where)

    async def _tell(
        self, ledger: str, name: str, operation: ProjectionOperation, context: Context, *where: int
    ) -> None:
        """Record what was asked for, and by whom. It is begun or done by then: where it cannot be recorded, that is
        logged and nothing else."""
        if self._administration is None:
            return
        generation, at_position = (*where, 0, 0)[:2]
        event = ProjectionOperated.of(
            ledger=ledger, projection=name, operation=operation, generation=generation, at_position=at_position
        )
        await asyncio.to_thread(self._administration.tell, event, By(ANONYMOUS, client_of(context)))


async def _steps(*builds: RunningBuild) -> AsyncIterator[RebuildProgress]:
    """The progress of builds until all are over, each step once."""
    told: dict[str, RebuildProgress] = {}
    while True:
        goes_on = any(each.running for each in builds)  # looked at first, so that the last progress is told
        for each in builds:
            progress = each.progress
            if progress is not told.get(each.name):
                told[each.name] = progress
                yield progress
        if not goes_on:
            return
        await asyncio.sleep(WATCH_SECONDS)


def projection_name(given: str) -> str:
    """The projection that a request names."""
    if not given:
        raise InvalidRequestError([Violation("name", "is empty; name a projection, for example casualties")])
    return given


def projection_to_proto(state: ProjectionState) -> pb.Projection:
    """One projection."""
    return pb.Projection(
        name=state.name,
        version=state.version,
        generation=state.generation,
        state=STATES[state.state],
        position=state.position,
        head=state.head,
        lag_seconds=state.lag_seconds,
        halted_because=state.halted_because,
        state_digest=state.state_digest,
        parked=state.parked,
        rebuild=progress_to_proto(state.rebuild) if state.rebuild is not None else None,
        lag_events=state.lag_events,
        leader=str(state.leader or ""),
        frozen=map(frozen_to_proto, state.frozen),
    )


def parked_to_proto(event: ParkedEvent) -> pb.ParkedEvent:
    """One event that was put aside."""
    return pb.ParkedEvent(
        position=event.position,
        type=event.type,
        reason=event.reason,
        traceback_digest=event.traceback_digest,
    )
