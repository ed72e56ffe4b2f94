"""Answers in pages, gathered up to a limit. The size of a page is bounded; what lies beyond is told, not hidden."""

from collections.abc import Callable
from typing import Any

MAX_PAGE = 1_000
"""The most that a server gives in one page."""


def whole(ask: Callable[..., Any], request: Any, items: str, limit: int, timeout: float) -> Any:
    """One answer with the items of all its pages; it keeps the token of what lies beyond the limit."""
    request.page_size = min(limit, MAX_PAGE)
    gathered = answer = ask(request, timeout=timeout)
    left = limit - len(getattr(answer, items))
    while left > 0 and answer.next_page_token:
        request.page_size = min(left, MAX_PAGE)
        request.page_token = answer.next_page_token
        answer = ask(request, timeout=timeout)
        getattr(gathered, items).extend(getattr(answer, items))
        left -= len(getattr(answer, items))
    gathered.next_page_token = answer.next_page_token
    return gathered
