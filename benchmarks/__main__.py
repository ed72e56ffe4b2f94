"""`make bench`: the ledger beside raw limits and rivals, in one run and in turns. It prints tables and, with
--json, writes everything that it measured. A bar that is not reached is no failure; an opponent that breaks is."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks import appending, bulk, history, importing, machine, mixed, projecting, table, totals, waiting
from benchmarks.bars import verdicts
from benchmarks.ground import Ground
from benchmarks.opponents import Opponent, Scale, rounds

SECONDS, ROUNDS, HISTORY = 5.0, 3, 1_000_000
SHORT = Scale(seconds=0.2, rounds=1, history=2_000, short=True)

Group = Callable[[Ground, Scale], Iterable[Opponent]]
GROUPS: dict[str, Group] = {
    "unary": appending.opponents,
    "slow": appending.slowed,
    "pairs": appending.pairs,
    "latency": waiting.latencies,
    "delivery": waiting.deliveries,
    "stream": bulk.opponents,
    "rivals": bulk.rivals,
    "history": history.opponents,
    "import": importing.opponents,
    "totals": totals.opponents,
    "projections": projecting.opponents,
}


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make bench BENCH=…", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one short round of few sizes: to see that all runs")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each measurement (default {SECONDS:g})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of which medians are taken (default {ROUNDS})")
    parser.add_argument(
        "--history",
        type=int,
        default=HISTORY,
        help=f"events to replay and project, claims to sum (default {HISTORY:,})",
    )
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="these groups of opponents")
    parser.add_argument("--json", type=Path, help="file for everything that was measured")
    return parser.parse_args()


def main() -> int:
    """Measures and prints."""
    given = arguments()
    scale = SHORT if given.short else Scale(given.seconds, given.rounds, given.history)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, ExitStack() as stack:
        ground = Ground(Path(name), stack)
        load = machine.load()
        opponents = [each for group in given.only for each in GROUPS[group](ground, scale)]
        results = rounds(opponents, scale)
        about = machine.about(ground, Path(name)) | {"load before": load, **asdict(scale)}
        about |= mixed.told() if "projections" in given.only else {}
    judged = verdicts(results.measured)
    table.print_all(about, results, judged)
    if given.json:
        given.json.write_text(json.dumps(table.document(about, results, judged), indent=2))
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
