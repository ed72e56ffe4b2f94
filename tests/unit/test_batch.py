"""Batches: what is recorded of the waiting requests, where, and as which bytes. Without a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.audit.envelope import SALT_BYTES, decode, parse_recorded_at
from ledger.audit.tiles import TreeState
from ledger.domain.claim import REPORTS
from ledger.errors import RevisionConflictError
from ledger.persistence.batch import TICK, Batch, decide, decisions_of, streams_of
from ledger.persistence.records import (
    ANY_REVISION,
    EXISTING_STREAM,
    MERGES,
    AppendRequest,
    NewEvent,
    Tip,
)

LEDGER = "main"
NAMES = UUID("3f0c5b0e-6a52-4b0e-9c57-0d1f2a9b8c7d")
NOW = datetime(2020, 2, 12, 10, tzinfo=UTC)
EMPTY = Tip(0, None, TreeState())
STREAMS = ("incidents/a", "incidents/b", "agreements/c")
TYPES = ("TroopsKilled", "ActorRegistered", "ClaimRetracted", "IncidentsMerged")
ACTS = ("ClaimRetracted", "IncidentsMerged")
"""Those of the types on which later acts can rest."""
REPORT_IDS = ("r1", "r2", "r3", "r4", "r5")


def salts() -> Callable[[int], bytes]:
    """A source of salts that gives the same ones every time."""
    numbers = count()

    def drawn(size: int) -> bytes:
        many = range(0, size, SALT_BYTES)
        return b"".join([sha256(str(next(numbers)).encode()).digest()[:SALT_BYTES] for _ in many])

    return drawn


@st.composite
def requests(draw: st.DrawFn) -> list[AppendRequest]:
    """Requests of reports and of the library, with and without expectations, some of them repeated."""
    drawn: list[AppendRequest] = []
    for number in range(draw(st.integers(0, 12))):
        if drawn and draw(st.integers(0, 4)) == 0:
            drawn.append(replace(draw(st.sampled_from(drawn)), answer=Future()))
            continue
        drawn.append(draw(st.one_of(reports(number), library_appends(number))))
    return drawn


@st.composite
def reports(draw: st.DrawFn, number: int) -> AppendRequest:
    """A report whose claims take whatever revision comes next."""
    report_id = draw(st.sampled_from(REPORT_IDS))
    streams = [REPORTS + report_id, *draw(st.lists(st.sampled_from(STREAMS), max_size=4))]
    expectations = st.sampled_from((ANY_REVISION, EXISTING_STREAM, 0, 1, 2, 3))
    return AppendRequest(
        report_id,
        tuple(
            event(f"{number}/{index}", stream, type_name=draw(st.sampled_from(TYPES)) if index else "ReportFiled")
            for index, stream in enumerate(streams)
        ),
        deadline=0.0,
        expected=draw(st.dictionaries(st.sampled_from(STREAMS), expectations, max_size=2)),
        decided=draw(st.dictionaries(st.sampled_from((*STREAMS, MERGES)), st.integers(0, 4), max_size=2)),
        recorder=draw(st.sampled_from(("", "observer"))),
        mentions=draw(st.frozensets(st.sampled_from(("actors/x", *STREAMS)), max_size=2)),
    )


@st.composite
def library_appends(draw: st.DrawFn, number: int) -> AppendRequest:
    """Events of one stream whose revisions the caller fixed, as the library does."""
    stream, first = draw(st.sampled_from(STREAMS)), draw(st.integers(1, 4))
    revisions = [first + index for index in range(draw(st.integers(1, 3)))]
    if draw(st.integers(0, 5)) == 0:
        revisions[-1] += 1
    return AppendRequest(
        "", tuple(event(f"{number}/{each}", stream, revision=each) for each in revisions), deadline=0.0
    )


def event(name: str, stream: str, revision: int | None = None, type_name: str = "TroopsKilled") -> NewEvent:
    """An event whose id and payload follow from its name."""
    return NewEvent(stream, type_name, uuid5(NAMES, name), f'{{"n":"{name}"}}'.encode(), revision)


Newest = dict[str, int]


def decided(
    tip: Tip, heads: Newest, drawn: Sequence[AppendRequest], now: datetime = NOW, acts: Newest | None = None
) -> Batch:
    """The batch of these requests, on the heads and acts of the streams that they ask for."""
    known = {stream: heads[stream] for stream in streams_of(drawn) if stream in heads}
    asked = decisions_of(drawn)
    newest = {stream: act for stream, act in (acts or {}).items() if act > asked.get(stream, act)}
    return decide(LEDGER, tip, known, drawn, now, salts(), newest)


def heads_after(heads: dict[str, int], batch: Batch) -> dict[str, int]:
    """The newest revisions once the batch is committed."""
    return heads | dict(zip(batch.rows.streams, batch.rows.revisions, strict=True))


def acts_after(acts: Newest, batch: Batch) -> Newest:
    """The newest acts once the batch is committed."""
    rows, newest = batch.rows, dict(acts)
    for index, (stream, revision, name) in enumerate(zip(rows.streams, rows.revisions, rows.types, strict=True), 1):
        note_act(newest, name, stream, revision, batch.size_before + index)
    return newest


def note_act(acts: Newest, name: str, stream: str, revision: int, position: int) -> None:
    """Takes note of an event, if it is an act."""
    if name in ACTS:
        acts[stream] = revision
    if name == "IncidentsMerged":
        acts[MERGES] = position


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """The root as RFC 6962 defines it."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + naive_root(leaves[:left]) + naive_root(leaves[left:])).digest()


