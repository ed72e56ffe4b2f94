"""Ceasefires and violations as tables; one agreement with the reasons for its status."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console

from ledger.cli import wording
from ledger.cli.tables import print_basis, print_below, print_left_out, print_more, print_table, table


def print_ceasefires(console: Console, answer: Any) -> None:
    """All agreements of an answer, one row each."""
    made = table("agreement", "formal", "since", "observance", "violations", "last violation", title="Ceasefires")
    for each in answer.ceasefires:
        made.add_row(
            each.agreement_id,
            wording.formal_status(each.formal),
            wording.interval(each.in_force_since),
            wording.observance(each.observance),
            violation_words(each.violations),
            each.last_violation,
        )
    print_table(console, made, "No agreement is recorded.")
    print_basis(console, answer.basis, f"at {answer.at}" if answer.at else "", *_rules(answer.ceasefires))
    for each in answer.ceasefires:
        print_left_out(console, each.left_out)
    print_more(console, answer)


def _rules(ceasefires: Any) -> list[str]:
    return sorted({f"rule {each.observance_rule}" for each in ceasefires if each.observance_rule})


def violation_words(counts: Any) -> str:
    """How many, and how far they are established."""
    names = ("alleged", "verified", "attributed", "disputed", "unfounded")
    parts = [f"{getattr(counts, name)} {name}" for name in names if getattr(counts, name)]
    return f"{counts.total} ({', '.join(parts)})" if parts else str(counts.total)


def print_ceasefire(console: Console, answer: Any) -> None:
    """One agreement with all that its status follows from."""
    found = answer.ceasefire
    made = table("ceasefire", found.agreement_id)
    for name, value in _facts(found):
        if value:
            made.add_row(name, value)
    print_table(console, made, "")
    _print_parties(console, found)
    _print_transitions(console, found)
    _print_conflicts(console, found)
    for sentence in found.explanation:
        console.print(wording.visible(f"- {sentence}"))
    print_basis(console, answer.basis, f"at {answer.at}" if answer.at else "", *_rules([found]))
    print_left_out(console, found.left_out)


def _facts(found: Any) -> Iterator[tuple[str, str]]:
    terms = found.terms
    yield "title", terms.title
    yield "formal status", wording.formal_status(found.formal)
    yield "in force since", wording.interval(found.in_force_since)
    yield "observance", wording.observance(found.observance)
    yield "window", f"{found.window_from} to {found.window_to}" if found.window_from else ""
    yield "violations", violation_words(found.violations)
    yield "last violation", found.last_violation
    yield "watched", _watched(found.monitoring) if found.window_from else ""
    yield "parties", wording.ids(terms.parties)
    yield "zone", wording.place(terms.zone)
    yield "fixed term", f"{terms.fixed_term_hours} hours" if terms.HasField("fixed_term_hours") else ""
    yield "ends", wording.interval(terms.ends)
    yield "provisions", "; ".join(terms.provisions)
    yield "purposes", "; ".join(terms.purposes)
    yield "mediators", wording.ids(terms.mediators)
    yield "monitoring", terms.monitoring_mechanism
    yield "replaces", terms.supersedes_agreement_id
    yield "registers", ", ".join(f"{each.scheme} {each.id}" for each in terms.external_ids)


def _watched(coverage: Any) -> str:
    """Who is known to have watched in the window: without that, no report says nothing."""
    seen = wording.number(coverage.observations)
    said = f"{seen} claims of observation" if coverage.observations else "nobody is known to have watched"
    last = f", the last on {coverage.last_observation}" if coverage.last_observation else ""
    hindered = f"; {wording.number(coverage.restrictions)} of restrictions" if coverage.restrictions else ""
    return f"{said}{last}{hindered}"


def _print_parties(console: Console, found: Any) -> None:
    made = table("party", "formal", "violations", numbers=("violations",), title="Parties")
    for each in found.parties:
        made.add_row(each.party, wording.formal_status(each.formal), wording.number(each.violations))
    print_below(console, made)


def _print_transitions(console: Console, found: Any) -> None:
    made = table("status", "occurred", "parties", "positions", "why", title="Transitions")
    for each in found.transitions:
        made.add_row(
            wording.formal_status(each.status),
            wording.interval(each.occurred),
            wording.ids(each.parties) or "all",
            ", ".join(map(str, each.positions)),
            each.explanation,
        )
    print_below(console, made)


def _print_conflicts(console: Console, found: Any) -> None:
    for each in found.conflicting_dates:
        pairs = zip(each.dates, each.positions, strict=False)
        dates = "; ".join(f"{wording.interval(day)} (position {position})" for day, position in pairs)
        chosen = wording.interval(each.dates[each.chosen]) if each.chosen < len(each.dates) else "none"
        console.print(f"Sources differ on {each.what}: {dates}. Taken: {chosen}, by the rule {each.rule}.")


def print_violations(console: Console, answer: Any) -> None:
    """The violations of an answer, and the series beside them."""
    columns = ("position", "agreement", "occurred", "standing", "by", "kind")
    made = table(*columns, numbers=("position",), title="Violations")
    for each in answer.violations:
        claim = each.claim.event.claim
        body = claim.ceasefire_violated
        made.add_row(
            str(each.claim.event.position),
            each.agreement_id,
            "\n".join(
                part for part in (wording.narrow_interval(claim.occurred), wording.place(claim.place)) if part
            ),
            wording.standing(each.standing),
            "\n".join(body.violators),
            body.violation_kind,
        )
    print_table(console, made, "No violation fits. No report is not the same as no violation.")
    steps = table("from", "violations", numbers=("violations",), title="Series")
    for point in answer.series:
        steps.add_row(getattr(point, "from"), wording.number(point.violations))
    print_below(console, steps)
    print_basis(console, answer.basis)
    print_left_out(console, answer.left_out)
    print_more(console, answer)
