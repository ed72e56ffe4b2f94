"""The image and the compose file: health checks, an unprivileged role, no secret written down."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.repository.checkout import read

Compose = dict[str, Any]
# A password, or a URL that holds one: it must come from the environment, or starting is refused.
FROM_ENVIRONMENT = re.compile(r"\$\{\w+:\?[^}]+\}")
PASSWORD_IN_URL = re.compile(r"://[^:@/{}]+:(.*)@[^@]+$")


def unhealthy(compose: Compose) -> list[str]:
    """Lasting services without a health check, and dependants that do not wait for one."""
    faults = []
    for name, service in compose["services"].items():
        lasting = service.get("restart") != "no"
        if lasting and not service.get("healthcheck", {}).get("test"):
            faults.append(f"{name}: no health check")
        for other, how in dict(service.get("depends_on", {})).items():
            once = compose["services"][other].get("restart") == "no"
            wanted = "service_completed_successfully" if once else "service_healthy"
            if how.get("condition") != wanted:
                faults.append(f"{name}: does not wait until {other} is {wanted}")
    return faults


def privileged(compose: Compose) -> list[str]:
    """What would give the service more than the role ledger_service."""
    service = compose["services"]["ledger"]
    settings: dict[str, str] = service["environment"]
    faults = [f"{name} is given to the service" for name in settings if "OWNER" in name or "ADMIN" in name]
    if not settings.get("LEDGER_DATABASE_URL", "").startswith("postgresql://ledger_service:"):
        faults.append("the service does not log in as ledger_service")
    if "provision" not in service.get("depends_on", {}):
        faults.append("the service does not wait for its role to be provisioned")
    if "LEDGER_OWNER_DATABASE_URL" not in compose["services"]["provision"]["environment"]:
        faults.append("the provisioning step has no rights to make the role")
    if "LEDGER_ADMIN_PASSWORD" in str(settings):
        faults.append("the service is given the superuser's password")
    return faults


def written_secrets(compose: Compose) -> list[str]:
    """Passwords that are written down, or that have a default."""
    faults = []
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            in_url = PASSWORD_IN_URL.search(value)
            secret = in_url.group(1) if in_url else value if "PASSWORD" in variable else None
            if secret is not None and not FROM_ENVIRONMENT.fullmatch(secret):
                faults.append(f"{name}: {variable} holds a secret that does not come from the environment")
    return faults


def unsafe_storage(compose: Compose) -> list[str]:
    """Data that would be lost with its container, and ports that others than this machine can reach."""
    faults = [
        f"{name}: data is not on a named volume"
        for name in ("postgres", "ledger")
        if not any(
            mount.partition(":")[0] in compose.get("volumes", {})
            for mount in compose["services"][name].get("volumes", [])
        )
    ]
    for name, service in compose["services"].items():
        faults += [
            f"{name}: {port} is open to others"
            for port in service.get("ports", [])
            if not port.startswith("127.0.0.1:")
        ]
    return faults


CHECKS: list[Callable[[Compose], list[str]]] = [unhealthy, privileged, written_secrets, unsafe_storage]


@pytest.fixture
def compose() -> Compose:
    """The compose file as it stands."""
    loaded: Compose = yaml.safe_load(read("docker-compose.yml"))
    return loaded


@pytest.mark.parametrize("check", CHECKS)
def test_the_compose_file_holds_to_the_rules(compose: Compose, check: Callable[[Compose], list[str]]) -> None:
    assert check(compose) == []


def test_there_is_one_database_one_provisioning_step_and_one_service(compose: Compose) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "provision", "ledger"}
    version = re.fullmatch(r"postgres:(\d+)", services["postgres"]["image"])
    assert version is not None
    assert int(version[1]) >= 15
    assert services["provision"]["command"] == ["provision"]
    assert services["provision"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def change(compose: Compose, path: str, value: Any) -> Compose:
    """A copy with one value replaced, or removed if the new one is None."""
    changed = copy.deepcopy(compose)
    *folders, last = path.split("/")
    place: dict[str, Any] = changed["services"]
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize(
    ("check", "path", "value"),
    [
        (unhealthy, "postgres/healthcheck", None),
        (unhealthy, "ledger/healthcheck", {"disable": True}),
        (unhealthy, "ledger/depends_on/postgres", {"condition": "service_started"}),
        (unhealthy, "ledger/depends_on/provision", {"condition": "service_healthy"}),
        (privileged, "ledger/environment/LEDGER_OWNER_DATABASE_URL", "postgresql://x"),
        (privileged, "ledger/environment/LEDGER_DATABASE_URL", "postgresql://postgres:x@postgres/x"),
        (privileged, "ledger/depends_on/provision", None),
        (privileged, "ledger/environment/X", "${LEDGER_ADMIN_PASSWORD:?set it}"),
        (privileged, "provision/environment/LEDGER_OWNER_DATABASE_URL", None),
        (written_secrets, "postgres/environment/POSTGRES_PASSWORD", "secret"),
        (written_secrets, "postgres/environment/POSTGRES_PASSWORD", "${P:-secret}"),
        (written_secrets, "ledger/environment/LEDGER_DATABASE_URL", "postgresql://ledger_service:a@host/x"),
        (unsafe_storage, "postgres/volumes", ["./data:/var/lib/postgresql"]),
        (unsafe_storage, "ledger/ports", ["50551:50551"]),
    ],
)
def test_each_rule_can_be_broken(
    compose: Compose, check: Callable[[Compose], list[str]], path: str, value: Any
) -> None:
    assert check(change(compose, path, value)) != []


def image_faults(dockerfile: str) -> list[str]:
    """What an image must have, and this one has not."""
    last = dockerfile.rpartition("\nFROM ")[2]
    health = r'^HEALTHCHECK .*CMD \["incident-ledger", "health"\]$'
    locked = r"install --require-hashes --requirement requirements/run\.txt"
    wanted = {
        "a user other than root": re.search(r"^USER (?!root|0\b)\w+$", last, re.MULTILINE),
        "a health check": re.search(health, last, re.MULTILINE),
        "packages by hash": re.search(locked, dockerfile),
    }
    faults = [f"no {what}" for what, found in wanted.items() if not found]
    unlocked = re.findall(r"pip install(?! --require-hashes| --no-deps --no-index).*", dockerfile)
    return faults + [f"not from a lock: {line}" for line in unlocked]


def test_the_image_holds_to_the_rules() -> None:
    assert image_faults(read("Dockerfile")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("USER ledger", "USER root"),
        ("USER ledger\n", ""),
        ("HEALTHCHECK", "# HEALTHCHECK"),
        ("--require-hashes", ""),
        ("--no-deps --no-index dist", "dist"),
    ],
)
def test_each_rule_of_the_image_can_be_broken(old: str, new: str) -> None:
    dockerfile = read("Dockerfile")
    assert old in dockerfile
    assert image_faults(dockerfile.replace(old, new)) != []
