"""A ledger asks its witnesses over HTTP: honest ones, ones that are away, and ones that answer whatever they like.
A quorum is enough, nobody's word counts but a signature, and who has seen another history is told as an error."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ledger.api import witness_client, witness_server, witnesses
from ledger.api.witness_server import WitnessServer
from ledger.api.witnesses import Witnesses
from ledger.audit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.audit.cosignatures import CosigningKey, cosignatures
from ledger.audit.notes import SignerKey
from ledger.audit.policies import Policy, parse
from ledger.audit.witnessing import Request, known_logs
from ledger.errors import NotCosignedError, NotFoundError, UnavailableError
from ledger.persistence.signing import Issued
from ledger.persistence.tree import Consistency
from ledger.persistence.witnessed import Witness
from tests.forged import Grown

LOG = SignerKey("ledger.example/main", bytes(32))
NAMES = ("one", "two", "three")
KEYS = {name: CosigningKey(f"witness.example/{name}", name.encode().ljust(32)) for name in NAMES}
TRUE = Grown([b"%d" % number for number in range(60)])
FORKED = Grown([b"%d" % number for number in range(10)] + [b"forked %d" % number for number in range(50)])
AWAY = "http://127.0.0.1:1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ledger:
    """A ledger that signs what it has, and proves what it can."""

    def __init__(self, size: int = 7, tree: Grown = TRUE) -> None:
        self.size = size
        self.tree = tree

    async def issue(self) -> Issued:
        checkpoint = Checkpoint(LOG.name, self.size, self.tree.roots[self.size])
        return Issued(sign_checkpoint(checkpoint, [LOG]), self.size)

    async def prove(self, first: int, second: int) -> Consistency:
        if not first <= second <= self.size:
            raise NotFoundError(kind="tree of size", id=second)
        claim = self.tree.consistency(first, second)
        return Consistency(list(claim.proof), claim.first_root, second, claim.second_root)


class Panel:
    """Witnesses on loopback, by name; each can be replaced by a handler of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.urls = dict.fromkeys(NAMES, AWAY)
        self.asked: list[str] = []
        """Names, in the order of requests; those of handlers of a test only."""
        self._stops: list[Callable[[], Awaitable[None]]] = []

    async def start(self, *names: str) -> None:
        """Honest ones."""
        for name in names:
            witness = Witness(self.folder / name, KEYS[name], known_logs([LOG.verifier()]))
            server = WitnessServer(witness)
            self.urls[name] = "http://" + await server.start("127.0.0.1:0")
            self._stops.append(server.stop)

    async def replace(self, name: str, handler: Handler) -> None:
        """One that answers as a test says."""

        async def counted(request: web.Request) -> web.StreamResponse:
            self.asked.append(name)
            return await handler(request)

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", counted)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.urls[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._stops.append(runner.cleanup)

    def policy(self, needed: int = 2) -> Policy:
        return parse(self.lines(needed))

    def lines(self, needed: int = 2) -> str:
        lines = [f"witness {name} {key.verifier()} {self.urls[name]}" for name, key in KEYS.items()]
        return "\n".join([*lines, f"group all {needed} {' '.join(NAMES)}", "quorum all", ""])

    def asking(self, folder: Path, needed: int = 2, *, must_meet: bool = True) -> Witnesses:
        asking = Witnesses(self.policy(needed), folder, must_meet=must_meet)
        self._stops.append(asking.close)
        return asking

    async def stop(self) -> None:
        while self._stops:
            await self._stops.pop()()


@pytest.fixture
async def panel(tmp_path: Path) -> AsyncIterator[Panel]:
    made = Panel(tmp_path / "witnesses")
    yield made
    await made.stop()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The service's data folder."""
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "ANSWER_SECONDS", 0.6)
    monkeypatch.setattr(witness_client, "ANSWER_SECONDS", 0.5)


async def cosigned(asking: Witnesses, ledger: Ledger) -> Issued:
    return await asking.cosigned("main", ledger.issue, ledger.prove)