Outcome = tuple[str, tuple[tuple[str, int], ...]]


def expected_outcomes(heads: Newest, drawn: Sequence[AppendRequest], acts: Newest) -> list[Outcome]:
    """What becomes of each request by the rules, one after the other, with stream and revision of each event."""
    heads, acts, position = dict(heads), dict(acts), 0
    outcomes: list[Outcome] = []
    for request in drawn:
        if request.report_id and heads.get(REPORTS + request.report_id):
            outcomes.append(("repeated", ()))
        elif not fits(heads, request) or any(acts.get(each, 0) > seen for each, seen in request.decided.items()):
            outcomes.append(("refused", ()))
        else:
            placed = []
            for each in request.events:
                fixed = each.revision if each.revision is not None else heads.get(each.stream, 0) + 1
                heads[each.stream] = fixed
                placed.append((each.stream, fixed))
                position += 1
                note_act(acts, each.type, each.stream, fixed, position)
            outcomes.append(("accepted", tuple(placed)))
    return outcomes


def fits(heads: dict[str, int], request: AppendRequest) -> bool:
    """Whether every expectation holds."""
    for stream, expected in request.expected.items():
        if expected == EXISTING_STREAM and stream not in heads:
            return False
        if expected >= 0 and heads.get(stream, 0) != expected:
            return False
    following = dict(heads)
    for each in request.events:
        if each.revision is not None:
            if each.stream in following and each.revision != following[each.stream] + 1:
                return False
            following[each.stream] = each.revision
    return True


def outcomes_of(batch: Batch, drawn: Sequence[AppendRequest]) -> list[Outcome]:
    """What became of each request, in the order of the requests: each is answered exactly once."""
    accepted = [
        (id(request), tuple((each.stream, each.revision) for each in placed)) for request, placed in batch.accepted
    ]
    refused = [id(request) for request, _ in batch.refused]
    repeated = [id(request) for request in batch.repeated]
    assert len(accepted) + len(refused) + len(repeated) == len(drawn)
    found: list[Outcome] = []
    for request in drawn:
        if accepted and accepted[0][0] == id(request):
            found.append(("accepted", accepted.pop(0)[1]))
        elif refused and refused[0] == id(request):
            found.append(("refused", ()))
            refused.pop(0)
        else:
            assert repeated.pop(0) == id(request)
            found.append(("repeated", ()))
    return found


@settings(deadline=None, max_examples=60)
@given(
    requests(),
    st.dictionaries(st.sampled_from((*STREAMS, REPORTS + "r1")), st.integers(1, 3)),
    st.dictionaries(st.sampled_from((*STREAMS, MERGES)), st.integers(1, 3)),
)
def test_every_request_gets_what_the_rules_say(drawn: list[AppendRequest], heads: Newest, acts: Newest) -> None:
    batch = decided(EMPTY, heads, drawn, acts=acts)
    assert outcomes_of(batch, drawn) == expected_outcomes(heads, drawn, acts)
    for _, error in batch.refused:
        assert isinstance(error, RevisionConflictError)
        assert error.mismatches


