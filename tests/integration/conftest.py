"""Fixtures of several of these files: a service on the test's database, a network that fails, a server to stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.proxy import Proxy, proxied
from ledger.embedded import EmbeddedPostgres
from tests.postgres import Database
from tests.served import ServiceProcess, serving


@pytest.fixture
def service(database: Database) -> Iterator[ServiceProcess]:
    """A service process on the test's database."""
    with serving(environment={"LEDGER_DATABASE_URL": database.service_url}) as running:
        yield running


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    """The way to the test's database, which the test may cut."""
    with proxied(database.service_url) as opened:
        yield opened


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A database server that the test may stop and start."""
    running = EmbeddedPostgres(tmp_path / "data", durable=False)
    running.start()
    try:
        yield running
    finally:
        running.stop()
