"""How far the check in the background is with each ledger, and what it has found: a file for each in the data
folder, so that it outlasts the process. It checks nothing."""

import logging
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ledger.persistence.checking import Memo
from ledger.persistence.durable import write_whole

log = logging.getLogger(__name__)

CHECKS_FOLDER = "checks"
ENDING = ".json"


class CheckState(BaseModel):
    """Of one ledger."""

    model_config = ConfigDict(frozen=True)

    verified: int = 0
    """Events of the pass that is under way, or that was the last."""
    total: int = 0
    completed_at: datetime | None = None
    """When a pass last came to its end without a finding."""
    completed_size: int = 0
    finding: str = ""
    """What does not fit; it stands until a whole pass finds nothing."""
    finding_position: int = 0
    found_at: datetime | None = None
    memo: Memo | None = None
    """Where the next start goes on."""


NOTHING = CheckState()


class CheckStates:
    """The files of one installation. Other processes may share them."""

    def __init__(self, folder: Path) -> None:
        """Of a data folder."""
        self._folder = folder / CHECKS_FOLDER
        self._unwritten: dict[str, CheckState] = {}
        """Of a folder that cannot be written to."""

    def state(self, ledger: str) -> CheckState:
        """What is known of a ledger; a file that cannot be read says nothing."""
        if ledger in self._unwritten:
            return self._unwritten[ledger]
        try:
            return CheckState.model_validate_json((self._folder / f"{ledger}{ENDING}").read_bytes())
        except (OSError, ValidationError):
            return NOTHING

    def keep(self, ledger: str, state: CheckState) -> None:
        """Write it down; where that cannot be it is known to this process alone."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._folder / f"{ledger}{ENDING}", state.model_dump_json() + "\n")
            self._unwritten.pop(ledger, None)
        except OSError as error:
            if not self._unwritten:
                log.warning("how far checks are is not kept: %s", error)
            self._unwritten[ledger] = state

    def findings(self) -> dict[str, str]:
        """What was found, by ledger."""
        try:
            names = {each.name.removesuffix(ENDING) for each in self._folder.glob(f"*{ENDING}")}
        except OSError:
            names = set()
        found = {name: self.state(name).finding for name in sorted(names | self._unwritten.keys())}
        return {name: finding for name, finding in found.items() if finding}
