"""Revisions of recorded events. Read models keep positions and no revisions; the ledger itself tells them, in the
same snapshot as the answer."""

from collections.abc import Iterable
from typing import Any

from psycopg import sql

from ledger.persistence.log import schema_of
from ledger.persistence.queries import Queries
from projections.engine.answers import Answer

QUERIES = Queries("projections.api", "revisions.sql")


async def add_revisions(snapshot: Answer, ledger: str, rows: Iterable[dict[str, Any]]) -> None:
    """Give each row of a form the revision of the event that gave the claim this form."""
    forms = list(rows)
    if not forms:
        return
    query = sql.SQL(QUERIES.revisions).format(ledger=sql.Identifier(schema_of(ledger)))
    found = await snapshot.ledger.execute(query, {"event_ids": [row["form_event_id"] for row in forms]})
    revisions = {event_id: revision async for event_id, revision in found}
    for row in forms:
        row["form_revision"] = revisions.get(row["form_event_id"], 0)
