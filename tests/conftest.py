"""Fixtures for every test: a PostgreSQL server per version and session, a database of its own per test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres import Cluster, Database, Version, folder_in_memory, running_cluster, selected_versions

# How long one example takes says nothing on a shared machine; the bound on a whole test stays.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

# Tests start hundreds of processes: they share what is compiled, also where the environment says that none is kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: many tests wait, for servers and for what is meant to take a while."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of tests marked `newest`, leave those on the newest of the selected versions."""
    newest = selected_versions()[0]
    older = [item for item in items if item.get_closest_marker("newest") and _version(item) not in (None, newest)]
    if older:
        config.hook.pytest_deselected(items=older)
        items[:] = [item for item in items if item not in set(older)]


def _version(item: pytest.Item) -> Version | None:
    found: Version | None = item.callspec.params.get("cluster") if hasattr(item, "callspec") else None
    return found


@pytest.fixture(scope="session", params=selected_versions(), ids=lambda version: version.name)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of each selected version; under pytest-xdist, each worker has its own."""
    version: Version = request.param
    if version.missing:
        pytest.skip(version.missing)
    with folder_in_memory() as in_memory:
        folder = in_memory or tmp_path_factory.mktemp(version.name)
        with running_cluster(folder / "data", version.bin_dir) as running:
            yield running


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """An own copy of the template database: owner_url, service_url, admin_url, version."""
    with cluster.database() as own:
        yield own
