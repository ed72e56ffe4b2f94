"""CeasefireService: is it in force, is it observed, who violated it, which threats stand. It reads requests and
writes answers; the read models derive, and errors become statuses elsewhere."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import date
from typing import Any

import grpc

from incident.ledger.v1 import ceasefire_service_pb2 as pb
from incident.ledger.v1 import ceasefire_service_pb2_grpc
from ledger.api.requests import ledger_name, seconds_left
from ledger.domain.agreements import CeasefireViolated
from ledger.domain.claim import AGREEMENTS
from ledger.domain.claim import THREATS as THREAT_STREAMS
from ledger.errors import NotFoundError
from projections.api.ceasefire_answers import (
    LIST_LEFT_OUT,
    ceasefire_to_proto,
    left_out_to_proto,
    series_to_proto,
    threat_to_proto,
    violation_to_proto,
)
from projections.api.ceasefire_questions import StatusQuestion, status_of, statuses_of, threats_of, violations_of
from projections.api.moments import as_of, basis
from projections.api.page_tokens import PageToken, page_size_of, read_token, write_token
from projections.api.redactions import redacted_to_proto
from projections.ceasefires import reading
from projections.ceasefires.reading import CeasefireReader
from projections.ceasefires.status import Status, derive_status
from projections.ceasefires.violations import FIRST, key_of, list_violations, series_of_violations
from projections.engine.answers import Answer
from projections.engine.reading import ReadSide
from projections.history.redacted import NOTHING, Redacted, redacted, redacted_of
from projections.threats.reading import FIRST as FIRST_THREAT
from projections.threats.reading import ThreatReader

CEASEFIRES = "ceasefires"
THREATS = "threats"
VIOLATIONS = (CeasefireViolated.__name__,)

Context = grpc.aio.ServicerContext[Any, Any]


class CeasefireServicer(ceasefire_service_pb2_grpc.CeasefireServiceServicer):
    """The service on the read models of ceasefires and threats."""

    def __init__(self, read_side: ReadSide) -> None:
        self._read_side = read_side

    def _answering(
        self, projection: str, request: Any, context: Context, token: PageToken | None = None
    ) -> AbstractAsyncContextManager[Answer]:
        return self._read_side.answering(
            ledger_name(request.ledger),
            projection,
            as_of=as_of(request, token),
            min_position=request.min_position,
            timeout=seconds_left(context),
        )

    async def GetCeasefireStatus(
        self, request: pb.GetCeasefireStatusRequest, context: Context
    ) -> pb.GetCeasefireStatusResponse:
        question = status_of(request)
        async with self._answering(CEASEFIRES, request, context) as snapshot:
            reader = CeasefireReader(snapshot.connection, snapshot.position)
            at = question.at or await reader.latest_day()
            gone = (await _redacted(snapshot, [question.agreement_id]))[question.agreement_id]
            found = await reader.statuses([question.agreement_id], at) if at is not None else []
            if at is None or not (found or gone.claims):
                raise NotFoundError(kind="agreement", id=question.agreement_id)
            status = found[0] if found else derive_status(question.agreement_id, (), at)
            answer = await reader.answer(status, question.window_days)
            return pb.GetCeasefireStatusResponse(
                basis=basis(snapshot), at=str(at), ceasefire=ceasefire_to_proto(answer, gone)
            )

    async def ListCeasefires(
        self, request: pb.ListCeasefiresRequest, context: Context
    ) -> pb.ListCeasefiresResponse:
        question, size, token = statuses_of(request), page_size_of(request), read_token(request, (str,))
        async with self._answering(CEASEFIRES, request, context, token) as snapshot:
            reader = CeasefireReader(snapshot.connection, snapshot.position)
            at = question.at or await reader.latest_day()
            after = token.key[0] if token else ""
            found = await _statuses(reader, question, at, after, size + 1) if at is not None else []
            answers = [await reader.answer(status, question.window_days) for status in found[:size]]
            gone = await _redacted(snapshot, [each.agreement_id for each in found[:size]])
            response = pb.ListCeasefiresResponse(
                basis=basis(snapshot),
                at="" if at is None else str(at),
                ceasefires=[ceasefire_to_proto(each, gone[each.status.agreement_id]) for each in answers],
            )
            if len(found) > size:
                key = (found[size - 1].agreement_id,)
                response.next_page_token = write_token(request, snapshot.position, key)
            return response

    async def ListViolations(
        self, request: pb.ListViolationsRequest, context: Context
    ) -> pb.ListViolationsResponse:
        (question, step), size = violations_of(request), page_size_of(request)
        token = read_token(request, (date, int))
        after = (token.key[0], token.key[1]) if token else FIRST
        async with self._answering(CEASEFIRES, request, context, token) as snapshot:
            reader = CeasefireReader(snapshot.connection, snapshot.position)
            rows = await list_violations(reader, question, after, size + 1)
            series = await series_of_violations(reader, question, step)
            gone = await redacted(snapshot.connection, snapshot.position, prefix=AGREEMENTS, types=VIOLATIONS)
            response = pb.ListViolationsResponse(
                basis=basis(snapshot),
                violations=[violation_to_proto(row) for row in rows[:size]],
                series=series_to_proto(series),
                left_out=[
                    *left_out_to_proto(series.left_out, LIST_LEFT_OUT),
                    *redacted_to_proto(gone),
                ],
            )
            if len(rows) > size:
                key = key_of(rows[size - 1])
                response.next_page_token = write_token(request, snapshot.position, key)
            return response

    async def ListThreats(self, request: pb.ListThreatsRequest, context: Context) -> pb.ListThreatsResponse:
        (given, question), size = threats_of(request), page_size_of(request)
        token = read_token(request, (date, str))
        after = (token.key[0], token.key[1]) if token else FIRST_THREAT
        async with self._answering(THREATS, request, context, token) as snapshot:
            reader = ThreatReader(snapshot.connection, snapshot.position)
            at = given or await reader.latest_day()
            found = []
            if at is not None:
                found = await reader.threats(replace(question, at=at), after, size + 1)
            response = pb.ListThreatsResponse(
                basis=basis(snapshot),
                at="" if at is None else str(at),
                threats=[threat_to_proto(each) for each in found[:size]],
                left_out=redacted_to_proto(
                    await redacted(snapshot.connection, snapshot.position, prefix=THREAT_STREAMS)
                ),
            )
            if len(found) > size:
                response.next_page_token = write_token(request, snapshot.position, found[size - 1].key)
            return response


async def _redacted(snapshot: Answer, agreement_ids: Sequence[str]) -> dict[str, Redacted]:
    streams = {each: f"{AGREEMENTS}{each}" for each in agreement_ids}
    found = await redacted_of(snapshot.connection, snapshot.position, streams.values())
    return {each: found.get(stream, NOTHING) for each, stream in streams.items()}


async def _statuses(
    reader: CeasefireReader, question: StatusQuestion, at: date, after: str, limit: int
) -> list[Status]:
    """Up to so many statuses after an agreement. A status is not in the tables, so it is derived batch by batch."""
    found: list[Status] = []
    while len(found) < limit:
        agreement_ids = await reader.agreements_after(after)
        found += [each for each in await reader.statuses(agreement_ids, at) if _fits(each, question)]
        if len(agreement_ids) < reading.BATCH:
            break
        after = agreement_ids[-1]
    return found[:limit]


def _fits(status: Status, question: StatusQuestion) -> bool:
    parties = {standing.party for standing in status.parties}
    return (not question.parties or bool(question.parties & parties)) and (
        not question.formal or status.formal in question.formal
    )
