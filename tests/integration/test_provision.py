"""Provisioning: what it makes, that it can be repeated, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from ledger.persistence.provision import ProvisionedUrls, ProvisioningError, provision
from tests.postgres import Cluster, Database, running_cluster

NAME = "incident_ledger"


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Cluster]:
    """The shared server, without the database and the roles that a provisioning would make."""
    yield cluster
    cluster.admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME)))


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(sql.SQL(query)).fetchone()
    return row[0] if row else None


def test_makes_a_database_for_the_owner_and_the_service(fresh: Cluster) -> None:
    urls = provision(fresh.server.url(), service_password="it's 100% \\ secret/@:?")
    assert one(urls.owner_url, "SELECT current_user::text") == "ledger_owner"
    assert one(urls.service_url, "SELECT current_user::text") == "ledger_service"
    assert one(urls.service_url, "SELECT current_database()::text") == NAME
    assert one(urls.service_url, "SHOW timezone") == "UTC"
    assert one(urls.service_url, "SHOW server_encoding") == "UTF8"
    assert one(urls.service_url, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"


def test_repeated_it_keeps_the_data_and_takes_the_new_password(fresh: Cluster) -> None:
    first = provision(fresh.server.url(), service_password="first")
    with psycopg.connect(first.owner_url) as connection:
        connection.execute("CREATE SCHEMA kept")
        connection.execute("CREATE TABLE kept.rows AS SELECT 7 AS number")
    second = provision(fresh.server.url(), service_password="second", owner_password="owner")
    assert one(second.owner_url, "SELECT number FROM kept.rows") == 7
    assert one(second.owner_url, "SELECT session_user::text") == "ledger_owner"
    assert one(second.service_url, "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        one(first.service_url, "SELECT 1")


def test_at_once_from_many_sides_all_succeed(fresh: Cluster) -> None:
    def again(_: int) -> ProvisionedUrls:
        return provision(fresh.server.url(), service_password="service")

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(again, range(6)))) == 1


def test_the_passwords_are_in_no_representation() -> None:
    assert "secret" not in repr(ProvisionedUrls("postgresql://a:secret@/x", "postgresql://b:secret@/x"))


def test_an_administrator_without_superuser_suffices(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Roles belong to a whole cluster, so this one is made for the purpose.
    folder = tmp_path_factory.mktemp("other") / "data"
    with running_cluster(folder, cluster.bin_dir) as own:
        own.admin.execute("CREATE ROLE dba LOGIN CREATEDB CREATEROLE PASSWORD 'dba'")
        admin_url = f"postgresql://dba:dba@/postgres?host={quote(own.admin.info.host, safe='')}"
        for _ in range(2):
            urls = provision(admin_url, service_password="service")
        assert one(urls.owner_url, "SELECT current_user::text") == "ledger_owner"
        assert one(urls.owner_url, "SELECT session_user::text") == "dba"
        assert one(urls.service_url, "SELECT current_user::text") == "ledger_service"
        own.admin.execute("ALTER ROLE dba NOCREATEROLE")
        with pytest.raises(ProvisioningError, match="permission denied"):
            provision(admin_url, "another", service_password="service")


@pytest.mark.parametrize("right", ["SUPERUSER", "CREATEROLE", "CREATEDB", "BYPASSRLS", "REPLICATION", "IN"])
def test_a_service_role_with_more_rights_is_refused(fresh: Cluster, right: str) -> None:
    provision(fresh.server.url(), service_password="service")
    give, take = f"ALTER ROLE ledger_service {right}", f"ALTER ROLE ledger_service NO{right}"
    if right == "IN":
        give, take = "GRANT ledger_owner TO ledger_service", "REVOKE ledger_owner FROM ledger_service"
    fresh.admin.execute(sql.SQL(give))
    try:
        with pytest.raises(ProvisioningError, match="more rights"):
            provision(fresh.server.url(), service_password="service")
    finally:
        fresh.admin.execute(sql.SQL(take))


def test_a_database_that_somebody_made_is_taken_over(fresh: Cluster) -> None:
    fresh.admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    urls = provision(fresh.server.url(), service_password="service")
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute("CREATE SCHEMA made_by_the_owner")


def test_a_database_that_is_not_utf8_is_refused(fresh: Cluster) -> None:
    create = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    fresh.admin.execute(sql.SQL(create).format(sql.Identifier(NAME)))
    with pytest.raises(ProvisioningError, match="LATIN1"):
        provision(fresh.server.url(), service_password="service")


def test_a_server_that_is_away_is_a_clear_error(fresh: Cluster) -> None:
    with pytest.raises(ProvisioningError, match=NAME):
        provision("postgresql://postgres@/postgres?host=/nonexistent", service_password="service")


class TestTheDatabaseOfATest:
    def test_is_reached_as_each_of_three_roles(self, database: Database) -> None:
        assert one(database.owner_url, "SELECT session_user::text") == "ledger_owner"
        assert one(database.service_url, "SELECT session_user::text") == "ledger_service"
        assert one(database.admin_url, "SELECT session_user::text") == "postgres"
        for url in (database.owner_url, database.service_url, database.admin_url):
            assert one(url, "SELECT current_database()::text") == database.name

    def test_has_the_version_that_it_says(self, database: Database) -> None:
        found = one(database.admin_url, "SELECT current_setting('server_version_num')::int / 10000")
        assert found == database.version

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE public.mine ()",
            "CREATE TEMP TABLE t ()",
            "CREATE TABLE ledger_main.mine ()",
            "CREATE FUNCTION ledger_admin.mine() RETURNS void LANGUAGE sql AS ''",
        ],
    )
    def test_lets_the_service_make_nothing_where_others_own(self, database: Database, statement: str) -> None:
        with (
            psycopg.connect(database.service_url) as service,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            service.execute(sql.SQL(statement))

    def test_lets_the_service_own_its_read_models(self, database: Database) -> None:
        with psycopg.connect(database.service_url) as service:
            service.execute("CREATE SCHEMA mine")
            service.execute("CREATE TABLE mine.rows ()")
            service.execute("DROP SCHEMA mine CASCADE")

    def test_is_open_to_no_other_role(self, cluster: Cluster, database: Database) -> None:
        query = "SELECT has_database_privilege('stranger', {}, 'CONNECT')"
        cluster.admin.execute("CREATE ROLE stranger")
        try:
            row = cluster.admin.execute(sql.SQL(query).format(sql.Literal(database.name))).fetchone()
        finally:
            cluster.admin.execute("DROP ROLE stranger")
        assert row == (False,)

    @pytest.mark.parametrize("turn", [1, 2])
    def test_holds_nothing_of_the_test_before(self, database: Database, turn: int) -> None:
        with psycopg.connect(database.owner_url) as connection:
            connection.execute("CREATE SCHEMA alone")
