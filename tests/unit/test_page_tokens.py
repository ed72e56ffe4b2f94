"""Tokens of pages: they come back as they went out, and anything else is refused with the field's name."""

import base64
import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident.ledger.v1 import ceasefire_service_pb2 as pb
from ledger.errors import InvalidRequestError
from projections.api.page_tokens import MAX_TOKEN, PageToken, page_size_of, read_token, write_token

KEY = (date(2020, 2, 12), 7)
KINDS = (date, int)


def asked(**fields: object) -> pb.ListViolationsRequest:
    return pb.ListViolationsRequest(violators=["russia"], **fields)  # type: ignore[arg-type]


def encoded(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_a_token_comes_back_as_it_went_out() -> None:
    token = write_token(asked(), 12, KEY)
    assert read_token(asked(page_token=token), KINDS) == PageToken(12, KEY)
    assert read_token(asked(), KINDS) is None


def test_page_size_and_min_position_may_change_from_page_to_page() -> None:
    token = write_token(asked(page_size=10), 12, KEY)
    assert read_token(asked(page_token=token, page_size=20, min_position=3), KINDS) == PageToken(12, KEY)


def test_another_question_is_refused() -> None:
    token = write_token(asked(), 12, KEY)
    with pytest.raises(InvalidRequestError, match="page_token: belongs to another question"):
        read_token(asked(page_token=token, occurred_from="2020-01-01"), KINDS)


DIGEST = json.loads(base64.urlsafe_b64decode(write_token(asked(), 12, KEY) + "=="))[0]
FORGED = [
    "x",
    "%%%",
    "a" * (MAX_TOKEN + 1),
    base64.urlsafe_b64encode(b"[" * 1_400).decode().rstrip("="),
    *map(
        encoded,
        [
            None,
            7,
            [DIGEST, 12],
            [DIGEST, 12, ["2020-02-12"]],
            [DIGEST, 12, ["2020-02-12", 7, 8]],
            [DIGEST, 12, ["no day", 7]],
            [DIGEST, 12, [7, 7]],
            [DIGEST, 12, ["2020-02-12", "7"]],
            [DIGEST, 12, ["2020-02-12", -7]],
            [DIGEST, 12, ["2020-02-12", 2**63]],
            [DIGEST, 12, ["2020-02-12", True]],
            [DIGEST, -1, ["2020-02-12", 7]],
            [DIGEST, "12", ["2020-02-12", 7]],
        ],
    ),
]


@pytest.mark.parametrize("token", FORGED)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequestError, match="page_token: is not a token"):
        read_token(asked(page_token=token), KINDS)


@given(st.text(max_size=50).filter(bool))
def test_no_text_breaks_it(token: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_token(asked(page_token=token), KINDS)


def test_a_key_of_text_holds_no_nul() -> None:
    request = pb.ListCeasefiresRequest()
    request.page_token = write_token(pb.ListCeasefiresRequest(), 1, ("north\0",))
    with pytest.raises(InvalidRequestError):
        read_token(request, (str,))


def test_page_sizes() -> None:
    assert [page_size_of(asked(page_size=size)) for size in (0, 1, 1_000)] == [100, 1, 1_000]
    for size in (-1, 1_001):
        with pytest.raises(InvalidRequestError, match="page_size"):
            page_size_of(asked(page_size=size))
