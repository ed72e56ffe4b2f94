"""The composition root: settings in, a running service out. The one place where both sides are known.
It starts in an order in which nothing is promised that is not there, and stops in the reverse."""

import asyncio
import logging
import secrets
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from incident.ledger.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
)
from ledger.api.audit_service import AuditServicer
from ledger.api.background import BackgroundChecks
from ledger.api.checkpoints import Checkpoints
from ledger.api.ledger_service import LedgerServicer
from ledger.api.ledgers import Ledgers
from ledger.api.memory import collect_seldom, keep_freed
from ledger.api.regular import RegularCheckpoints
from ledger.api.requests import DEFAULT_LEDGER
from ledger.api.server import Server
from ledger.audit import policies
from ledger.audit.policies import Policy, PolicyError
from ledger.embedded import EmbeddedPostgres
from ledger.errors import LedgerError
from ledger.persistence import install
from ledger.persistence.check_states import CheckStates
from ledger.persistence.connecting import connect
from ledger.persistence.issued import IssuedCheckpoints
from ledger.persistence.provision import provision
from ledger.persistence.signing import Signing
from ledger.settings import Role, Settings, SettingsError
from projections.engine.databases import Databases
from projections.service import ReadingService

if TYPE_CHECKING:
    from ledger.api.witnesses import Witnesses

log = logging.getLogger(__name__)

AUDIT_SERVICE = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name
EMBEDDED_FOLDER = "postgres"
LOOK_SECONDS = 2.0
"""How often the databases are looked at, for health."""
FIRST_LOOK_SECONDS = 0.2

Ready = Callable[[str], Awaitable[None]]


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the database as the service's role; an embedded one is started, provisioned and stopped."""
    if settings.database_url:
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data_dir / EMBEDDED_FOLDER) as server:
        urls = provision(server.url(), service_password=secrets.token_urlsafe(24))
        install.install(urls.owner_url)
        yield urls.service_url


def signing_of(settings: Settings) -> Signing:
    """What signs checkpoints; a key is made now, where there is none, so that it can be published."""
    given = settings.checkpoint_key.get_secret_value() if settings.checkpoint_key is not None else None
    signing = Signing(settings.data_dir, given, settings.origin)
    try:
        signing.keys()
    except LedgerError as error:
        log.warning("no checkpoint can be signed: %s", error)
    return signing


def witnesses_of(settings: Settings, signing: Signing) -> "Witnesses | None":
    """Who is asked to cosign checkpoints of what is signed; none where no policy says so. SettingsError."""
    file = settings.witness_policy
    if file is None:
        return None
    try:
        policy = policies.parse(file.read_bytes().decode("utf-8", "surrogateescape"))
    except OSError as error:
        raise SettingsError(f"LEDGER_WITNESS_POLICY: {file} cannot be read: {error.strerror}") from error
    except PolicyError as error:
        raise SettingsError(f"LEDGER_WITNESS_POLICY: {file}: {error}") from error
    if unreachable := [each.name for each in policy.witnesses if not each.url]:
        what = f"{', '.join(unreachable)} has no URL; add it behind the key, so that it can be asked"
        raise SettingsError(f"LEDGER_WITNESS_POLICY: {file}: {what}")
    _check_concerns(file, policy, signing)
    # Now, and not with the others: it brings an HTTP library, which takes a tenth of a second and some memory.
    from ledger.api.witnesses import Witnesses

    return Witnesses(policy, settings.data_dir, must_meet=settings.witness_fail == "closed")


def _check_concerns(file: Path, policy: Policy, signing: Signing) -> None:
    """A policy for ledgers of others would ask nobody, and look as if it did. SettingsError."""
    try:
        name = signing.keys()[0].name
    except LedgerError:
        return  # which is told, and nothing is signed
    ours = [each.key.name for each in policy.logs if each.key.name.rpartition("/")[0] == name]
    if policy.logs and not ours:
        what = f"none of its `log` lines is of a ledger of this installation, which are called {name}/LEDGER"
        raise SettingsError(f"LEDGER_WITNESS_POLICY: {file}: {what}; name one, or leave these lines out")
    log.info("checkpoints of %s are cosigned", ", ".join(ours) or "all ledgers")


