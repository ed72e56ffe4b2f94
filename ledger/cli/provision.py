"""`provision`: makes a database ready for the service. The one command that needs an administrator's rights."""

import click
from psycopg.conninfo import conninfo_to_dict

from ledger.cli.session import example
from ledger.persistence.install import install
from ledger.persistence.provision import DATABASE
from ledger.persistence.provision import provision as make
from ledger.settings import Settings, SettingsError


@click.command(epilog=example("incident-ledger provision"))
def provision() -> None:
    """Make the database, its owner and the service's role, and install what creates ledgers. Safe to repeat.

    LEDGER_OWNER_DATABASE_URL names an administrator; LEDGER_DATABASE_URL the database, and the password that the
    service's role is given.
    """
    settings = Settings.read()
    if not settings.owner_database_url or not settings.database_url:
        raise SettingsError("LEDGER_OWNER_DATABASE_URL and LEDGER_DATABASE_URL are both needed; set them")
    service = conninfo_to_dict(settings.database_url)
    if not service.get("password"):
        raise SettingsError("LEDGER_DATABASE_URL has no password for the service's role; give it one")
    database = str(service.get("dbname") or DATABASE)
    urls = make(settings.owner_database_url, database, service_password=str(service["password"]))
    install(urls.owner_url)
    click.echo(f"provisioned {database}: the service can create its ledgers now")