def names_of(issued: Issued) -> set[str]:
    """Who has cosigned it, by their signatures."""
    found = cosignatures(issued.note, [key.verifier() for key in KEYS.values()])
    assert all(abs(each.at - time.time()) < 60 for each in found)
    assert tuple(each.key.name for each in found) == issued.cosigned_by
    return {each.key.name.removeprefix("witness.example/") for each in found}


async def cosigning(request: web.Request, key: CosigningKey, *, at: int | None = None, text: str = "") -> str:
    """The line that a witness without any rule gives."""
    sent = Request.parse(await request.read())
    return key.cosignature(text or sent.note.rpartition("\n\n")[0] + "\n", int(time.time()) if at is None else at)


async def test_all_witnesses_cosign_what_grows(panel: Panel, data: Path) -> None:
    await panel.start(*NAMES)
    asking, ledger = panel.asking(data, needed=3), Ledger(0)
    for size in (0, 1, 7, 7, 32, 33, 60):
        ledger.size = size
        issued = await cosigned(asking, ledger)
        assert open_checkpoint(issued.note, [LOG.verifier()]).size == size
        assert (names_of(issued), issued.shortfall) == (set(NAMES), "")


async def test_only_ledgers_that_the_policy_names_are_cosigned_and_all_where_it_names_none(
    panel: Panel, data: Path
) -> None:
    await counted(panel)
    for name, asked in (("ledger.example/other", 0), (LOG.name, 3)):
        panel.asked.clear()
        asking = Witnesses(parse(f"log {LOG.named(name).verifier()}\n{panel.lines()}"), data, must_meet=True)
        issued = await cosigned(asking, Ledger())
        await asking.close()
        assert (len(panel.asked), len(names_of(issued)), issued.shortfall) == (asked, asked, "")


async def test_one_that_is_away_is_not_missed(panel: Panel, data: Path) -> None:
    await panel.start("one", "three")
    assert names_of(await cosigned(panel.asking(data), Ledger())) == {"one", "three"}


async def test_without_a_quorum_there_is_no_checkpoint_or_one_that_says_so(panel: Panel, data: Path) -> None:
    await panel.start("two")
    with pytest.raises(
        NotCosignedError, match="all needs 2 of 3 and has 1 \\(two\\); missing: one, three"
    ) as refused:
        await cosigned(panel.asking(data), Ledger())
    assert "one cannot be asked" in str(refused.value)
    assert "three cannot be asked" in str(refused.value)
    told = await cosigned(panel.asking(data, must_meet=False), Ledger())
    assert names_of(told) == {"two"}
    assert told.shortfall.startswith("all needs 2 of 3")
    assert not (data / "checkpoints" / "main.cosigned").exists()


