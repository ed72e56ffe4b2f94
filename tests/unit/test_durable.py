"""Files that survive a crash: what is written is forced to disk, then named, then its name is forced there too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ledger.persistence.durable import make_folder, write_whole


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens to files, in its order."""
    happened: list[str] = []
    fsync, replace, mkdir = os.fsync, Path.replace, Path.mkdir

    def synced(opened: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{opened}"))
        happened.append(
            f"sync {path.name.partition('.')[0]}, {path.stat().st_size if path.is_file() else 'folder'}"
        )
        fsync(opened)

    def replaced(draft: Path, path: Path) -> Path:
        happened.append(f"name {path.name}")
        return replace(draft, path)

    def made(path: Path, **more: Any) -> None:
        happened.append(f"make {path.name}")
        mkdir(path, **more)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(Path, "mkdir", made)
    return happened


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell which file is open")
def test_what_is_named_is_on_disk_and_so_is_its_name(tmp_path: Path, order: list[str]) -> None:
    folder = tmp_path / "one" / "two"
    make_folder(folder)
    assert order == ["make one", f"sync {tmp_path.name}, folder", "make two", "sync one, folder"]
    make_folder(folder)
    del order[:]
    write_whole(folder / "file", "twelve bytes")
    assert order == ["sync file, 12", "name file", "sync two, folder"]
    assert [each.name for each in folder.iterdir()] == ["file"]
    assert ((folder / "file").stat().st_mode & 0o077, folder.stat().st_mode & 0o077) == (0, 0)


def test_what_another_process_has_made_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, "first", only_new=True)
    write_whole(file, "second", only_new=True)
    assert file.read_text() == "first"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
