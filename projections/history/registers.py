"""The rows of reports and actors with the positions in which they held: pure functions of the acts on them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from ledger.domain.actors import ActorRegistered
from projections.history.standing import Act, Span, Standing

Held = TypeVar("Held")


def report_rows(recorded: Iterable[Sequence[Any]], acts: Mapping[str, Sequence[Act]]) -> list[tuple[Any, ...]]:
    """Reports as recorded, with the ranges in which no retraction stands."""
    rows = []
    for columns in recorded:
        report_id, position = columns[0], columns[2]
        about = acts.get(report_id, ())
        spans = _spans(position, about, lambda standing: not any(_retracts(act) for act in standing))
        rows += [(*columns, *span) for held, span in spans if held]
    return rows


def actor_rows(actor_ids: Iterable[str], acts: Sequence[Act]) -> list[tuple[Any, ...]]:
    """Registrations, with the ranges in which they were the latest that stands."""
    rows = []
    for actor_id in sorted(actor_ids):
        about = _about_actor(actor_id, acts)
        for act, span in _spans(0, about, _latest_registration):
            if act is not None:
                said = cast(ActorRegistered, act.event)
                columns = (actor_id, act.event_id, said.name, said.actor_kind.value, list(said.aliases))
                rows.append((*columns, *span))
    return rows


def _about_actor(actor_id: str, acts: Sequence[Act]) -> list[Act]:
    """The registrations of an actor and the acts on these in turn, in order of position."""
    about = []
    ids = set()
    for act in acts:
        if getattr(act.event, "actor_id", None) == actor_id or act.target_event_id in ids:
            about.append(act)
            ids.add(act.event_id)
    return about


def _latest_registration(standing: Sequence[Act]) -> Act | None:
    registrations = [act for act in standing if act.type == "ActorRegistered"]
    return registrations[-1] if registrations else None


def _retracts(act: Act) -> bool:
    return act.type == "ReportRetracted"


def _spans(start: int, acts: Sequence[Act], state: Callable[[Sequence[Act]], Held]) -> list[tuple[Held, Span]]:
    """The values of a state over the positions, from start on, as acts are taken one by one."""
    standing = Standing()
    current, since = state(()), start
    spans: list[tuple[Held, Span]] = []
    for number, act in enumerate(acts, 1):
        standing.take(act)
        value = state([each for each in acts[:number] if standing.stands(each)])
        if value != current:
            spans.append((current, (since, act.position)))
            current, since = value, act.position
    return [*spans, (current, (since, None))]
