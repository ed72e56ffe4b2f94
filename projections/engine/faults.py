"""Errors of a fold as they are told to operators: in a line, without the values that they were made of, which can
be personal data, and with a digest by which equal faults are known again."""

import re
import traceback
from dataclasses import dataclass
from hashlib import sha256

import psycopg

MAX_TOLD = 300
SCHEMA_STATES = ("23", "3F", "42")
"""Classes of SQLSTATE whose messages quote names of the schema, and no values."""
SCHEMA_STATE_LENGTH = 2
BYTES_STATE = "22021"
QUOTED = re.compile(r"(?<!\w)(['\"])(.*)\1", re.DOTALL)
"""From the first quotation mark to the last: what is quoted can itself hold some."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an event cannot be taken."""

    told: str
    digest: str
    """SHA-256, hexadecimal, of the error's type and the places that it came through."""


def fault_of(error: Exception) -> Fault:
    """The fault that an error of a fold is."""
    return Fault(_told(error)[:MAX_TOLD], _digest(error))


def _told(error: Exception) -> str:
    kind = type(error).__name__
    if isinstance(error, psycopg.Error):
        message = error.diag.message_primary or "no message"
        if error.sqlstate == BYTES_STATE:
            return kind  # the message is made of the bytes
        named = (error.sqlstate or "")[:SCHEMA_STATE_LENGTH] in SCHEMA_STATES
        return f"{kind}: {message if named else _without_values(message)}"
    faults = getattr(error, "errors", None)
    if callable(faults):
        return f"{kind}: " + "; ".join(_invalid(each) for each in faults())
    return f"{kind}: {_without_values(str(error))}".splitlines()[0]


def _invalid(fault: dict[str, object]) -> str:
    """A line of a validation; only validators of our own quote what was given."""
    place = fault["loc"]
    message = str(fault["msg"])
    said = _without_values(message) if fault["type"] == "value_error" else message
    return f"{'.'.join(map(str, place)) if isinstance(place, tuple) else place}: {said}"


def _without_values(message: str) -> str:
    return QUOTED.sub("…", message)


def _digest(error: Exception) -> str:
    """The first frame is the engine's own, and differs with what was tried."""
    places = [
        f"{frame.f_globals.get('__name__', '')}:{frame.f_code.co_qualname}:{line}"
        for frame, line in list(traceback.walk_tb(error.__traceback__))[1:]
    ]
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return sha256("\n".join((kind, *places)).encode()).hexdigest()
