"""The common parts of claims: dates that cannot be mistaken, counts that invent nothing, places with precision."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from ledger.domain.casualties import TroopsKilled
from ledger.domain.codes import Code, CountQualifier, DatePrecision, PlacePrecision, Verification
from ledger.domain.hostilities import ActReference
from ledger.domain.notices import BEST_ABOVE_HIGH, LOW_ABOVE_BEST, bound_flags
from ledger.domain.values import (
    MAX_COUNT,
    MAX_ITEMS,
    Attribution,
    Count,
    Evidence,
    OccurredInterval,
    Place,
    Published,
    Source,
)

DAY = date(2020, 2, 10)
ANKARA = timezone(timedelta(hours=3))
NOT_DAYS = (
    2020,
    20200210,
    1581292800,
    1581292800.0,
    True,
    "2020",
    "0",
    "86400",
    "20200210",
    "1581292800",
    "2020-2-10",
    "2020-W07",
    "2020-W07-1",
    "2020-041",
    "2020-02-30",
    "2020-02-10 ",
    "10.02.2020",
    b"2020-02-10",
    "",
)

published = TypeAdapter[date | datetime](Published)
numbers = st.integers(0, MAX_COUNT)


def refused(model: type[BaseModel], content: Any) -> str:
    """What validation says of a content that it must refuse."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(content)
    return str(caught.value)


@pytest.mark.parametrize("given_day", [DAY, "2020-02-10"])
def test_a_bare_date_is_that_one_day(given_day: object) -> None:
    interval = OccurredInterval.model_validate(given_day)
    assert interval == OccurredInterval(start=DAY, end=DAY, precision=DatePrecision.DAY)


@pytest.mark.parametrize("end", [{}, {"end": None}, {"end": ""}])
def test_a_start_alone_is_also_the_end(end: dict[str, Any]) -> None:
    interval = OccurredInterval.model_validate({"start": "2020-02-10", "precision": 1, **end})
    assert (interval.start, interval.end) == (DAY, DAY)


def test_the_precision_is_not_guessed() -> None:
    assert "precision" in refused(OccurredInterval, {"start": "2020-02-10"})


@pytest.mark.parametrize("given_day", NOT_DAYS)
def test_what_only_passes_for_a_date_is_refused(given_day: object) -> None:
    refused(OccurredInterval, given_day)
    refused(OccurredInterval, {"start": given_day, "end": "2020-02-29", "precision": "month"})
    with pytest.raises(ValidationError):
        published.validate_python(given_day)


def test_the_refusal_of_a_year_says_how_to_write_a_date() -> None:
    said = refused(OccurredInterval, {"start": 2020, "end": 2020, "precision": "year"})
    assert "2020 is not a date; write it as YYYY-MM-DD" in said


@given(st.dates(), st.dates(), st.sampled_from(DatePrecision))
def test_an_interval_is_in_order_or_refused(one: date, other: date, precision: DatePrecision) -> None:
    content = {"start": one, "end": other, "precision": precision}
    if other < one:
        said = refused(OccurredInterval, content)
        assert f"ends on {other}, before it starts on {one}; exchange start and end" in said
    else:
        interval = OccurredInterval.model_validate(content)
        assert interval.within(one, other)
        assert OccurredInterval.model_validate_json(interval.model_dump_json()) == interval
        if other > one:
            assert not interval.within(one, other - timedelta(1))
            assert not interval.within(one + timedelta(1), other)


def test_a_publication_is_a_day_or_a_moment_as_it_is_written() -> None:
    assert published.validate_python("2020-02-12") == date(2020, 2, 12)
    assert type(published.validate_python("2020-02-12")) is date
    midnight = datetime(2020, 2, 12, tzinfo=UTC)
    for written in ("2020-02-12T00:00:00Z", "2020-02-12 00:00Z", "2020-02-12T03:00:00+03:00", midnight):
        moment = published.validate_python(written)
        assert isinstance(moment, datetime)
        assert moment == midnight


@pytest.mark.parametrize("written", ["2020-02-12T10:00:00", "2020-02-12T00:00", datetime(2020, 2, 12)])
def test_a_moment_without_its_zone_is_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="has no time zone"):
        published.validate_python(written)


@given(st.one_of(st.dates(), st.datetimes(timezones=st.sampled_from([UTC, ANKARA]))))
def test_a_publication_reads_back_as_what_it_was(moment: date | datetime) -> None:
    back = published.validate_json(published.dump_json(moment))
    assert type(back) is type(moment)
    assert back == moment


@pytest.mark.parametrize(
    ("qualifier", "bounds"),
    [
        (CountQualifier.EXACT, (5, 5, 5)),
        (CountQualifier.AT_LEAST, (5, 5, None)),
        (CountQualifier.MORE_THAN, (6, 6, None)),
        (CountQualifier.AT_MOST, (0, None, 5)),
        (CountQualifier.LESS_THAN, (0, None, 4)),
        (CountQualifier.ABOUT, (None, 5, None)),
    ],
)
def test_bounds_follow_from_the_words(qualifier: CountQualifier, bounds: tuple[int | None, ...]) -> None:
    found = Count(qualifier=qualifier, stated=5).bounds()
    assert (found.low, found.best, found.high) == bounds


