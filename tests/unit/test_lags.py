"""How late what follows a ledger is, of each event: from its commit until a reader sees that it is covered."""

from benchmarks.following import lags


def test_the_lag_of_an_event_ends_when_a_position_that_covers_it_is_seen() -> None:
    commits = [(12, 1.0), (20, 2.0), (21, 3.0), (30, 4.0)]
    seen = [(0.5, 10), (1.5, 15), (2.25, 20), (7.0, 29)]
    assert lags(commits, 10, seen, most=60.0) == [0.5] * 2 + [0.25] * 8 + [4.0] + [60.0] * 9
    assert lags(commits[:1], 10, [], most=60.0) == [60.0] * 2
    assert lags([(12, 1.0)], 10, [(0.9, 12)], most=60.0) == [0.0] * 2  # seen before the appender was told
