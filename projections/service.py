"""The read side of one process, put together: read models that follow the ledgers, and the services that answer
from them. It is started and stopped by the composition root and decides nothing."""

import asyncio
from collections.abc import Collection, Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from incident.ledger.v1 import (
    casualty_service_pb2,
    casualty_service_pb2_grpc,
    ceasefire_service_pb2,
    ceasefire_service_pb2_grpc,
    projection_service_pb2,
    projection_service_pb2_grpc,
)
from ledger.administration import Administration
from ledger.persistence.guarding import Admit
from ledger.settings import SettingsError
from projections.api.casualty_service import CasualtyServicer
from projections.api.ceasefire_service import CeasefireServicer
from projections.api.projection_service import ProjectionServicer
from projections.casualties import CASUALTIES
from projections.ceasefires import CEASEFIRES
from projections.engine.databases import Databases
from projections.engine.engine import Engine
from projections.engine.projection import Parking, Projection
from projections.engine.reading import AsyncPool, ReadSide, read_pool
from projections.incidents import INCIDENTS_READ_MODEL
from projections.threats import THREATS

READ_MODELS = (CASUALTIES, CEASEFIRES, INCIDENTS_READ_MODEL, THREATS)
MAX_QUERY_CONNECTIONS = 16
"""Questions answered at once; more of them wait, at most until their deadlines."""


def with_rules(parking: Collection[str]) -> list[Projection]:
    """The read models, each with the rule for events that it cannot take."""
    known = [each.name for each in READ_MODELS]
    if unknown := sorted(set(parking) - set(known)):
        named = ", ".join(map(repr, unknown))
        raise SettingsError(f"LEDGER_PARK: there is no projection {named}; there are {', '.join(known)}")
    return [Parking(each) if each.name in parking else each for each in READ_MODELS]


class ReadingService:
    """Follows every ledger of a database and answers from its read models."""

    def __init__(
        self,
        databases: Databases,
        parking: Collection[str] = (),
        admit: Admit = lambda ledger: None,
        administration: Administration | None = None,
    ) -> None:
        """Those named by `parking` put aside what they cannot take; SettingsError where one has no such name.
        `admit` raises for a ledger of which nothing is to be answered."""
        self._admit = admit
        self._pool = read_pool(databases.read_models, MAX_QUERY_CONNECTIONS)
        self._ledgers = read_pool(databases.ledgers, MAX_QUERY_CONNECTIONS) if databases.apart else None
        self._administration = administration
        record = administration.rebuilds_ended if administration is not None else None
        self._engine = Engine(databases, with_rules(parking), record=record)
        self._databases = databases

    def register(self, registry: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        """Adds the services to a server; gives their descriptors."""
        read_side = ReadSide(self._pool, READ_MODELS, self._ledgers, self._admit)
        casualty_service_pb2_grpc.add_CasualtyServiceServicer_to_server(CasualtyServicer(read_side), registry)
        ceasefire_service_pb2_grpc.add_CeasefireServiceServicer_to_server(CeasefireServicer(read_side), registry)
        projections = ProjectionServicer(self._engine, self._administration)
        projection_service_pb2_grpc.add_ProjectionServiceServicer_to_server(projections, registry)
        return (
            casualty_service_pb2.DESCRIPTOR.services_by_name["CasualtyService"],
            ceasefire_service_pb2.DESCRIPTOR.services_by_name["CeasefireService"],
            projection_service_pb2.DESCRIPTOR.services_by_name["ProjectionService"],
        )

    def health(self) -> dict[str, bool]:
        """Whether each projection follows, under the name by which health is asked; false where it is halted."""
        return {f"projection/{name}": not because for name, because in self._engine.halts.items()}

    def look(self) -> None:
        """Connects to the read models, where they have a database of their own; psycopg.Error where it is away."""
        if self._databases.apart:
            self._databases.connect("health").close()

    async def start(self) -> None:
        """Begins to follow; the database may be away at first."""
        for pool in self._pools:
            await pool.open(wait=False)
        self._engine.start()

    async def stop(self) -> None:
        """Ends the folds between two batches, and closes all connections."""
        await asyncio.to_thread(self._engine.stop)
        for pool in self._pools:
            await pool.close()

    @property
    def _pools(self) -> list[AsyncPool]:
        return [self._pool] if self._ledgers is None else [self._pool, self._ledgers]
