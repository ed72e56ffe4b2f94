"""Incidents as a table: one row for each, with what its claims state together and its figures. Figures are given,
not made here: how one number comes out of claims that disagree is a rule of the question."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.datasets.columns import Column, Kind
from ledger.datasets.incidents import ALL_CLASSES, ByClass, Figure, Figures, Incident
from ledger.datasets.named_actors import NamedActor
from ledger.domain.codes import Outcome, PlacePrecision, VictimClass

NO_FIGURE = Figure(None, None, None)
CLASSES = (*(each.value for each in VictimClass), ALL_CLASSES)
UNDIVIDED = "undivided"
"""The column of numbers that are of all classes together."""


@dataclass(frozen=True)
class Described:
    """An incident with its figures and the names of its actors."""

    incident: Incident
    figures: Figures
    actors: Mapping[str, NamedActor]

    def place(self, name: str) -> Any:
        """A part of the place; None where it is not stated."""
        return (self.incident.place or {}).get(name) or None

    def point(self, name: str) -> float | None:
        """Latitude or longitude; zero is a place like any other."""
        return (self.incident.place or {}).get(name)

    def side(self, name: str) -> str | None:
        """The actor id of side `a` or `b`."""
        return getattr(self.incident.sides, name, None)

    def side_name(self, name: str) -> str | None:
        """The name of a side as registered, else its id."""
        side = self.side(name)
        named = self.actors.get(side or "")
        return named.name if named else side

    def number(self, outcome: str, bound: str) -> int | None:
        """`low`, `best` or `high` of an outcome."""
        found: int | None = getattr(self.figures.by_outcome.get(outcome, NO_FIGURE), bound)
        return found

    def remarks(self) -> Iterator[str]:
        """What deserves a look: of the incident, and of each outcome's figure."""
        yield from self.incident.remarks
        for outcome, figure in sorted(self.figures.by_outcome.items()):
            yield from (f"{outcome}:{remark}" for remark in (*figure.flags, *sorted(figure.left_out)))


IncidentColumn = Column[Described]


def _text(name: str, value: Callable[[Described], Any], tag: str = "") -> IncidentColumn:
    return Column(name, Kind.TEXT, value, tag)


def _integer(name: str, value: Callable[[Described], Any], tag: str = "") -> IncidentColumn:
    return Column(name, Kind.INTEGER, value, tag)


def _texts(name: str, value: Callable[[Described], Any], tag: str = "") -> IncidentColumn:
    return Column(name, Kind.TEXTS, value, tag)


def place_code(described: Described) -> int | None:
    """UCDP's number of the place's precision."""
    word = described.place("precision")
    return PlacePrecision(word).code if word else None


def _sources(described: Described) -> list[str]:
    return sorted({claim.source for claim in described.incident.claims if claim.source})


def _types(described: Described) -> list[str]:
    return sorted({claim.content["type"] for claim in described.incident.claims})


def _figure_columns(outcome: str, tag: str = "") -> Iterator[IncidentColumn]:
    """Low, best and high of an outcome, and the best number of each class of victims."""
    for bound in ("low", "best", "high"):
        yield _integer(f"{outcome}_{bound}", _bound(outcome, bound), tag if bound == "best" else "")
    for each in CLASSES:
        name = UNDIVIDED if each == ALL_CLASSES else each
        yield _integer(f"{outcome}_{name}", _best_of(ByClass(outcome, each)))


def _bound(outcome: str, bound: str) -> Callable[[Described], int | None]:
    return lambda of: of.number(outcome, bound)


def _best_of(key: ByClass) -> Callable[[Described], int | None]:
    return lambda of: of.figures.by_class.get(key, NO_FIGURE).best


COLUMNS: tuple[IncidentColumn, ...] = (
    _text("incident_id", lambda of: of.incident.incident_id),
    Column("date_start", Kind.DAY, lambda of: of.incident.occurred.start, "#date+start"),
    Column("date_end", Kind.DAY, lambda of: of.incident.occurred.end, "#date+end"),
    _integer("date_precision", lambda of: of.incident.occurred.precision.code),
    _text("place", lambda of: of.place("name"), "#loc+name"),
    _text("admin1", lambda of: of.place("admin1"), "#adm1+name"),
    _text("admin2", lambda of: of.place("admin2"), "#adm2+name"),
    _text("country", lambda of: of.place("country"), "#country+name"),
    _integer("place_precision", place_code),
    Column("latitude", Kind.NUMBER, lambda of: of.point("latitude"), "#geo+lat"),
    Column("longitude", Kind.NUMBER, lambda of: of.point("longitude"), "#geo+lon"),
    _texts("kinds_of_violence", lambda of: list(of.incident.kinds_of_violence)),
    _text("clarity", lambda of: of.incident.clarity),
    _text("side_a", lambda of: of.side("a")),
    _text("side_a_name", lambda of: of.side_name("a"), "#group+name+first"),
    _text("side_b", lambda of: of.side("b")),
    _text("side_b_name", lambda of: of.side_name("b"), "#group+name+second"),
    _texts("parties", lambda of: list(of.incident.parties)),
    *_figure_columns(Outcome.KILLED.value, "#affected+killed"),
    *(column for outcome in Outcome if outcome is not Outcome.KILLED for column in _figure_columns(outcome.value)),
    _integer("claims", lambda of: of.incident.claim_count),
    _integer("reports", lambda of: of.incident.report_count),
    _texts("claim_types", _types),
    _texts("sources", _sources, "#meta+source"),
    _texts("merged_incident_ids", lambda of: list(of.incident.merged_incident_ids)),
    _texts("remarks", lambda of: list(of.remarks())),
    Column("positions", Kind.INTEGERS, lambda of: [claim.position for claim in of.incident.claims]),
)
"""The table. Hashtags are those that HDX gives to the same columns of UCDP's data; it gives the others none."""

WORDS: tuple[IncidentColumn, ...] = (
    _text("date_precision_word", lambda of: of.incident.occurred.precision.value),
    _text("place_precision_word", lambda of: of.place("precision")),
)
"""The words of the precision codes, for who sees the properties of a point and no codebook."""
