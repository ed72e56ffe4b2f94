"""What the repository checks look at: the files of the checkout, tracked or about to be."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = "proto/gen/"


def tracked_files() -> list[str]:
    """Paths relative to the root: what git has, or would take with `git add`; not what it ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted({path for path in listing.split("\0") if path and (ROOT / path).is_file()})


def python_files(*folders: str) -> list[str]:
    """The Python modules in these folders (all, without one), without the generated ones."""
    prefixes = tuple(f"{folder}/" for folder in folders) or ("",)
    return [
        path
        for path in tracked_files()
        if path.endswith(".py") and path.startswith(prefixes) and not path.startswith(GENERATED)
    ]


def read(path: str) -> str:
    """A text file of the checkout; bytes that are no text are replaced, so that binaries can be scanned."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")
