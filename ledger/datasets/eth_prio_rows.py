"""Ceasefires as rows in the layout of the ETH/PRIO dataset: one for each party, with the codes of its codebook.
What nobody states is -1, what does not apply is 0; a column that the ledger does not keep is not written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.datasets.columns import Column, Kind
from ledger.datasets.eth_prio import NAME, OF_PAX, PROVISIONS, PURPOSES
from ledger.datasets.named_actors import UCDP, NamedActor
from ledger.datasets.partial_dates import DECLARED, EFFECTIVE, ENDED, PARTS, UNKNOWN
from ledger.domain.agreements import AgreementTerms
from ledger.domain.codes import CeasefireEnding, Code
from ledger.domain.values import OccurredInterval

NOT_APPLICABLE = 0
COLUMNS = (
    *("cf_id", "location", "ucdp_actor_id", "actor_name", *OF_PAX),
    *(f"{which}_{part}" for which in (DECLARED, EFFECTIVE) for part in PARTS),
    *("side", "ceasefire_class", "partial", "written", "fixed", "fixed_time", *PURPOSES, "mediator_nego"),
    *("implement", *PROVISIONS, "ended", *(f"{ENDED}_{part}" for part in PARTS)),
)


class Left(StrEnum):
    """Why an agreement has no row."""

    NO_PARTY = "NO_PARTY"
    NOT_A_CEASEFIRE_YET = "NOT_A_CEASEFIRE_YET"


DESCRIPTIONS: Mapping[str, str] = {
    Left.NO_PARTY: "Nobody says whose ceasefire it is; a row is of one party.",
    Left.NOT_A_CEASEFIRE_YET: "It was proposed, and neither declared nor signed.",
}


@dataclass(frozen=True)
class PartyDates:
    """When a party declared or signed, and when it took effect for it."""

    declared: OccurredInterval | None = None
    effective: OccurredInterval | None = None


@dataclass(frozen=True)
class Ceasefire:
    """An agreement as of a day in the world."""

    agreement_id: str
    terms: AgreementTerms
    parties: Mapping[str, PartyDates] = field(default_factory=dict)
    ending: CeasefireEnding | None = None
    """None while it goes on."""
    ended: OccurredInterval | None = None
    """Of a term that ran out, its last day."""


class NotInLayoutError(Exception):
    """An agreement without a row, and why."""

    def __init__(self, reason: Left) -> None:
        super().__init__(reason)
        self.reason = reason


def columns() -> tuple[Column[Mapping[str, str]], ...]:
    """The layout: every cell is text, as in the dataset's own files."""
    return tuple(Column(name, Kind.TEXT, lambda cells, name=name: cells[name]) for name in COLUMNS)  # type: ignore[misc]


def rows_of(ceasefire: Ceasefire, actors: Mapping[str, NamedActor]) -> Iterator[Mapping[str, str]]:
    """The rows of an agreement; NotInLayoutError where it has none."""
    if not ceasefire.parties:
        raise NotInLayoutError(Left.NO_PARTY)
    taken = {party: dates for party, dates in ceasefire.parties.items() if dates.declared or dates.effective}
    if not taken:
        raise NotInLayoutError(Left.NOT_A_CEASEFIRE_YET)
    common = _common(ceasefire, actors)
    for party, dates in sorted(taken.items()):
        named = actors.get(party)
        yield {
            **common,
            "ucdp_actor_id": named.ids.get(UCDP, str(UNKNOWN)) if named else str(UNKNOWN),
            "actor_name": named.name if named else party,
            **_date(DECLARED, dates.declared, UNKNOWN),
            **_date(EFFECTIVE, dates.effective, NOT_APPLICABLE),
        }


def _common(ceasefire: Ceasefire, actors: Mapping[str, NamedActor]) -> dict[str, str]:
    terms = ceasefire.terms
    ids = {each.scheme: each.id for each in reversed(terms.external_ids)}
    hours = terms.fixed_term_hours
    return {
        "cf_id": ids.get(NAME, ceasefire.agreement_id),
        "location": (terms.zone.country or terms.zone.name) if terms.zone else "",
        **{column: ids.get(scheme, str(UNKNOWN)) for column, scheme in OF_PAX.items()},
        "side": _number(terms.side),
        "ceasefire_class": _number(terms.ceasefire_class),
        "partial": _flag(terms.partial),
        "written": _flag(terms.written),
        "fixed": str(int(hours is not None or terms.ends is not None)),
        "fixed_time": _term(hours),
        **{column: str(int(word in terms.purposes)) for column, word in PURPOSES.items()},
        "mediator_nego": "; ".join(_names(terms.mediators, actors)),
        "implement": str(int(bool(terms.monitoring_mechanism))),
        **{column: str(int(word in terms.provisions)) for column, word in PROVISIONS.items()},
        "ended": str(NOT_APPLICABLE if ceasefire.ending is None else ceasefire.ending.code),
        **_date(ENDED, ceasefire.ended, NOT_APPLICABLE if ceasefire.ending is None else UNKNOWN),
    }


def _names(ids: Sequence[str], actors: Mapping[str, NamedActor]) -> list[str]:
    return [actors[each].name if each in actors else each for each in ids]


def _number(code: Code | None) -> str:
    return str(UNKNOWN if code is None else code.code)


def _flag(stated: bool | None) -> str:
    return str(UNKNOWN if stated is None else int(stated))


def _term(hours: int | None) -> str:
    if hours is None:
        return str(NOT_APPLICABLE)
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"


def _date(which: str, interval: OccurredInterval | None, absent: int) -> dict[str, str]:
    """Year, month and day, as far as the whole interval lies in one of each."""
    if interval is None:
        parts = [absent, absent, absent]
    else:
        start, end = interval.start, interval.end
        in_year = start.year == end.year
        in_month = in_year and start.month == end.month
        parts = [
            start.year if in_year else UNKNOWN,
            start.month if in_month else UNKNOWN,
            start.day if start == end else UNKNOWN,
        ]
    return {f"{which}_{part}": str(value) for part, value in zip(PARTS, parts, strict=True)}
