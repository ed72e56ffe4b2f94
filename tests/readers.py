"""Verifiers that share no line with the product: a script for Python alone, run by a bare interpreter, and a reader
in Node.js. Each is one process that answers questions, line by line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "how-to" / "verify_export.py"
PARTS = (SCRIPT, SCRIPT.with_name("verify_ed25519.py"))
NODE = shutil.which("node")
NODE_READER = ROOT / "tests" / "oracle" / "files.mjs"
# Runs the script's own main for one folder after the other: an interpreter for each would take a minute.
DRIVER = """
import contextlib, functools, io, json, runpy, sys
main = runpy.run_path(sys.argv[1])["main"]
# The same few signatures again and again: each is looked at once.
main.__globals__["has_signed"] = functools.lru_cache(None)(main.__globals__["has_signed"])
for line in sys.stdin:
    asked, told = json.loads(line), io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        code = main(asked["path"], *asked["keys"])
    print("true" if code == 0 else "false", json.dumps(told.getvalue()), flush=True)
"""
BARE = [sys.executable, "-I", "-S"]
"""An interpreter that finds no installed package, and neither the checkout nor a user's folder."""


class Reader:
    """One process of a verifier."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **question: Any) -> str:
        """Empty where it accepts, else why it does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        verdict, _, why = self._process.stdout.readline().strip().partition(" ")
        assert verdict in ("true", "false"), f"it ended at {question}"
        return "" if verdict == "true" else why or "refused"

    def folder(self, path: Path, keys: Sequence[object]) -> str:
        """Of an export."""
        return self.ask(kind="folder", path=str(path), keys=list(map(str, keys)))


@contextmanager
def reading(*command: str) -> Iterator[Reader]:
    """A verifier that answers until it is no longer asked."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            yield Reader(process)
        finally:
            process.kill()


@contextmanager
def script() -> Iterator[Reader]:
    """The script of the how-to page."""
    with reading(*BARE, "-c", DRIVER, str(SCRIPT)) as reader:
        yield reader


@contextmanager
def node() -> Iterator[Reader]:
    """The reader in Node.js."""
    assert NODE is not None
    with reading(NODE, str(NODE_READER)) as reader:
        yield reader
