"""Figures in words, what is left of a toll, the flags of a sum, and words as numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.codes import CountQualifier
from ledger.domain.values import Count
from projections.casualties.figures import (
    DESCRIPTIONS,
    FLAGS,
    NO_CLAIMS,
    REASONS,
    Figure,
    LeftOut,
    flags_of,
    in_conflict,
    left_out_of,
    residual,
)
from projections.casualties.question import GRADES, ClaimFilter, CountPolicy, Grouping, Question, ResolutionRule

BOUND = st.one_of(st.none(), st.integers(0, 5_000))
FIGURES = st.builds(Figure, BOUND, BOUND, BOUND)


def of_count(**count: object) -> Figure:
    """The figure of a single claim with this count."""
    stated = Count.model_validate(count)
    bounds = stated.bounds()
    return Figure(bounds.low, bounds.best, bounds.high, stated.qualifier)


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (of_count(qualifier="exact", stated=12), "12"),
        (of_count(qualifier="exact", stated=0), "0"),
        (of_count(qualifier="exact", stated=1800), "1,800"),
        (of_count(qualifier="about", stated=200), "about 200"),
        (of_count(qualifier="more_than", stated=1800), "more than 1,800"),
        (of_count(qualifier="more_than", stated=0), "more than 0"),
        (of_count(qualifier="at_least", stated=5), "at least 5"),
        (of_count(qualifier="at_most", stated=5), "at most 5"),
        (of_count(qualifier="less_than", stated=5), "fewer than 5"),
        (of_count(qualifier="between", low=10, high=20), "10–20"),
        (of_count(qualifier="between", low=10, best=12, high=20), "about 12 (10–20)"),
        (of_count(qualifier="vague", words="scores"), "unknown"),
        (of_count(qualifier="unknown"), "unknown"),
        (Figure(12, 12, None), "at least 12"),
        (Figure(12, 212, None), "about 212, at least 12"),
        (Figure(None, 200, 300), "about 200, at most 300"),
        (Figure(None, None, 20), "at most 20"),
        (Figure(20, 12, 20), "about 12 (20)"),
        (Figure(-5, -5, -5), "-5"),
        (NO_CLAIMS, "0"),
    ],
)
def test_a_figure_reads_as_its_source_put_it(figure: Figure, text: str) -> None:
    assert figure.text == text


@given(FIGURES)
def test_words_name_every_bound_that_is_stated(figure: Figure) -> None:
    for bound in (figure.low, figure.best, figure.high):
        # Nothing has to be said of a lower bound of zero below an upper one.
        if bound is not None and not (bound == 0 and figure.text.startswith("at most")):
            assert f"{bound:,}" in figure.text


@given(FIGURES)
def test_nothing_itemised_leaves_the_toll_as_it_is(claimed: Figure) -> None:
    assert residual(claimed, NO_CLAIMS) == claimed
    assert not in_conflict(residual(claimed, NO_CLAIMS))


@given(FIGURES, FIGURES)
def test_a_bound_that_is_open_stays_open(claimed: Figure, itemised: Figure) -> None:
    remaining = residual(claimed, itemised)
    for bound in ("low", "best", "high"):
        of_toll, of_claims = getattr(claimed, bound), getattr(itemised, bound)
        expected = None if of_toll is None or of_claims is None else of_toll - of_claims
        assert getattr(remaining, bound) == expected


def test_more_itemised_than_claimed_is_a_conflict() -> None:
    remaining = residual(Figure(10, 10, 10), Figure(11, 11, 11))
    assert remaining == Figure(-1, -1, -1)
    assert in_conflict(remaining)
    assert not in_conflict(residual(Figure(10, 10, None), Figure(10, 10, 10)))
    assert in_conflict(residual(Figure(10, 10, None), Figure(11, 9, 12)))


def flagged(low: int | None, best: int | None, high: int | None, *columns: str) -> list[str]:
    return flags_of({"low": low, "best": best, "high": high, **{each: each in columns for each in FLAGS}})


def test_flags_are_those_of_the_claims_and_of_their_sum() -> None:
    assert flagged(1, 1, 1) == []
    assert flagged(None, 200, None, "party_claim", "single_source", "aggregate") == [
        "PARTY_CLAIM",
        "SINGLE_SOURCE",
        "AGGREGATE",
    ]
    assert flagged(5, 3, 9) == ["LOW_ABOVE_BEST"]
    assert flagged(1, 10, 9) == ["BEST_ABOVE_HIGH"]
    assert flagged(1, 1, 1, "unregistered_actor", "low_above_best") == ["LOW_ABOVE_BEST", "UNREGISTERED_ACTOR"]


def test_every_reason_has_a_sentence_and_only_counted_ones_are_told() -> None:
    assert set(REASONS.values()) < set(DESCRIPTIONS)
    row = dict.fromkeys(REASONS, 0) | {"superseded": 2}
    assert left_out_of(row) == [LeftOut("SUPERSEDED", 2)]
    assert left_out_of(row)[0].description.endswith(".")


def test_the_names_of_policies_and_rules_are_those_of_the_answers() -> None:
    assert list(CountPolicy) == ["verbatim-1", "acled-2019", "ucdp-range"]
    assert list(ResolutionRule) == ["latest", "most_reliable", "envelope", "analyst"]


def test_a_filter_that_asks_nothing_leaves_out_only_what_was_found_not_to_hold() -> None:
    parameters = dict(ClaimFilter().parameters())
    assert parameters.pop("grades") == list(GRADES[1:])
    assert parameters.pop("exclude_aggregates") is False
    assert set(parameters.values()) == {None}


def test_a_question_is_parameters_and_no_text_of_it_is_a_query() -> None:
    question = Question(ClaimFilter(places=["'; DROP TABLE claims"]), [Grouping.DAY])
    parameters = question.parameters(7)
    assert parameters["places"] == ["'; DROP TABLE claims"]
    assert parameters["groupings"] == ["day"]
    assert parameters["position"] == 7


def test_every_qualifier_has_words() -> None:
    stated: dict[CountQualifier, dict[str, object]] = {
        CountQualifier.BETWEEN: {"low": 1, "high": 2},
        CountQualifier.VAGUE: {"words": "some"},
    }
    for qualifier in CountQualifier:
        count = stated.get(qualifier, {} if qualifier is CountQualifier.UNKNOWN else {"stated": 3})
        assert of_count(qualifier=qualifier, **count).text
