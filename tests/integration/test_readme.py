"""The README is so: what `make run` prints, every command of the tour in its order, and which methods are built.
The service is a real process, started as `make run` starts it, on an empty data folder."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from tests.repository.checkout import ROOT, read
from tests.repository.contract import methods
from tests.repository.documents import blocks, rows, section
from tests.served import ServiceProcess, serving

WORKS = "works"
ANYTHING = "…"
COMMAND_SECONDS = 60
CALL_SECONDS = 20
CLONE_COMMANDS = ("make run", "make test")
"""What the README shows and is not run here: the first is what the fixture does, the second would be this."""


@dataclass(frozen=True)
class Step:
    """A command of the README, and the lines that must be among those that it prints, in this order."""

    command: str
    expected: tuple[str, ...]


def steps_of(text: str) -> list[Step]:
    """The commands of the `console` blocks, in their order."""
    steps = []
    for block in blocks(text):
        if block.language == "console":
            first, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
            assert not first.strip(), f"a console block begins with a command, not with {first!r}"
            for part in parts:
                command, *expected = part.splitlines()
                steps.append(Step(command, tuple(line for line in expected if line.strip())))
    return steps


def files_of(text: str) -> dict[str, str]:
    """The files that the reader is told to save: blocks of YAML whose first line is the file's name."""
    named = (re.match(r"# (\S+\.yaml)\n", block.text) for block in blocks(text) if block.language == "yaml")
    found = [block.text for block in blocks(text) if block.language == "yaml"]
    return {match[1]: each for match, each in zip(named, found, strict=True) if match}


def missing_lines(expected: tuple[str, ...], printed: str) -> list[str]:
    """The expected lines that are not printed, or not in this order; `…` stands for anything."""
    rest = iter([_plain(line) for line in printed.splitlines()])
    for number, line in enumerate(expected):
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in _plain(line).split(ANYTHING)))
        if not any(pattern.fullmatch(each) for each in rest):
            return list(expected[number:])
    return []


def _plain(line: str) -> str:
    """Without what depends on the width of a terminal."""
    return re.sub("─+", "─", re.sub(r"\s+", " ", line)).strip()


def run_options() -> list[str]:
    """The options with which `make run` serves."""
    # A make above this one would have it say more than the command.
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--dry-run", "--no-print-directory", "run"]
    planned = subprocess.run(command, cwd=ROOT, env=alone, check=True, capture_output=True, text=True)
    words = shlex.split(planned.stdout.strip().splitlines()[-1])
    return words[words.index("serve") + 1 :]


@pytest.fixture(scope="module")
def readme() -> str:
    return read("README.md")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("readme") / "data"
    with pytest.MonkeyPatch.context() as patch:
        # What the surroundings set must not change what the README promises.
        for name in [name for name in os.environ if name.startswith("LEDGER_")]:
            patch.delenv(name)
        with serving(*run_options(), "--data-dir", str(folder)) as running:
            yield running


@pytest.fixture(scope="module")
def printed_at_start(service: ServiceProcess) -> str:
    return service.output


@pytest.fixture(scope="module")
def shell(service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory, readme: str) -> Callable[[str], Any]:
    """Runs a command as the reader does, in a folder with the files that the README has told them to save."""
    folder = tmp_path_factory.mktemp("tour")
    for name, content in files_of(readme).items():
        (folder / name).write_text(f"{content}\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "LEDGER_ADDRESS": service.address}

    def run(command: str) -> Any:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    return run


def test_make_run_prints_what_the_readme_shows(readme: str, printed_at_start: str) -> None:
    shown = [block.text for block in blocks(section(readme, "Run it")) if block.language == "text"]
    assert len(shown) == 1
    assert missing_lines(tuple(line for line in shown[0].splitlines() if line.strip()), printed_at_start) == []


def test_the_commands_that_it_tells_to_try_next_work(printed_at_start: str, shell: Callable[[str], Any]) -> None:
    _, _, told = printed_at_start.partition("Next, in another terminal:\n")
    commands = [line.strip().removeprefix(".venv/bin/") for line in told.split("\n\n")[0].splitlines()]
    assert len(commands) >= 5
    for command in commands:
        done = shell(command)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"


# One test, because each step builds on those before it.
def test_every_command_of_the_tour_does_what_the_readme_says(readme: str, shell: Callable[[str], Any]) -> None:
    steps = steps_of(readme)
    assert len(steps) >= 8
    for step in steps:
        done = shell(step.command)
        told = f"$ {step.command}\n{done.stdout}"
        assert done.returncode == 0, told
        assert missing_lines(step.expected, done.stdout) == [], told


def test_no_command_of_the_readme_escapes_the_test(readme: str) -> None:
    others = [block for block in blocks(readme) if block.language in ("sh", "bash", "shell", "")]
    lines = {line.split("#")[0].strip() for block in others for line in block.text.splitlines()}
    assert lines <= {*CLONE_COMMANDS, 'export PATH="$PWD/.venv/bin:$PATH"'}


def state_of(method: str) -> str:
    """What the README says of a method."""
    return {cells[0].strip("`"): cells[1] for cells in rows(section(read("README.md"), "Status"))}[method]


def answer_of(channel: grpc.Channel, method: MethodDescriptor) -> grpc.StatusCode:
    """The code with which a method answers an empty request; streams are left at their first message."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    codec = (GetMessageClass(method.input_type).SerializeToString, GetMessageClass(method.output_type).FromString)
    request = GetMessageClass(method.input_type)()
    try:
        if method.client_streaming:
            next(channel.stream_stream(path, *codec)(iter([request]), timeout=CALL_SECONDS), None)
        elif method.server_streaming:
            call = channel.unary_stream(path, *codec)(request, timeout=CALL_SECONDS)
            next(call, None)
            call.cancel()
        else:
            channel.unary_unary(path, *codec)(request, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


@pytest.mark.parametrize("name", methods())
def test_a_method_answers_as_the_status_table_says(service: ServiceProcess, name: str) -> None:
    with service.channel() as channel:
        answered = answer_of(channel, methods()[name])
    assert (answered is not grpc.StatusCode.UNIMPLEMENTED) == (state_of(name) == WORKS), answered


def test_commands_are_told_from_what_they_print() -> None:
    text = "```console\n$ a b\none\n\n$ c\n```\n```sh\nd\n```\n```console\n$ e\n…\nlast\n```\n"
    assert steps_of(text) == [Step("a b", ("one",)), Step("c", ()), Step("e", ("…", "last"))]
    assert files_of("```yaml\n# x.yaml\na: 1\n```\n```yaml\nb: 2\n```") == {"x.yaml": "# x.yaml\na: 1"}


@pytest.mark.parametrize(
    ("expected", "missing"),
    [
        (("one 1", "three"), []),
        (("one   1", "──"), []),
        (("o…1", "…", "th…"), []),
        (("one 1 …",), []),
        (("three", "one 1"), ["one 1"]),
        (("one",), ["one"]),
        (("two", "two"), ["two"]),
    ],
)
def test_printed_lines_are_compared(expected: tuple[str, ...], missing: list[str]) -> None:
    assert missing_lines(expected, "one  1\n────\ntwo\nthree\n") == missing
