"""Tokens of pages: opaque to clients, readable to us. A token holds the key to go on after, the position that the
first page answered as of, so that all pages agree, and a digest of the question, so that it fits no other one."""

import base64
import json
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from google.protobuf.message import Message

from ledger.errors import InvalidRequestError, Violation

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000
DIGEST_BYTES = 8
MAX_TOKEN = 2_000
MAX_NUMBER = 2**63 - 1
"""What a position can be."""
PER_PAGE = ("page_size", "page_token", "min_position")
"""What may differ from page to page of one question."""


@dataclass(frozen=True)
class PageToken:
    """Where the next page begins: after this key, as of this position."""

    position: int
    key: tuple[Any, ...]


def page_size_of(request: Any, most: int = MAX_PAGE_SIZE, beside: str = "") -> int:
    """How many a page holds; 0 means the default. `beside` says why a page holds fewer than others."""
    size: int = request.page_size
    if not 0 <= size <= most:
        why = f"is {size}; give 1 to {most}{beside}, or 0 for {DEFAULT_PAGE_SIZE}"
        raise InvalidRequestError([Violation("page_size", why)])
    return size or DEFAULT_PAGE_SIZE


def write_token(request: Message, position: int, key: tuple[Any, ...]) -> str:
    """The token of the page after this key; its parts are text, whole numbers or days."""
    content = json.dumps([_digest(request), position, list(key)], separators=(",", ":"), default=str)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_token(request: Any, key_types: tuple[type, ...]) -> PageToken | None:
    """The request's token, None where it has none; refuses what we did not write for this question."""
    token: str = request.page_token
    if not token:
        return None
    try:
        if len(token) > MAX_TOKEN:
            raise ValueError("too long")
        digest, position, parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        key = tuple(_part(part, kind) for part, kind in zip(parts, key_types, strict=True))
        position = _part(position, int)
    except (ValueError, TypeError, RecursionError):
        why = "is not a token of this method; begin without one"
        raise InvalidRequestError([Violation("page_token", why)]) from None
    if digest != _digest(request):
        why = "belongs to another question; send the same fields as for the first page, or begin without one"
        raise InvalidRequestError([Violation("page_token", why)])
    return PageToken(position, key)


def _part(part: Any, kind: type) -> Any:
    if kind is date:
        return date.fromisoformat(part)
    fits = 0 <= part <= MAX_NUMBER if type(part) is int else "\0" not in part
    if type(part) is not kind or not fits:
        raise ValueError("is not what the key holds")
    return part


def _digest(request: Message) -> str:
    question = type(request)()
    question.CopyFrom(request)
    for field in PER_PAGE:
        if field in question.DESCRIPTOR.fields_by_name:
            question.ClearField(field)
    return sha256(question.SerializeToString(deterministic=True)).hexdigest()[: 2 * DIGEST_BYTES]
