"""The layout of the UCDP Georeferenced Event Dataset, of 41 columns as in its Syria release, and the words for
what does not fit into it. It knows no incident."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

COLUMNS = (
    *("id", "year", "active_year", "type_of_violence", "conflict_new_id", "conflict_name", "dyad_new_id"),
    *("dyad_name", "side_a_new_id", "side_a", "side_b_new_id", "gwnob", "side_b", "number_of_sources"),
    *("source_article", "source_office", "source_date", "source_headline", "source_original", "where_prec"),
    *("where_coordinates", "adm_1", "adm_2", "latitude", "longitude", "geom_wkt", "priogrid_gid", "country"),
    *("country_id", "region", "event_clarity", "date_prec", "date_start", "date_end", "deaths_a", "deaths_b"),
    *("deaths_civilians", "deaths_unknown", "low", "best", "high"),
)
"""The layout, in its order."""
NOT_KEPT = frozenset(
    (
        *("active_year", "conflict_name", "dyad_name", "gwnob", "source_article", "source_office", "source_date"),
        *("source_headline", "source_original", "priogrid_gid", "country_id", "region"),
    )
)
"""Columns that are always empty: the ledger does not keep what they hold."""
NAME = "ucdp-ged"
"""Of the dataset, in commands and ids."""
INCIDENTS = "ucdp-"
"""How the ids of incidents begin that come from UCDP's data."""
RELEASE, CONFLICT, DYAD = f"{NAME}-release", "ucdp-conflict", "ucdp-dyad"
"""Schemes of the ids of a row's source."""
UNKNOWN_SOURCES = "-1"


class LeftOut(StrEnum):
    """Why an incident has no row."""

    NO_DEATHS = "NO_DEATHS"
    UNRESOLVED_WORDS = "UNRESOLVED_WORDS"
    NO_BEST = "NO_BEST"
    NO_POINT = "NO_POINT"


class Note(StrEnum):
    """What is to be known of a row beside its cells."""

    DATE_PRECISION = "DATE_PRECISION"
    BOUND_NOT_STATED = "BOUND_NOT_STATED"
    SIDES_NOT_STATED = "SIDES_NOT_STATED"
    PARTY_NOT_A_SIDE = "PARTY_NOT_A_SIDE"
    CONTRACTORS = "CONTRACTORS"
    KIND_NOT_STATED = "KIND_NOT_STATED"
    SUPERSEDED = "SUPERSEDED"
    CLAIMS_DIFFER = "CLAIMS_DIFFER"


DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        LeftOut.NO_DEATHS: "No claim that counts says how many were killed; unknown is not zero.",
        LeftOut.UNRESOLVED_WORDS: "A claim says in words alone how many were killed, and the layout has no words.",
        LeftOut.NO_BEST: "A claim states bounds of the killed without a best number, which the layout needs.",
        LeftOut.NO_POINT: "No claim states a point, which the layout needs.",
        Note.DATE_PRECISION: "The date is known to more than a year; date_prec is 5, the coarsest of the layout.",
        Note.BOUND_NOT_STATED: "No lower or no upper bound is stated; its cell is empty.",
        Note.SIDES_NOT_STATED: "The claims do not name two sides; their cells are empty, and troops are unknown.",
        Note.PARTY_NOT_A_SIDE: "Troops of a party that is neither side, or of none stated, are in deaths_unknown.",
        Note.CONTRACTORS: "Civilians who work for a force are in deaths_civilians.",
        Note.KIND_NOT_STATED: "The kind of violence is not stated, or claims differ in it; its cell is empty.",
        Note.SUPERSEDED: "Claims compete about one number; the rule took one of them.",
        Note.CLAIMS_DIFFER: "Claims differ in date, place, kind or clarity, or some of very many were not read.",
    }
)