def test_more_than_1800_has_an_open_upper_bound() -> None:
    count = Count(qualifier=CountQualifier.MORE_THAN, stated=1800, words="more than 1,800")
    assert count.bounds().model_dump() == {"low": 1801, "best": 1801, "high": None}


def test_between_takes_both_ends_and_the_best_where_one_is_given() -> None:
    between = {"qualifier": "between", "low": 10, "high": 20}
    assert Count.model_validate(between).bounds().model_dump() == {"low": 10, "best": None, "high": 20}
    assert Count.model_validate({**between, "best": 12}).bounds().best == 12
    for missing in ("low", "high"):
        said = refused(Count, {**{k: v for k, v in between.items() if k != missing}, "stated": 15})
        assert "needs `low` and `high`" in said


@pytest.mark.parametrize("qualifier", [CountQualifier.VAGUE, CountQualifier.UNKNOWN])
def test_words_without_a_number_have_no_bounds(qualifier: CountQualifier) -> None:
    count = Count(qualifier=qualifier, words="scores")
    assert count.bounds().model_dump() == {"low": None, "best": None, "high": None}


def test_every_qualifier_is_covered_above() -> None:
    stated = {CountQualifier(word) for word in ("exact", "at_least", "more_than", "at_most", "less_than", "about")}
    assert stated | {CountQualifier.BETWEEN, CountQualifier.VAGUE, CountQualifier.UNKNOWN} == set(CountQualifier)


@given(
    st.sampled_from(CountQualifier),
    st.none() | numbers,
    st.none() | numbers,
    st.none() | numbers,
    st.none() | numbers,
)
def test_bounds_never_invent_a_number(
    qualifier: CountQualifier, stated: int | None, low: int | None, best: int | None, high: int | None
) -> None:
    given_numbers = {"stated": stated, "low": low, "best": best, "high": high}
    try:
        count = Count.model_validate({"qualifier": qualifier, "words": "so many", **given_numbers})
    except ValidationError:
        return
    bounds = count.bounds().model_dump()
    for name in ("low", "best", "high"):
        if given_numbers[name] is not None:
            assert bounds[name] == given_numbers[name], "an explicit bound is kept as it is"
        elif bounds[name] is not None:
            assert stated is not None
            assert bounds[name] - stated in (-1, 0, 1) or (name, bounds[name]) == ("low", 0)
    if all(number is None for number in given_numbers.values()):
        assert set(bounds.values()) == {None}
    if high is None and qualifier not in (
        CountQualifier.EXACT,
        CountQualifier.AT_MOST,
        CountQualifier.LESS_THAN,
    ):
        assert bounds["high"] is None, "an open upper bound is absent, never a number"


def test_a_bare_number_is_exact_and_zero_is_not_unknown() -> None:
    assert Count.model_validate(7) == Count(qualifier=CountQualifier.EXACT, stated=7)
    assert Count.model_validate(0).bounds().model_dump() == {"low": 0, "best": 0, "high": 0}
    assert "has no number" in refused(Count, {"qualifier": "unknown", "stated": 0})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (-1, "greater than or equal to 0"),
        ({"qualifier": "exact", "stated": -1}, "greater than or equal to 0"),
        ({"qualifier": "between", "low": -1, "high": 5}, "greater than or equal to 0"),
        ({"qualifier": "between", "low": 1, "high": -5}, "greater than or equal to 0"),
        ({"qualifier": "about", "best": -5}, "greater than or equal to 0"),
        ({"qualifier": "exact", "stated": MAX_COUNT + 1}, "less than or equal to"),
        ({"qualifier": "exact", "stated": 1.5}, "integer"),
        ({"qualifier": "exact", "stated": True}, "is not a number"),
        (True, "valid dictionary"),
        ("five", "valid dictionary"),
        ({"qualifier": "exact"}, "needs a number"),
        ({"qualifier": "at_least", "words": "many"}, "needs a number"),
        ({"qualifier": "vague"}, "needs the words as written"),
        ({"qualifier": "less_than", "stated": 0}, "fewer than 0 is no count"),
        ({"qualifier": "scores", "stated": 1}, "qualifier"),
        ({"qualifier": "exact", "stated": 1, "estimate": 2}, "estimate"),
    ],
)
def test_what_is_no_count_is_refused(content: object, why: str) -> None:
    assert why in refused(Count, content)


