"""Policy files: what is written is what is asked for, and what cannot be is told with its line and a remedy."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.cosignatures import CosignerKey, CosigningKey
from ledger.audit.notes import SignerKey
from ledger.audit.policies import MAX_BYTES, MAX_OF_EACH, PolicyError, parse

LOG = SignerKey("ledger.example/main", bytes(32)).verifier()
KEYS = {
    name: CosigningKey(f"witness.example/{name}", name.encode().ljust(32, b"-")).verifier() for name in "ABCDEF"
}
WITNESSES = "".join(f"witness {name} {key} https://{name}.example/at/\n" for name, key in KEYS.items())
TWO_LEVELS = f"""\
# The example of the format: two organisations.
log {LOG}   https://ledger.example/

{WITNESSES}
group x 2 A B C
group y any D E F
\tgroup both all x y
quorum both
"""


def cosigned_by(names: str) -> set[CosignerKey]:
    return {KEYS[name] for name in names}


def test_a_policy_says_whom_to_ask_and_whom_to_trust() -> None:
    policy = parse(TWO_LEVELS)
    assert policy.log_keys == [LOG]
    assert policy.logs[0].url == "https://ledger.example"
    assert policy.witness_keys == list(KEYS.values())
    assert (policy.witnesses[0].name, policy.witnesses[0].url) == ("A", "https://A.example/at")


def test_a_quorum_of_groups_is_met_by_exactly_the_sets_that_it_says() -> None:
    policy = parse(TWO_LEVELS)
    for count in range(7):
        for names in itertools.combinations("ABCDEF", count):
            enough = len(set(names) & set("ABC")) >= 2 and len(set(names) & set("DEF")) >= 1
            assert (policy.shortfall(cosigned_by("".join(names))) == "") is enough


def test_what_is_missing_is_told_by_name() -> None:
    policy = parse(TWO_LEVELS)
    told = policy.shortfall(cosigned_by("AD"))
    assert told == "both needs 2 of 2 and has 1 (y); missing: x needs 2 of 3 and has 1 (A); missing: B, C"
    assert parse(f"witness A {KEYS['A']}\nquorum A").shortfall(set()) == "A has not cosigned"


@given(needed=st.integers(1, 6), have=st.sets(st.sampled_from("ABCDEF")))
def test_a_number_is_a_threshold(needed: int, have: set[str]) -> None:
    policy = parse(f"{WITNESSES}group g {needed} A B C D E F\nquorum g\n")
    assert (not policy.shortfall(cosigned_by("".join(have)))) is (len(have) >= needed)


def test_cosignatures_of_others_do_not_count() -> None:
    other = CosigningKey("witness.example/A", bytes(32)).verifier()
    assert parse(f"witness A {KEYS['A']}\nquorum A\n").shortfall({other}) != ""


def test_no_witness_may_be_asked_for() -> None:
    assert parse("quorum none\n").shortfall(set()) == ""
    assert parse(f"{WITNESSES}quorum none").shortfall(set()) == ""


def test_names_are_any_bytes_and_only_blanks_and_tabs_part_them() -> None:
    name = b"K\xff\xc2\xa0x".decode("utf-8", "surrogateescape")
    policy = parse(f"witness\t {name} \t{KEYS['A']} \nquorum {name}\n")
    assert policy.witnesses[0].name == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no quorum; end with"),
        (f"log {LOG}\n", "there is no quorum"),
        ("quorum X\n", "line 1: X is neither a witness nor a group of a line above"),
        (f"quorum A\n{WITNESSES}", "line 1: A is neither"),
        ("quorum none\n\nquorum none", "line 3: there is a quorum already"),
        ("quorum none extra", "line 1: write `quorum NAME`"),
        ("witness A\n", r"line 1: write `witness NAME KEY \[URL\]`"),
        (f"log {LOG} https://a.example b", r"line 1: write `log KEY \[URL\]`"),
        ("group g all", "line 1: write `group"),
        ("witnesses A", "line 1: a line begins with log, witness, group, quorum"),
        (f"witness A {KEYS['A']}\nwitness A {KEYS['B']}\nquorum A", "line 2: A is defined already"),
        (f"witness A {KEYS['A']}\ngroup A any A\nquorum A", "line 2: A is defined already"),
        (f"witness none {KEYS['A']}\nquorum none", "line 1: none is not a name to give"),
        (f"witness A {KEYS['A']}\nwitness B {KEYS['A']}\nquorum A", "line 2: the key of .* another witness line"),
        (f"log {LOG}\nlog {LOG}\nquorum none", "line 2: the key of .* another log line"),
        (f"{WITNESSES}group g all A g\nquorum g", "line 7: g is neither a witness nor a group"),
        (f"{WITNESSES}group g all h\ngroup h all g\nquorum g", "line 7: h is neither"),
        (
            f"{WITNESSES}group g 3 A B\nquorum g",
            "line 7: '3' of 2 cannot be; write all, any or a number from 1 to 2",
        ),
        (f"{WITNESSES}group g 0 A B\nquorum g", "line 7: '0' of 2"),
        (f"{WITNESSES}group g 02 A B\nquorum g", "line 7: '02' of 2"),
        (f"{WITNESSES}group g 1 A A\nquorum g", "line 7: A is a member of g already"),
        (f"{WITNESSES}group g 1 A\ngroup h 1 A\nquorum g", "line 8: A is a member of g already"),
        (f"{WITNESSES}group g 1 none\nquorum g", "line 7: none is neither"),
        (f"witness A {LOG}\nquorum A", "line 1: this is a key for signatures of notes"),
        (f"log {KEYS['A']}\nquorum none", "line 1: this is a key for cosignatures of witnesses"),
        (f"witness A {KEYS['A']} ftp://a.example\nquorum A", "line 1: 'ftp://a.example' is not the beginning"),
        (f"witness A {KEYS['A']} https://a.example/?x\nquorum A", "line 1: .* write https://HOST/PATH"),
        ("quorum none\r\n", r"line 1: it has the control character U\+000D"),
        ("quorum\x0bnone\n", r"line 1: it has the control character U\+000B"),
        ("#" * (MAX_BYTES + 1), "longer than"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        parse(text)


def test_thirty_two_of_each_are_taken_and_their_number_is_bounded() -> None:
    def policy(count: int) -> str:
        keys = [CosigningKey(f"w{n}", n.to_bytes(32, "big")).verifier() for n in range(count)]
        logs = [SignerKey(f"l{n}", n.to_bytes(32, "big")).verifier() for n in range(count)]
        lines = [f"witness W{n} {key}" for n, key in enumerate(keys)] + [f"log {key}" for key in logs]
        groups = [f"group G{n} all W{n}" for n in range(count - 1)]
        return "\n".join([*lines, *groups, f"quorum W{count - 1}"])

    assert len(parse(policy(32)).witnesses) == 32
    assert len(parse(policy(MAX_OF_EACH)).logs) == MAX_OF_EACH
    with pytest.raises(PolicyError, match="more than"):
        parse(policy(MAX_OF_EACH + 1))


@given(
    words=st.lists(
        st.sampled_from(["log", "witness", "group", "quorum", "any", "2", "A", "B", "\n", "#", str(LOG)])
    )
)
def test_whatever_is_written_is_a_policy_or_told(words: list[str]) -> None:
    text = " ".join([*words, str(KEYS["A"])])
    with contextlib.suppress(PolicyError):
        parse(text).shortfall(set())
    with contextlib.suppress(PolicyError):
        parse(text + "\nquorum none")
