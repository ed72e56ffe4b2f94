"""Settings: what cannot be is told with the variable's name, and never with a password."""

import pytest

from ledger.settings import DEFAULT_ADDRESS, Role, Settings, SettingsError
from projections.engine import Parking
from projections.service import with_rules

FAULTY = {
    "LEDGER_DATABASE_URL": ["mysql://user:sekret@host/db", "sekret", "postgresql://user:sekret@host/db?foo=bar"],
    "LEDGER_LISTEN": ["127.0.0.1:99999", "50551", "127.0.0.1:", ":50551", "127.0.0.1:-1"],
    "LEDGER_ROLE": ["both"],
    "LEDGER_LOG_LEVEL": ["bogus"],
    "LEDGER_SHARE_PORT": ["perhaps"],
    "LEDGER_MAX_QUEUED_REPORTS": ["0", "-1", "many"],
    "LEDGER_MAX_REPORT_BYTES": ["1", "8388608"],
    "LEDGER_MAX_REPORT_CLAIMS": ["1001"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FAULTY.items() for value in values])
def test_a_value_that_cannot_be_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as told:
        Settings.read()
    assert "sekret" not in str(told.value)


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FAULTY:
        monkeypatch.delenv(name, raising=False)
    assert Settings.read().listen == DEFAULT_ADDRESS
    monkeypatch.setenv("LEDGER_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("LEDGER_ROLE", "read")
    read = Settings.read(listen="127.0.0.1:2", role=None)
    assert (read.listen, read.role) == ("127.0.0.1:2", Role.READ)


def test_names_are_written_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PARK", " incidents, threats,")
    assert Settings.read().park == ("incidents", "threats")
    assert Settings.read(park="casualties").park == ("casualties",)


def test_a_projection_that_is_not_there_cannot_park() -> None:
    with pytest.raises(SettingsError, match="LEDGER_PARK: there is no projection 'wars'; there are casualties, "):
        with_rules(["threats", "wars"])
    rules = {each.name: isinstance(each, Parking) for each in with_rules(["threats"])}
    assert rules == {"casualties": False, "ceasefires": False, "incidents": False, "threats": True}


def test_an_empty_database_url_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", "")
    assert Settings.read().database_url is None
