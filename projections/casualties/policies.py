"""How words become numbers: the count policies that change what a source stated. verbatim-1 and ucdp-range change
nothing (the bounds follow from the count itself), so only acled-2019 has a rule here."""

import re

from ledger.domain.codes import CountQualifier
from ledger.domain.values import Count

SEVERAL, DOZENS, HUNDREDS, UNCLEAR = 10, 12, 100, 0

_HUNDREDS = re.compile(r"\bhundreds\b", re.IGNORECASE)
_DOZENS = re.compile(r"\bdozens\b", re.IGNORECASE)
_SEVERAL = re.compile(r"\b(several|many|numerous|a number of|some|a few)\b", re.IGNORECASE)


def acled_number(count: Count) -> int:
    """acled-2019: one number for every count; a range or a bound gives its lowest, words give 10, 12, 100 or 0.

    "About 200" has no lowest, and gives 200.
    """
    bounds = count.bounds()
    if bounds.low is not None:
        return bounds.low
    if bounds.best is not None:
        return bounds.best
    return _of_words(count.words) if count.qualifier is CountQualifier.VAGUE else UNCLEAR


def _of_words(words: str) -> int:
    if _HUNDREDS.search(words):
        return HUNDREDS
    if _DOZENS.search(words):
        return DOZENS
    return SEVERAL if _SEVERAL.search(words) else UNCLEAR