async def garbage(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x00\xff no signature")


async def nothing(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"")


async def hanging(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def dripping(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(300):
        await response.write(b"x")
        await asyncio.sleep(0.1)
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"x" * (witness_client.MAX_ANSWER_BYTES + 1))


async def packed(request: web.Request) -> web.StreamResponse:
    response = web.Response(body=b"x" * 10_000_000)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def failing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="no\x1b[31m")


async def redirecting(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{request.url.port}/elsewhere{request.path}")


async def signing_another_text(request: web.Request) -> web.StreamResponse:
    return web.Response(text=await cosigning(request, KEYS["one"], text="ledger.example/main\n9\n") + "\n")


async def signing_with_another_key(request: web.Request) -> web.StreamResponse:
    return web.Response(text=await cosigning(request, CosigningKey(KEYS["one"].name, bytes(32))) + "\n")


async def signing_as_another_witness(request: web.Request) -> web.StreamResponse:
    return web.Response(text=await cosigning(request, KEYS["two"]) + "\n")


async def signing_under_another_name(request: web.Request) -> web.StreamResponse:
    return web.Response(text=await cosigning(request, CosigningKey("another", KEYS["one"].seed)) + "\n")


async def signing_as_the_log(request: web.Request) -> web.StreamResponse:
    sent = Request.parse(await request.read())
    return web.Response(text=LOG.signature(sent.note.rpartition("\n\n")[0] + "\n") + "\n")


async def signing_in_the_future(request: web.Request) -> web.StreamResponse:
    return web.Response(text=await cosigning(request, KEYS["one"], at=int(time.time()) + 3_600) + "\n")


async def conflicting_without_a_size(request: web.Request) -> web.StreamResponse:
    return web.Response(status=409, text="seven")


async def conflicting_with_the_same_size(request: web.Request) -> web.StreamResponse:
    return web.Response(status=409, text=f"{Request.parse(await request.read()).old_size}\n")


async def changing_its_mind(request: web.Request) -> web.StreamResponse:
    return web.Response(status=409, text=f"{(Request.parse(await request.read()).old_size + 1) % 7}\n")


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (garbage, "no signature"),
        (nothing, "no signature"),
        (hanging, "does not answer"),
        (dripping, "does not answer"),
        (endless, "more than 65536 bytes"),
        (packed, "no signature"),
        (failing, "answers 500 b'no\\x1b[31m'"),
        (redirecting, "answers 307"),
        (signing_another_text, "without a cosignature of its own key"),
        (signing_with_another_key, "without a cosignature of its own key"),
        (signing_as_another_witness, "without a cosignature of its own key"),
        (signing_under_another_name, "without a cosignature of its own key"),
        (signing_as_the_log, "without a cosignature of its own key"),
        (signing_in_the_future, "one of the future"),
        (conflicting_without_a_size, "not with another size"),
        (conflicting_with_the_same_size, "not with another size"),
        (changing_its_mind, "says otherwise each time"),
    ],
)
async def test_whatever_a_witness_answers_only_its_own_signature_counts(
    panel: Panel, data: Path, handler: Handler, why: str
) -> None:
    await panel.start("two", "three")
    await panel.replace("one", handler)
    began = time.monotonic()
    told = await cosigned(panel.asking(data, needed=3, must_meet=False), Ledger())
    assert time.monotonic() - began < 3
    assert names_of(told) == {"two", "three"}
    assert why in told.shortfall
    assert 1 <= panel.asked.count("one") <= witness_client.TRIES
    assert open_checkpoint(told.note, [LOG.verifier()]).size == 7


async def test_lines_of_others_beside_its_own_are_left_out(panel: Panel, data: Path) -> None:
    async def generous(request: web.Request) -> web.StreamResponse:
        lines = [
            await cosigning(request, CosigningKey("stranger", bytes(32))),
            await cosigning(request, KEYS["one"]),
        ]
        return web.Response(text="\n".join([*lines, ""]))

    await panel.replace("one", generous)
    told = await cosigned(panel.asking(data, needed=1), Ledger())
    assert names_of(told) == {"one"}
    assert "stranger" not in told.note


