"""Nothing in the repository is tied to one machine or to one package registry."""

import re
import tomllib

import pytest

from tests.repository.checkout import ROOT, read, tracked_files

LOCKS = ("bench", "build", "dev", "run", "stubs")
# Written in parts, so that this file passes its own check.
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("yarnpkg", "com"),
            ("anaconda", "org"),
            ("crates", "io"),
            ("rubygems", "org"),
            ("proxy", "golang", "org"),
            ("docker", "io"),
            ("ghcr", "io"),
            ("quay", "io"),
            ("buf", "build/"),
        ]
    )
)
# A home or scratch folder with something in it, where a path starts: not within a word or a longer path.
MACHINE_PATH = re.compile(r"(?<![\w.$}/])/(?:home|root|work|tmp|Users)/[\w.~-]+")
REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==", re.MULTILINE)


def registry_hosts(text: str) -> list[str]:
    """The names of package registries in a text."""
    return REGISTRIES.findall(text)


def machine_paths(text: str) -> list[str]:
    """The paths in a text that exist on one machine only."""
    return MACHINE_PATH.findall(text)


def unhashed(lock: str) -> list[str]:
    """The requirements of a lock that no hash follows."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    requirements = [entry for entry in entries if REQUIREMENT.match(entry)]
    return [entry.split()[0] for entry in requirements if "--hash=sha256:" not in entry]


def addresses(lock: str) -> list[str]:
    """The lines of a lock that say where a package comes from: an address or an option for one."""
    told = re.compile(r"://|^\s*-(?:i|f)\b|^\s*--(?:index-url|extra-index-url|find-links|trusted-host)| @ ")
    return [line for line in lock.splitlines() if told.search(line)]


def pinned(lock: str) -> set[str]:
    """The names that a lock pins."""
    return set(REQUIREMENT.findall(lock))


def lock_text(name: str) -> str:
    """A lock file of the project."""
    return read(f"requirements/{name}.txt")


def test_no_registry_is_named() -> None:
    named = {path: found for path in tracked_files() if (found := registry_hosts(read(path)))}
    assert named == {}


def test_no_path_of_one_machine_is_named() -> None:
    named = {path: found for path in tracked_files() if (found := machine_paths(read(path)))}
    assert named == {}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_hashes_and_no_address(name: str) -> None:
    lock = lock_text(name)
    assert pinned(lock)
    assert unhashed(lock) == []
    assert addresses(lock) == []


def test_every_lock_file_is_checked() -> None:
    assert {path.stem for path in (ROOT / "requirements").glob("*.txt")} == set(LOCKS)


def test_the_locks_hold_what_the_package_needs() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=;, ]", entry)[0].lower() for entry in requirements}

    run, dev = pinned(lock_text("run")), pinned(lock_text("dev"))
    extras = project["optional-dependencies"]
    assert names(project["dependencies"]) <= run
    assert names([*extras["dev"], *extras["embedded"]]) <= dev
    pins = {line for line in lock_text("run").splitlines() if "==" in line}
    assert pins <= set(lock_text("dev").splitlines())


def test_the_registry_check_can_fail() -> None:
    assert registry_hosts("https://" + ".".join(["pypi", "org"]) + "/simple") != []
    assert registry_hosts("pip install from PyPI") == []


@pytest.mark.parametrize("folder", ["home", "root", "work", "tmp", "Users"])
def test_the_path_check_can_fail(folder: str) -> None:
    assert machine_paths(f"see /{folder}/x") != []
    assert machine_paths(f'open("/{folder}/some.csv")') != []
    assert machine_paths(f"the tree's/{folder}/leaf, https://example.test/{folder}/x") == []


def test_the_lock_checks_can_fail() -> None:
    good = "a==1 \\\n    --hash=sha256:00\n    # via b\nb==2 ; sys_platform == 'x' \\\n    --hash=sha256:11\n"
    bare = "a==1\nb==2 \\\n    --hash=sha256:11\n"
    assert (unhashed(good), addresses(good), pinned(good)) == ([], [], {"a", "b"})
    assert unhashed(bare) == ["a==1"]
    for line in ("--index-url x", "-i x", "--find-links=/x", "a @ file:///x", "# https://example.test"):
        assert addresses(f"{good}{line}\n") == [line]
