"""Fixtures for every test: a PostgreSQL server per version and session, a database of its own per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres import Cluster, Database, Version, folder_in_memory, running_cluster, selected_versions

# How long one example takes says nothing on a shared machine; the bound on a whole test stays.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


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