async def test_who_hangs_holds_up_a_quorum_only_shortly(
    panel: Panel, data: Path, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(witnesses, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(witness_client, "ANSWER_SECONDS", 20.0)
    await panel.start("two", "three")
    await panel.replace("one", hanging)
    began = time.monotonic()
    assert names_of(await cosigned(panel.asking(data), Ledger())) == {"two", "three"}
    assert time.monotonic() - began < 5
    assert [each for each in caplog.records if each.name == witnesses.__name__] == []


async def counted(panel: Panel) -> None:
    """All three without any rule, so that it shows who is asked."""
    for name in NAMES:

        async def agreeing(request: web.Request, name: str = name) -> web.StreamResponse:
            return web.Response(text=await cosigning(request, KEYS[name]) + "\n")

        await panel.replace(name, agreeing)


async def test_a_quorum_is_kept_and_given_again_until_something_is_recorded_or_a_minute_is_over(
    panel: Panel, data: Path
) -> None:
    await counted(panel)
    ledger = Ledger()
    first = await cosigned(panel.asking(data), ledger)
    assert len(panel.asked) == 3
    assert await cosigned(panel.asking(data), ledger) == first  # another process too
    assert len(panel.asked) == 3
    kept = data / "checkpoints" / "main.cosigned"
    os.utime(kept, (time.time() - 61,) * 2)
    await cosigned(panel.asking(data), ledger)
    assert len(panel.asked) == 6
    ledger.size = 8
    later = await cosigned(panel.asking(data), ledger)
    assert len(panel.asked) == 9
    assert kept.read_text() == later.note
    kept.write_text(later.note[:-12] + "AAAA" + later.note[-8:])
    await cosigned(panel.asking(data), ledger)
    assert len(panel.asked) == 12


async def test_what_was_cosigned_once_counts_while_nothing_is_recorded_and_the_witnesses_are_away(
    panel: Panel, data: Path
) -> None:
    await panel.start(*NAMES)
    ledger = Ledger()
    first = await cosigned(panel.asking(data), ledger)
    panel.urls = dict.fromkeys(NAMES, AWAY)
    os.utime(data / "checkpoints" / "main.cosigned", (time.time() - 61,) * 2)
    again = await cosigned(panel.asking(data), ledger)
    assert (again.note, again.shortfall) == (first.note, "")
    ledger.size = 8
    with pytest.raises(NotCosignedError):
        await cosigned(panel.asking(data), ledger)


async def test_another_policy_asks_for_what_is_missing(panel: Panel, data: Path) -> None:
    await panel.start("one")
    assert names_of(await cosigned(panel.asking(data, needed=1), Ledger())) == {"one"}
    await panel.start("two")
    assert names_of(await cosigned(panel.asking(data, needed=2), Ledger())) == {"one", "two"}


async def test_what_each_witness_has_seen_is_remembered_and_corrected(panel: Panel, data: Path) -> None:
    olds: list[int] = []

    async def noting(request: web.Request) -> web.StreamResponse:
        olds.append(Request.parse(await request.read()).old_size)
        return web.Response(text=await cosigning(request, KEYS["one"]) + "\n")

    await panel.replace("one", noting)
    for size in (7, 9):
        await cosigned(panel.asking(data, needed=1), Ledger(size))
    assert olds == [0, 7]
    remembered = data / "checkpoints" / "main.witnesses"
    assert json.loads(remembered.read_text()) == {str(KEYS["one"].verifier()): 9}
    await panel.start("two")
    await cosigned(panel.asking(data), Ledger(20))
    for damaged in ("", "[]", "{", json.dumps({str(KEYS["two"].verifier()): "x"}), json.dumps({"x": -1})):
        remembered.write_text(damaged)
        assert "two" in names_of(await cosigned(panel.asking(data), Ledger(25)))
        (data / "checkpoints" / "main.cosigned").unlink()


async def test_a_ledger_that_was_set_back_is_an_alarm(panel: Panel, data: Path, caplog: Any) -> None:
    await panel.start(*NAMES)
    await cosigned(panel.asking(data), Ledger(20))
    with caplog.at_level(logging.INFO), pytest.raises(NotCosignedError, match="was the ledger set back"):
        await cosigned(panel.asking(data), Ledger(12))
    alarms = [each for each in caplog.records if each.levelno == logging.ERROR and each.name == witnesses.__name__]
    assert len(alarms) == 3
    assert "one does not cosign main at 12: it has seen 20 events" in min(each.getMessage() for each in alarms)


async def test_a_record_that_cannot_be_read_now_is_no_alarm(panel: Panel, data: Path, caplog: Any) -> None:
    await panel.start(*NAMES)
    await cosigned(panel.asking(data), Ledger(20))
    ledger = Ledger(12)

    async def prove(first: int, second: int) -> Consistency:
        if second > ledger.size:
            raise UnavailableError(why="the database is away")
        return await ledger.prove(first, second)

    with pytest.raises(NotCosignedError, match=r"cannot be told: .*the database is away"):
        await panel.asking(data).cosigned("main", ledger.issue, prove)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_who_has_seen_another_history_since_does_not_stand_by_an_earlier_cosignature(
    panel: Panel, data: Path
) -> None:
    await panel.start(*NAMES)
    await cosigned(panel.asking(data), Ledger(20))
    kept = (data / "checkpoints" / "main.cosigned").read_bytes()
    await cosigned(panel.asking(data), Ledger(30))
    file = data / "checkpoints" / "main.cosigned"  # the data folder and the database were set back together
    file.write_bytes(kept)
    os.utime(file, (time.time() - 61,) * 2)
    with pytest.raises(NotCosignedError, match="was the ledger set back"):
        await cosigned(panel.asking(data), Ledger(20))


async def test_names_of_a_policy_that_are_no_text_can_be_told(
    panel: Panel, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = parse(panel.lines().replace(" one ", " \udce9 "))
    for must_meet in (False, True):
        asking = Witnesses(policy, data, must_meet=must_meet)
        try:
            told = (await cosigned(asking, Ledger())).shortfall
        except NotCosignedError as error:
            told = str(error)
        await asking.close()
        assert "missing: \\xe9, two, three" in told
        told.encode()
    "".join(each.getMessage() for each in caplog.records).encode()


async def test_of_two_histories_one_is_cosigned_and_the_other_is_an_alarm(
    panel: Panel, data: Path, caplog: Any
) -> None:
    await panel.start(*NAMES)
    await cosigned(panel.asking(data), Ledger(20))
    for size, what in ((30, "does not continue the 20 events"), (20, "has cosigned another history of 20 events")):
        with pytest.raises(NotCosignedError, match=what):
            await cosigned(panel.asking(data / "other"), Ledger(size, FORKED))
    assert any(each.levelno == logging.ERROR and each.name == witnesses.__name__ for each in caplog.records)
    kinds = sorted(each.name.split("-")[0] for each in (panel.folder / "one" / "forks").iterdir())
    assert kinds == ["fork", "unproven"]
    assert names_of(await cosigned(panel.asking(data), Ledger(40))) >= {"one"}


async def test_where_another_process_was_faster_a_later_checkpoint_is_signed(
    panel: Panel, data: Path, caplog: Any
) -> None:
    await panel.start(*NAMES)
    await cosigned(panel.asking(data), Ledger(30))
    ledger = Ledger(20)
    issued = await ledger.issue()
    ledger.size = 33
    early = iter([issued])

    async def issue() -> Issued:
        return next(early, None) or await ledger.issue()

    told = await panel.asking(data).cosigned("main", issue, ledger.prove)
    assert (told.size, len(names_of(told)) >= 2) == (33, True)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_witnesses_that_invent_a_later_checkpoint_do_not_keep_the_ledger_busy(
    panel: Panel, data: Path
) -> None:
    async def later(request: web.Request) -> web.StreamResponse:
        return web.Response(status=409, text="30\n")

    for name in NAMES:
        await panel.replace(name, later)
    ledger = Ledger(20)
    issued = await ledger.issue()
    ledger.size = 40

    async def stuck() -> Issued:
        return issued

    with pytest.raises(NotCosignedError, match="has cosigned a later checkpoint, of 30 events"):
        await panel.asking(data).cosigned("main", stuck, ledger.prove)
    assert len(panel.asked) == 3 * witnesses.ATTEMPTS


async def test_a_witness_bounds_what_it_takes(panel: Panel, monkeypatch: Any) -> None:
    monkeypatch.setattr(witness_server, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(witness_server, "CONNECTION_SECONDS", 0.2)
    monkeypatch.setattr(witness_server, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(witness_server, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(witness_server, "STOP_SECONDS", 0.1)
    await panel.start("one")
    host, port = panel.urls["one"].removeprefix("http://").split(":")
    half = b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold"
    idle = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
    idle[1][1].write(half)
    full, writer = await asyncio.open_connection(host, int(port))
    assert await full.read() == b""
    assert not idle[0][0].at_eof()
    writer.close()
    async with asyncio.timeout(5):
        assert await idle[0][0].read() == b""
        assert b"408" in await idle[1][0].read()
    for _, each in idle:
        each.close()
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
    assert b"413" in await reader.readline()
    writer.close()
