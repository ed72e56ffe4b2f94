"""Goes back to this program's version of a projection, where a newer program has replaced it: brings the generation
that is still kept level, and swaps it in. Only on request: two programs that run at once never swap to and fro."""

from ledger.errors import NotPossibleError
from projections.engine.catalogue import Generation
from projections.engine.projection import Connection
from projections.engine.rebuilding import Rebuild
from projections.engine.rebuilds import ROLL_BACK


class RollBack(Rebuild):
    """Ends with the generation that had been replaced live again."""

    purpose = ROLL_BACK
    given_up = "retired"

    def _check(self, connection: Connection) -> None:
        live, mine = self._live(connection), self._projection.version
        if live.version <= mine:
            served = f"{self.name} is served by version {live.version}"
            raise NotPossibleError(why=f"{served}, and this program's is {mine}; only an older program goes back")

    def _added(self, connection: Connection) -> Generation:
        found = self._catalogue.take_back(connection, self._projection)
        if found is None:
            kept = f"no generation of {self.name} of version {self._projection.version} is kept"
            raise NotPossibleError(why=f"{kept}; a rebuild by this program makes one")
        return found

    def _compare(self, connection: Connection) -> bool:
        """Nothing is compared: the two are of different versions."""
        return True