@settings(deadline=None, max_examples=60)
@given(requests(), st.integers(0, 600))
def test_positions_are_contiguous_and_order_is_kept(drawn: list[AppendRequest], before: int) -> None:
    leaves = [sha256(str(number).encode()).digest() for number in range(before)]
    tip = Tip(before, NOW if before else None, TreeState().append(leaves)[0])
    batch = decided(tip, {}, drawn)
    placed = [each for _, each_placed in batch.accepted for each in each_placed]
    assert [each.position for each in placed] == list(range(before + 1, before + 1 + len(placed)))
    assert batch.size_after == before + len(placed) == batch.tree.size
    asked = [str(each.event_id) for request, _ in batch.accepted for each in request.events]
    assert [each.event_id for each in placed] == asked == [str(each) for each in batch.rows.event_ids]
    order = [id(request) for request in drawn]
    taken = [order.index(id(request)) for request, _ in batch.accepted]
    assert taken == sorted(taken)


@settings(deadline=None, max_examples=60)
@given(requests(), st.integers(0, 600))
def test_the_root_is_the_one_of_all_leaves(drawn: list[AppendRequest], before: int) -> None:
    leaves = [sha256(str(number).encode()).digest() for number in range(before)]
    tip = Tip(before, None, TreeState().append(leaves)[0])
    batch = decided(tip, {}, drawn)
    assert batch.root == naive_root(leaves + batch.rows.leaves)
    assert batch.root == batch.tree.root()
    assert len(batch.tiles) == sum((batch.size_after >> 8 * n) - (before >> 8 * n) for n in (1, 2))


@settings(deadline=None, max_examples=60)
@given(requests())
def test_a_row_is_what_its_envelope_says(drawn: list[AppendRequest]) -> None:
    batch = decided(EMPTY, {}, drawn)
    rows = batch.rows
    for index, raw in enumerate(rows.envelopes):
        envelope = decode(raw)
        assert envelope.ledger == LEDGER
        assert envelope.position == index + 1
        assert (envelope.stream, envelope.revision) == (rows.streams[index], rows.revisions[index])
        assert (envelope.event_id, envelope.type) == (rows.event_ids[index], rows.types[index])
        assert envelope.report_id == rows.report_ids[index]
        assert parse_recorded_at(envelope.recorded_at) == batch.recorded_at
        assert envelope.commitment == sha256(rows.salts[index] + rows.payloads[index]).hexdigest()
        assert rows.leaves[index] == sha256(b"\x00" + raw).digest()
        assert len(rows.salts[index]) == SALT_BYTES
    recorders = [request.recorder for request, placed in batch.accepted for _ in placed]
    assert [decode(raw).recorder for raw in rows.envelopes] == recorders


@settings(deadline=None, max_examples=60)
@given(requests())
def test_revisions_of_a_stream_are_contiguous_and_no_place_is_given_twice(drawn: list[AppendRequest]) -> None:
    batch = decided(EMPTY, {}, drawn)
    places: dict[str, list[int]] = {}
    for stream, revision in zip(batch.rows.streams, batch.rows.revisions, strict=True):
        places.setdefault(stream, []).append(revision)
    for stream, revisions in places.items():
        assert revisions == list(range(revisions[0], revisions[0] + len(revisions))), stream
        fixed = any(each.revision is not None for request, _ in batch.accepted for each in request.events)
        assert fixed or revisions[0] == 1


@settings(deadline=None, max_examples=60)
@given(requests())
def test_what_is_not_accepted_places_nothing(drawn: list[AppendRequest]) -> None:
    batch = decided(EMPTY, {}, drawn)
    assert len(batch.rows.streams) == sum(len(request.events) for request, _ in batch.accepted)
    only = [request for request, _ in batch.accepted]
    assert decided(EMPTY, {}, only).rows == batch.rows