@dataclass
class Service:
    """One running process's parts."""

    url: str
    settings: Settings
    server: Server
    ledgers: Ledgers
    checkpoints: Checkpoints | None
    reading: ReadingService | None
    checks: BackgroundChecks
    working: Sequence[Callable[[], Coroutine[None, None, None]]] = ()
    """What goes on beside the serving, once a database is there."""
    _beside: list[asyncio.Task[None]] = field(default_factory=list)
    _healthy: bool = False
    _trouble: str = ""
    """Why it does not serve, as it was told last: it is looked at several times a second then."""
    _told: asyncio.Future[None] | None = None
    """Telling that it serves, once it does."""

    @classmethod
    def composed(cls, url: str, settings: Settings) -> "Service":
        """Puts the parts together; nothing runs yet."""
        server, issued = Server(settings), IssuedCheckpoints(settings.data_dir)
        ledgers = Ledgers(url, settings, issued)
        checks = BackgroundChecks(url, CheckStates(settings.data_dir), settings.check_events_per_second)
        service = cls(url, settings, server, ledgers, None, None, checks)
        if settings.role is not Role.READ:
            signing = signing_of(settings)
            checkpoints = Checkpoints(ledgers, signing, witnesses_of(settings, signing))
            service.checkpoints = checkpoints
            regular = RegularCheckpoints(ledgers, checkpoints, issued, settings.checkpoint_seconds)
            service.working = (service.record_what_is, regular.run, checks.run)
            recording = LedgerServicer(ledgers, checkpoints)
            ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(recording, server.registry)
            server.offers(ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"])
            auditing = AuditServicer(ledgers, checkpoints, checks)
            audit_service_pb2_grpc.add_AuditServiceServicer_to_server(auditing, server.registry)
            server.offers(audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"])
        if settings.role is not Role.WRITE:
            databases = Databases(url, settings.projections_database_url or url)
            service.reading = ReadingService(
                databases, settings.park or (), ledgers.admit, administration=ledgers.administration
            )
            for each in service.reading.register(server.registry):
                server.offers(each)
        return service

    async def run(self, ready: Ready, stopping: asyncio.Event) -> None:
        """Serves until told to stop. The database may be away at first: calls are UNAVAILABLE until it is there."""
        address = await self.server.start()
        log.info("listening on %s", address)
        watching = asyncio.create_task(self._watch(address, ready))
        try:
            await stopping.wait()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            for each in self._beside:
                each.cancel()
            await asyncio.gather(*self._beside, return_exceptions=True)
            self.ledgers.end_streams()
            await self.server.stop()
            if self.reading is not None:
                await self.reading.stop()
            if self.checkpoints is not None:
                await self.checkpoints.close()
            await self.ledgers.close()
            log.info("stopped")

    async def _watch(self, address: str, ready: Ready) -> None:
        trouble = ""
        while True:
            try:
                await self._look_around(address, ready)
                trouble = ""
            except Exception as error:  # whatever it is, the next look is due: nobody else tells health
                if repr(error) != trouble:
                    log.exception("what is served cannot be looked at; it is tried again")
                trouble = repr(error)
            await asyncio.sleep(LOOK_SECONDS if self._healthy else FIRST_LOOK_SECONDS)

    async def _look_around(self, address: str, ready: Ready) -> None:
        healthy = await asyncio.to_thread(self._look)
        if healthy and self.settings.role is not Role.READ:
            await self.ledgers.look()
        if healthy and self._told is None:
            if self.reading is not None:
                await self.reading.start()
            self._beside = [asyncio.create_task(begin()) for begin in self.working]
            self._told = asyncio.ensure_future(ready(address))
        if healthy != self._healthy:
            self._healthy = healthy
            log.info("serving" if healthy else "not serving: a database is away")
        await self.server.tell_health(healthy, await self._parts())

    async def record_what_is(self) -> None:
        """Bring the administrative record up to what is there; what cannot be now is recorded at the next start."""
        try:
            await asyncio.to_thread(self.ledgers.administration.begin)
            if self.checkpoints is not None:
                await asyncio.to_thread(self.checkpoints.record_keys)
        except Exception:  # it is beside the point of a service that could serve
            log.exception("the administrative record is not up to date")

    async def _parts(self) -> dict[str, bool]:
        """What has a health of its own: read models, ledgers that may be refused, and what checks found."""
        parts = self.reading.health() if self.reading is not None else {}
        if self.settings.role is Role.READ:
            return parts
        return parts | self.ledgers.served() | {AUDIT_SERVICE: await asyncio.to_thread(self.checks.sound)}

    def _look(self) -> bool:
        try:
            if self.settings.role is Role.READ:
                connect(self.url, "health").close()
            else:
                self.ledgers.provide(DEFAULT_LEDGER)
            if self.reading is not None:
                self.reading.look()
        except (psycopg.Error, LedgerError) as error:
            if (trouble := str(error).strip()) != self._trouble:
                log.warning("%s", trouble)
            self._trouble = trouble
            return False
        self._trouble = ""
        return True


async def serve(url: str, settings: Settings, ready: Ready) -> None:
    """Serves until SIGINT or SIGTERM."""
    keep_freed()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    collecting = asyncio.create_task(collect_seldom())
    try:
        await Service.composed(url, settings).run(ready, stopping)
    finally:
        collecting.cancel()
