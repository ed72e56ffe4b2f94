"""Asks one witness over HTTP (C2SP tlog-witness, `add-checkpoint`), and believes nothing but its signature.
What comes back is bounded in size and time; no redirect is followed."""

import re
import time
from collections.abc import Awaitable, Callable

import aiohttp

from ledger.audit.cosignatures import CosignerKey
from ledger.audit.merkle import MAX_TREE_SIZE
from ledger.audit.notes import NoteError, parts, signature_line, signatures
from ledger.audit.policies import Witness
from ledger.audit.witnessing import ADD_CHECKPOINT, CONFLICT, OK, UNPROVEN, Request
from ledger.errors import LedgerError, NotFoundError
from ledger.persistence.signing import Issued
from ledger.persistence.tree import Consistency

ANSWER_SECONDS = 4.0
"""For all that one witness is asked at a time."""
MAX_ANSWER_BYTES = 64 * 1024
MAX_CONNECTIONS = 64
TRIES = 3
"""A size that is not the witness's is corrected by its answer; another process may be faster once more."""
AHEAD_SECONDS = 300
"""By how much a witness's clock may be fast."""
SHOWN = 80
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")

Prove = Callable[[int, int], Awaitable[Consistency]]
"""That the tree of one size begins with that of another; NotFoundError where there are not so many events."""


class NotCosignedByError(Exception):
    """A witness did not cosign, and why."""


class AlarmError(NotCosignedByError):
    """The witness has seen another history than this one."""


class LaterSeenError(NotCosignedByError):
    """The witness has cosigned a later checkpoint of the same history: another process has sent it meanwhile."""


class WitnessClient:
    """Connections to witnesses, opened when they are first needed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    async def cosignature(self, witness: Witness, issued: Issued, sizes: dict[str, int], prove: Prove) -> str:
        """The line with which a witness cosigns a checkpoint; NotCosignedByError. `sizes` says what each witness
        has seen, and learns."""
        key = str(witness.key)
        for _ in range(TRIES):
            old = min(sizes.get(key, 0), issued.size)
            status, body = await self._post(witness.url, await _request(issued, old, prove))
            if status == OK:
                line = _verified(witness.key, issued.note, body)
                sizes[key] = issued.size
                return line
            if status == UNPROVEN:
                raise AlarmError(f"says that the ledger does not continue the {old} events that it has seen")
            if status != CONFLICT:
                raise NotCosignedByError(f"answers {status} {body[:SHOWN]!r}")
            sizes[key] = await _corrected(body, old, issued, prove)
        raise NotCosignedByError("says otherwise each time how many events it has seen")

    async def _post(self, url: str, request: Request) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity", "User-Agent": "incident-ledger"},
                auto_decompress=False,
            )
        try:
            sent = request.text().encode()
            async with self._session.post(url + ADD_CHECKPOINT, data=sent, allow_redirects=False) as answer:
                body = b""
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES:
                        raise NotCosignedByError(f"answers with more than {MAX_ANSWER_BYTES} bytes")
                return answer.status, body
        except TimeoutError as error:
            raise NotCosignedByError(f"does not answer within {ANSWER_SECONDS:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotCosignedByError(f"cannot be asked: {error}") from error


async def _request(issued: Issued, old: int, prove: Prove) -> Request:
    try:
        proof = await prove(old, issued.size)
    except LedgerError as error:
        raise NotCosignedByError(f"cannot be asked: {error}") from error
    return Request(old, tuple(proof.hashes), issued.note)


async def _corrected(body: bytes, old: int, issued: Issued, prove: Prove) -> int:
    """How many events a witness says that it has seen, where that is not what it was asked with."""
    found = _SIZE.fullmatch(body)
    seen = int(found[1]) if found is not None else -1
    if old == issued.size and seen in (-1, old):
        raise AlarmError(f"has cosigned another history of {old} events")
    if not 0 <= seen <= MAX_TREE_SIZE or seen == old:
        raise NotCosignedByError(f"answers {CONFLICT}, and not with another size: {body[:SHOWN]!r}")
    if seen > issued.size:
        try:
            await prove(issued.size, seen)
        except NotFoundError as error:
            raise AlarmError(
                f"has seen {seen} events, and there are not so many: was the ledger set back?"
            ) from error
        except LedgerError as error:
            why = f"has seen {seen} events, and whether there are so many cannot be told: {error}"
            raise NotCosignedByError(why) from error
        raise LaterSeenError(f"has cosigned a later checkpoint, of {seen} events")
    return seen


def _verified(key: CosignerKey, note: str, body: bytes) -> str:
    """The line of an answer that is this witness's, whatever else is there."""
    try:
        text, found = parts(note)[0], signatures(body.decode())
    except (NoteError, UnicodeDecodeError) as error:
        raise NotCosignedByError(f"answers with what is no signature: {body[:SHOWN]!r}") from error
    for each in found:
        at = key.time_of(text, each.signature) if (each.name, each.key_id) == (key.name, key.id) else None
        if at is not None and at <= time.time() + AHEAD_SECONDS:
            return signature_line(key, each.signature)
    raise NotCosignedByError(
        "answers without a cosignature of its own key on this checkpoint, or with one of the future"
    )