def test_contradicting_bounds_are_kept_and_flagged() -> None:
    count = Count.model_validate({"qualifier": "between", "low": 9, "best": 5, "high": 3})
    assert [flag for flag, _ in bound_flags(count)] == [LOW_ABOVE_BEST, BEST_ABOVE_HIGH]
    assert list(bound_flags(Count.model_validate({"qualifier": "between", "low": 1, "best": 2, "high": 3}))) == []
    assert list(bound_flags(Count.model_validate({"qualifier": "at_most", "stated": 3}))) == []


def test_a_point_is_whole_and_on_the_globe() -> None:
    idlib = {"name": "Idlib", "precision": 1}
    assert Place.model_validate({**idlib, "latitude": 0, "longitude": 0}).latitude == 0.0
    assert Place.model_validate(idlib).precision is PlacePrecision.EXACT
    for half in ("latitude", "longitude"):
        assert "give both or neither" in refused(Place, {**idlib, half: 35.9})
    for outside in (
        {"latitude": 90.1, "longitude": 0},
        {"latitude": 0, "longitude": -180.1},
        {"latitude": float("nan"), "longitude": 0},
        {"latitude": float("inf"), "longitude": 0},
    ):
        refused(Place, {**idlib, **outside})


def test_a_place_has_a_precision() -> None:
    assert "precision" in refused(Place, {"name": "Idlib"})
    assert "precision" in refused(Place, {"name": "Idlib", "precision": 8})
    assert "precision" in refused(Place, {"name": "Idlib", "precision": 0})


@pytest.mark.parametrize("code", Code.__subclasses__(), ids=lambda code: code.__name__)
def test_a_code_is_known_by_its_word_and_by_its_number(code: type[Code]) -> None:
    adapter = TypeAdapter(code)
    codes = [member.code for member in code if member.code is not None]
    assert len(set(codes)) == len(codes)
    for member in code:
        assert adapter.validate_python(member.value) is member
        assert adapter.validate_json(f'"{member.value}"') is member
        if member.code is not None:
            assert adapter.validate_python(member.code) is member
            assert adapter.validate_json(str(member.code)) is member
    for wrong in (True, None, "", "no such word", 99):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_a_text_on_one_line_has_no_control_character_and_no_lone_surrogate() -> None:
    for wrong in ("two\nlines", "tab\t", "nul\x00", "delete\x7f", "\ud800", "x" * 201):
        refused(Evidence, {"media_type": wrong})
    for wrong in ("nul\x00", "\ud800"):
        refused(TroopsKilled, claim(words=wrong))
    assert TroopsKilled.model_validate(claim(words="two\nlines, «إدلب»")).words == "two\nlines, «إدلب»"


def test_an_archive_s_address_may_hold_another_one_and_no_space() -> None:
    archived = "https://archive.example/20200212/https://outlet.example/" + "x" * 500
    assert Evidence.model_validate({"archive_url": archived}).archive_url == archived
    for wrong in ("https://example/a b", "x" * 2_049, "two\nlines"):
        refused(Evidence, {"url": wrong})


@pytest.mark.parametrize("wrong", ["", "Idlib", "-idlib", "idlib attack", "idlib\n", "ïdlib", "a/b", "x" * 129, 7])
def test_an_id_is_refused_that_would_not_make_a_stream(wrong: object) -> None:
    refused(TroopsKilled, claim(incident_id=wrong))
    refused(TroopsKilled, claim(victim_party=wrong))


def test_somebody_is_named_and_something_is_referred_to() -> None:
    assert "names nobody" in refused(Attribution, {"role": "party"})
    assert "refers to one act" in refused(ActReference, {})
    event_id = "3f0c5b0e-6a52-4b0e-9c57-0d1f2a9b8c7d"
    assert "refers to one act" in refused(ActReference, {"incident_id": "idlib", "event_id": event_id})
    refused(ActReference, {"event_id": event_id.upper()})


def test_a_source_has_a_name_on_one_line() -> None:
    for wrong in ("", "two\nlines", "x" * 201):
        refused(Source, {"name": wrong})


def test_what_is_listed_is_bounded() -> None:
    one = {"scheme": "gw", "id": "652"}
    Source.model_validate({"name": "Outlet", "external_ids": [one] * MAX_ITEMS})
    assert "at most 200 items" in refused(Source, {"name": "Outlet", "external_ids": [one] * (MAX_ITEMS + 1)})


def test_no_claim_is_filed_as_retracted() -> None:
    assert "ClaimRetracted" in refused(TroopsKilled, claim(verification="retracted"))


def test_values_are_frozen() -> None:
    count = Count.model_validate(5)
    with pytest.raises(ValidationError, match="frozen"):
        count.stated = 6  # type: ignore[misc]


def test_the_default_verification_is_not_yet_assessed() -> None:
    assert TroopsKilled.model_validate(claim()).verification is Verification.REPORTED


def claim(**changed: Any) -> dict[str, Any]:
    """A claim of five troops killed."""
    content = {
        "type": "TroopsKilled",
        "occurred": "2020-02-10",
        "incident_id": "idlib-2020-02-10",
        "victim_party": "turkey",
        "count": 5,
    }
    return content | changed
