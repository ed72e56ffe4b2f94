"""Keeps the current totals level with the claims, in the transaction of each batch. It takes away what the
incidents of the batch counted before and adds what they count now; it answers no question."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from ledger.domain.codes import CountQualifier
from ledger.persistence.queries import Queries
from projections.casualties.question import (
    ASKED_BY_DEFAULT,
    JOINT,
    MOST_POSITIONS,
    MOST_TOLLS,
    Grouping,
)
from projections.engine.projection import Connection
from projections.history.changed import Changed

CHAIN = Queries("projections.casualties", "chain.sql")
QUESTIONS = Queries("projections.casualties", "questions.sql")
TOTALS = Queries("projections.casualties", "totals.sql")
BESIDE = Queries("projections.casualties", "beside_totals.sql")

KEPT: tuple[Sequence[Grouping], ...] = (
    (),
    (Grouping.PARTY,),
    (Grouping.CLASS,),
    (Grouping.OUTCOME,),
    (Grouping.PARTY, Grouping.CLASS, Grouping.OUTCOME),
    (Grouping.PERPETRATOR,),
    (Grouping.COUNTRY,),
    (Grouping.ADMIN1,),
    (Grouping.SOURCE,),
    (Grouping.VERIFICATION,),
    (Grouping.MONTH,),
    (Grouping.YEAR,),
)
"""The groupings of which totals are kept, in the order of the keys of `current_numbers`."""
SEPARATOR = "\x1f"
"""Between the parts of a key of several; no value holds a control character, and it sorts before all others."""
QUALIFIERS = tuple(CountQualifier)
"""A total keeps the sum of their numbers; another order is another version of the read model."""
PART = 10_000
"""Incidents of which the totals are made at a time."""
STRETCH = 4_096
"""Positions in a stretch: where a first position goes away, as many are looked at to find the next one."""

INSIDE = f"{QUESTIONS.of_its_kind}\n{QUESTIONS.in_its_area}\n"
RENEW = "\n".join(
    (
        *(CHAIN.held, TOTALS.of_changed, TOTALS.fresh),
        *(TOTALS.moved, INSIDE, TOTALS.inside_which_tolls, TOTALS.part_of_toll, TOTALS.cells),
        *(TOTALS.changed, TOTALS.sums, TOTALS.sums_by_wholes, BESIDE.first_positions),
        *(BESIDE.unregistered, BESIDE.tolls, BESIDE.what_is_left),
    )
)
TAKE_NEW_TOLLS = "\n".join(
    (
        *(BESIDE.cells_of_new_tolls, TOTALS.part_of_toll, BESIDE.that_are_new, INSIDE, ")"),
        *(TOTALS.changed, TOTALS.sums, TOTALS.sums_by_wholes, BESIDE.done),
    )
)
DROP_EMPTY = (
    *(BESIDE.drop_totals, BESIDE.drop_totals_by_wholes, BESIDE.drop_positions),
    *(BESIDE.drop_unregistered, BESIDE.drop_tolls),
)
BOUNDS = {
    "qualifiers": [each.value for each in QUALIFIERS],
    "stretch": STRETCH,
    "most_positions": MOST_POSITIONS,
    "most_tolls": MOST_TOLLS,
    "kept": len(KEPT),
}


class Totals:
    """The current totals, as what the read model keeps."""

    def renew(self, connection: Connection, changed: Changed) -> None:
        """Bring them level with the claims after a batch. Its settings hold until the transaction ends."""
        connection.execute(TOTALS.settings)
        actors = {"actors": sorted(changed.actors)}
        if changed.actors:
            connection.execute(BESIDE.forget_actors, actors)
        if changed.incidents or changed.claims:
            _renew(connection, changed)
        if changed.claims:
            _keep_tolls(connection)
        if changed.actors:
            connection.execute(BESIDE.take_actors, actors)

    def fill(self, connection: Connection, position: int) -> None:
        """Make them all, a part of the incidents at a time: what the database sorts then fits into its memory."""
        for query, told in ((BESIDE.next_incidents, "incidents"), (BESIDE.next_claims, "claims")):
            after = None
            while found := [row[0] for row in connection.execute(query, {"after": after, "limit": PART})]:
                self.renew(connection, Changed(position, **{told: set(found)}))
                after = found[-1]


def _renew(connection: Connection, changed: Changed) -> None:
    asked = {
        "position": changed.position,
        "incidents": sorted(changed.incidents),
        "claims": sorted(changed.claims),
        "actors": sorted(changed.actors),
        "grades": list(ASKED_BY_DEFAULT),
        "joint": JOINT,
        "separator": SEPARATOR,
        **BOUNDS,
    }
    # A plan for few rows is no good for many: another text, and so another plan, whenever the ledger has doubled.
    statement = f"{RENEW} -- {changed.position.bit_length()}"
    row = connection.execute(statement, asked, prepare=True).fetchone()
    short, emptied, stretches = row or ([], False, [])
    if short:
        connection.execute(BESIDE.fill_positions, {"short": Jsonb(short), **BOUNDS})
    if emptied:
        for statement in DROP_EMPTY:
            connection.execute(statement)
    if stretches:
        connection.execute(BESIDE.drop_stretches, {"stretches": Jsonb(stretches)})


def _keep_tolls(connection: Connection) -> None:
    """Keep the sums inside the first tolls of areas."""
    new = [row[0] for row in connection.execute(BESIDE.keep_tolls, BOUNDS)]
    if new:
        connection.execute(TAKE_NEW_TOLLS, {"tolls": new, **BOUNDS})
