"""CasualtyService: figures, the claims behind them, incidents, and what happened in order. It reads requests and
writes answers; the read models count, and errors become statuses elsewhere."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any

import grpc

from incident.ledger.v1 import casualty_service_pb2 as pb
from incident.ledger.v1 import casualty_service_pb2_grpc
from ledger.api.requests import ledger_name, seconds_left
from ledger.domain.claim import INCIDENTS as INCIDENT_STREAMS
from ledger.errors import InvalidRequestError, Violation
from projections.api.casualty_answers import (
    GROUPING_NUMBERS,
    claims_to_proto,
    group_to_proto,
    left_out_to_proto,
    links_to_proto,
    parts_to_proto,
    summaries_with_claims,
    summary_to_proto,
    toll_to_proto,
)
from projections.api.casualty_questions import claims_of_group, incidents_of, incidents_page_of, question_of
from projections.api.moments import as_of, basis
from projections.api.page_tokens import PageToken, page_size_of, read_token, write_token
from projections.api.redactions import redacted_to_proto
from projections.api.revisions import add_revisions
from projections.casualties import answering as casualties
from projections.casualties.listing import page_of_claims
from projections.engine.answers import Answer
from projections.engine.reading import ReadSide
from projections.history.redacted import redacted
from projections.incidents import answering as incidents

CASUALTIES = "casualties"
INCIDENTS = "incidents"

Context = grpc.aio.ServicerContext[Any, Any]


class CasualtyServicer(casualty_service_pb2_grpc.CasualtyServiceServicer):
    """The service on the read models of casualties and incidents."""

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

    async def GetCasualties(self, request: pb.GetCasualtiesRequest, context: Context) -> pb.GetCasualtiesResponse:
        question = question_of(request)
        async with self._answering(CASUALTIES, request, context) as snapshot:
            answer = await casualties.casualties(snapshot.connection, question, snapshot.position, snapshot.taken)
            tolls = [toll.form for toll in answer.tolls]
            forms = await casualties.forms(snapshot.connection, tolls, snapshot.position)
            await add_revisions(snapshot, ledger_name(request.ledger), forms.values())
            return pb.GetCasualtiesResponse(
                basis=basis(snapshot),
                count_policy=question.count_policy,
                resolution_rule=question.resolution_rule,
                filter=request.filter,
                figures=[group_to_proto(group) for group in answer.figures],
                tolls=[toll_to_proto(toll, forms) for toll in answer.tolls],
                left_out=left_out_to_proto(answer.left_out),
                count_aggregates=question.count_aggregates,
                spread_imprecise_dates=question.spread,
                group_by=[GROUPING_NUMBERS[grouping] for grouping in question.group_by],
            )

    async def ListClaims(self, request: pb.ListClaimsRequest, context: Context) -> pb.ListClaimsResponse:
        (question, group), size = claims_of_group(request), page_size_of(request)
        token = read_token(request, (int,))
        after = token.key[0] if token else 0
        async with self._answering(CASUALTIES, request, context, token) as snapshot:
            connection, position = snapshot.connection, snapshot.position
            left_out = request.with_left_out
            parts = await page_of_claims(connection, question, position, group, after, size + 1, left_out)
            forms = await casualties.forms(connection, [part.form for part in parts], position)
            await add_revisions(snapshot, ledger_name(request.ledger), forms.values())
            response = pb.ListClaimsResponse(
                basis=basis(snapshot),
                claims=parts_to_proto(parts[:size], forms),
                count_policy=question.count_policy,
                resolution_rule=question.resolution_rule,
                filter=request.filter,
                group=request.group,
                count_aggregates=question.count_aggregates,
                spread_imprecise_dates=question.spread,
            )
            if len(parts) > size:
                last = forms[parts[size - 1].form]["form_position"]
                response.next_page_token = write_token(request, position, (last,))
            return response

    async def ListIncidents(self, request: pb.ListIncidentsRequest, context: Context) -> pb.ListIncidentsResponse:
        question, size = incidents_of(request), incidents_page_of(request)
        token = read_token(request, (date, str))
        after = incidents.PageKey(*token.key) if token else None
        async with self._answering(INCIDENTS, request, context, token) as snapshot:
            connection, position = snapshot.connection, snapshot.position
            found = await incidents.page_of_incidents(connection, question, position, after, size + 1)
            listed = [summary_to_proto(summary) for summary in found[:size]]
            if request.with_claims:
                listed = await self._with_claims(snapshot, ledger_name(request.ledger), found[:size])
            response = pb.ListIncidentsResponse(
                basis=basis(snapshot),
                incidents=listed,
                left_out=redacted_to_proto(await redacted(connection, position, prefix=INCIDENT_STREAMS)),
            )
            if len(found) > len(listed):
                last = found[len(listed) - 1]
                response.next_page_token = write_token(request, position, (last.first_day, last.incident_id))
            return response

    async def _with_claims(
        self, snapshot: Answer, ledger: str, found: Sequence[incidents.Summary]
    ) -> list[pb.IncidentSummary]:
        """The first of these incidents with their claims: as many as one message is to hold."""
        if not found:
            return []
        listed = incidents.with_so_many_claims(found)
        claims = await incidents.claims_of(snapshot.connection, listed, snapshot.position)
        keys = [key for each in claims.values() for key in each]
        forms = await incidents.forms(snapshot.connection, keys, snapshot.position)
        await add_revisions(snapshot, ledger, forms.values())
        return summaries_with_claims(listed, claims, forms)

    async def ListTimeline(self, request: pb.ListTimelineRequest, context: Context) -> pb.ListTimelineResponse:
        question, size = incidents_of(request), page_size_of(request)
        token = read_token(request, (date, int))
        after = (token.key[0], token.key[1]) if token else None
        async with self._answering(INCIDENTS, request, context, token) as snapshot:
            connection, position = snapshot.connection, snapshot.position
            found = await incidents.timeline(connection, question, position, after, size + 1)
            keys = [each.form for each in found[:size]]
            forms = await incidents.forms(connection, keys, position)
            await add_revisions(snapshot, ledger_name(request.ledger), forms.values())
            response = pb.ListTimelineResponse(
                basis=basis(snapshot),
                claims=claims_to_proto(keys, forms),
                left_out=redacted_to_proto(await redacted(connection, position)),
            )
            if len(found) > size:
                last = found[size - 1]
                response.next_page_token = write_token(request, position, (last.first_day, last.form_position))
            return response

    async def GetIncident(self, request: pb.GetIncidentRequest, context: Context) -> pb.GetIncidentResponse:
        if not request.incident_id or "\0" in request.incident_id:
            why = "is empty or holds a NUL character; name the incident, or list them with ListIncidents"
            raise InvalidRequestError([Violation("incident_id", why)])
        async with self._answering(INCIDENTS, request, context) as snapshot:
            connection, position = snapshot.connection, snapshot.position
            found = await incidents.incident(connection, request.incident_id, position)
            forms = await incidents.forms(connection, [*found.forms, *found.former_forms], position)
            await add_revisions(snapshot, ledger_name(request.ledger), forms.values())
            return pb.GetIncidentResponse(
                basis=basis(snapshot),
                incident=summary_to_proto(found.summary),
                claims=claims_to_proto(found.forms, forms),
                former_claims=claims_to_proto(found.former_forms, forms),
                links=links_to_proto(found.links),
                left_out=redacted_to_proto(found.redacted),
            )