@settings(deadline=None, max_examples=60)
@given(requests(), st.data())
def test_several_batches_place_as_one(drawn: list[AppendRequest], data: st.DataObject) -> None:
    whole = decided(EMPTY, {}, drawn)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(drawn)), max_size=3)))
    tip, heads, acts, outcomes, rows = EMPTY, Newest(), Newest(), [], []
    for start, end in zip([0, *cuts], [*cuts, len(drawn)], strict=True):
        batch = decided(tip, heads, drawn[start:end], acts=acts)
        outcomes += outcomes_of(batch, drawn[start:end])
        rows += [each for _, placed in batch.accepted for each in placed]
        heads, acts = heads_after(heads, batch), acts_after(acts, batch)
        tip = Tip(batch.size_after, batch.recorded_at, batch.tree)
    assert outcomes == outcomes_of(whole, drawn)
    wanted = [each for _, placed in whole.accepted for each in placed]
    # The leaf holds the recorded time, which differs from batch to batch.
    assert [each._replace(leaf=b"") for each in rows] == [each._replace(leaf=b"") for each in wanted]
    assert tip.size == whole.size_after


def test_a_recorded_time_is_later_than_the_one_before_it() -> None:
    one = AppendRequest("r1", (event("1", "reports/r1"),), 0.0)
    late = NOW + timedelta(hours=1)
    assert decided(Tip(3, NOW, three()), {}, [one], late).recorded_at == late
    assert decided(Tip(3, NOW, three()), {}, [one], NOW).recorded_at == NOW + TICK
    assert decided(Tip(3, late, three()), {}, [one], NOW).recorded_at == late + TICK, "the clock was set back"


def three() -> TreeState:
    """A tree of three leaves."""
    return TreeState().append([bytes(32)] * 3)[0]


def test_a_report_sent_twice_in_one_batch_is_recorded_once() -> None:
    one, again = (AppendRequest("r1", (event("1", "reports/r1"),), 0.0) for _ in range(2))
    other = AppendRequest("r1", (event("2", "reports/r1"),), 0.0)
    batch = decided(EMPTY, {}, [one, again, other])
    assert [request for request, _ in batch.accepted] == [one]
    assert [id(each) for each in batch.repeated] == [id(again), id(other)]


def test_a_repeated_report_is_not_judged_by_its_expectations() -> None:
    again = AppendRequest("r1", (event("1", "reports/r1"),), 0.0, expected={"incidents/a": 7})
    assert decided(EMPTY, {"reports/r1": 1}, [again]).repeated == [again]


def test_all_mismatches_are_told() -> None:
    expected = {"incidents/a": 3, "incidents/b": 0, "agreements/c": EXISTING_STREAM, "threats/d": ANY_REVISION}
    request = AppendRequest("r1", (event("1", "reports/r1"),), 0.0, expected=expected)
    [(_, error)] = decided(EMPTY, {"incidents/a": 2, "incidents/b": 5}, [request]).refused
    assert isinstance(error, RevisionConflictError)
    told = [(each.stream, each.expected, each.actual) for each in error.mismatches]
    assert told == [("incidents/a", "3", 2), ("incidents/b", "no stream", 5), ("agreements/c", "stream exists", 0)]


def test_what_is_mentioned_is_looked_for_as_it_is_after_the_request() -> None:
    mentions = frozenset({"actors/x", "actors/y", "actors/z"})
    first = AppendRequest("r1", (event("1", "reports/r1"), event("2", "actors/x")), 0.0, mentions=mentions)
    conflicting = AppendRequest("r1", (event("3", "reports/r1"),), 0.0, mentions=frozenset({"actors/q"}))
    batch = decided(EMPTY, {"actors/y": 1}, [first, conflicting])
    assert batch.missing[id(first)] == {"actors/z"}
    assert batch.missing[id(conflicting)] == {"actors/q"}, "told to the one who mentioned it, and to nobody else"


def test_redactions_are_named_with_the_position_of_their_act() -> None:
    target = uuid5(NAMES, "target")
    redacting = AppendRequest(
        "r1",
        (event("1", "reports/r1"), event("2", "incidents/a")._replace(type="PayloadRedacted", redacts=target)),
        0.0,
    )
    assert decided(EMPTY, {"incidents/a": 1}, [redacting]).redactions == [(target, 2)]


def test_no_two_events_share_a_salt() -> None:
    many = [AppendRequest(f"r{n}", (event(str(n), f"reports/r{n}"),), 0.0) for n in range(300)]
    assert len(set(decided(EMPTY, {}, many).rows.salts)) == 300
