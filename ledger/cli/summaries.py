"""One line for each type of claim, for lists of events and evidence; for reading, never for parsing."""

from collections.abc import Callable
from typing import Any

from ledger.cli import wording

MAX_LIST = 4
"""So many items of a list are named in a summary."""


def summary(event: Any) -> str:
    """What a recorded event says."""
    if event.redacted:
        return "(redacted)"
    return claim_summary(event.claim) if event.HasField("claim") else ""


def claim_summary(claim: Any) -> str:
    """What a claim says."""
    name = claim.WhichOneof("body")
    if name is None:
        return ""
    body = getattr(claim, name)
    return _SUMMARIES.get(name, _by_fields)(body)


def _casualties(victims: str, what: str) -> Callable[[Any], str]:
    def summarised(body: Any) -> str:
        kind = wording.victim_class(body.victim_class) if victims == "persons" else victims
        return f"{wording.count(body.count)} {what}: {_victims(kind, body)}{_by(body.perpetrators)}"

    return summarised


def _victims(kind: str, body: Any) -> str:
    named = "persons of unknown class" if kind in ("unknown", "") else kind
    return f"{named} of {body.victim_party}" if body.victim_party else named


def _by(actors: Any) -> str:
    return f", by {_few(actors)}" if actors else ""


def _few(names: Any) -> str:
    shown = [str(name) for name in names[:MAX_LIST]]
    return ", ".join(shown + ([f"{len(names) - MAX_LIST} more"] if len(names) > MAX_LIST else []))


def _toll(body: Any) -> str:
    victims = _victims(wording.toll_class(body.victim_class), body)
    return f"toll of {wording.count(body.count)} {wording.outcome(body.outcome)}: {victims}{_by(body.perpetrators)}"


def _filed(body: Any) -> str:
    said = f"{body.source.name}, {body.reported}"
    title = f": {body.title}" if body.title else ""
    return f"{said}{title} ({body.claim_count} claim{'' if body.claim_count == 1 else 's'})"


def _actor(body: Any) -> str:
    also = f", also {_few(body.aliases)}" if body.aliases else ""
    return f"{body.name}, {wording.actor_kind(body.actor_kind)}{also}"


def _force(verb: str) -> Callable[[Any], str]:
    def summarised(body: Any) -> str:
        against = f" against {_few(body.targets)}" if body.targets else ""
        means = f", {body.means}" if getattr(body, "means", "") else ""
        return f"{verb}{against}{_by(body.attackers)}{means}{_answering(getattr(body, 'answers', ()))}"

    return summarised


def _answering(acts: Any) -> str:
    return f", in answer to {_few([act.incident_id or act.event_id for act in acts])}" if acts else ""


def _threat(body: Any) -> str:
    parts = [f"{wording.threat_kind(body.threat_kind)} by {_few(body.issued_by) or 'nobody named'}"]
    parts += [f"against {_few(body.against)}"] if body.against else []
    parts += [f"until {wording.interval(body.deadline)}"] if body.HasField("deadline") else []
    parts += [f"if {body.condition}"] if body.condition else []
    return ", ".join(parts)


def _violation(body: Any) -> str:
    kind = f": {body.violation_kind}" if body.violation_kind else ""
    return f"violates {body.agreement_id}{kind}{_by(body.violators)} ({wording.standing(body.standing)})"


def _agreed(act: str, who: str) -> Callable[[Any], str]:
    def summarised(body: Any) -> str:
        title = f"“{body.terms.title}” " if body.terms.title else ""
        return f"{title}{act}{_by(getattr(body, who)).removeprefix(',')}"

    return summarised


def _of_parties(act: str) -> Callable[[Any], str]:
    return lambda body: f"{act} {_few(body.parties) or 'all'}"


def _extended(body: Any) -> str:
    if body.HasField("ends"):
        return f"extended to {wording.interval(body.ends)}"
    return f"extended by {body.added_hours} hours" if body.added_hours else "extended without end"


def _ended(body: Any) -> str:
    later = f" by {body.superseded_by_agreement_id}" if body.superseded_by_agreement_id else ""
    return f"ended: {wording.ending(body.ending)}{later}{_by(body.ended_by)}"


def _created(body: Any) -> str:
    return "created" if not body.size else f"there, with {wording.number(body.size)} events"


def _operated(body: Any) -> str:
    what = f"{wording.projection_operation(body.operation)} {body.projection}"
    at = f", ending at {wording.number(body.at_position)}" if body.at_position else ""
    return f"{what}, generation {body.generation}{at}" if body.generation else what


def _rebuild_ended(body: Any) -> str:
    what = f"{wording.projection_operation(body.operation)} {body.projection}, generation {body.generation}"
    ended = f"{wording.rebuild_result(body.result)} at {wording.number(body.position)}"
    return f"{what}: {ended}{f', {body.error}' if body.error else ''}"


def _erased(body: Any) -> str:
    return f"payload of {wording.number(body.target_position)}, as {wording.number(body.act_position)} says"


def _accepted(body: Any) -> str:
    return (
        f"goes on with {wording.number(body.size)} events, after a checkpoint of {wording.number(body.issued_size)}"
    )


def _by_fields(body: Any) -> str:
    """For types without a sentence of their own: the fields that are set, but for the subject's id."""
    said = []
    for field, value in body.ListFields():
        if field.name in ("incident_id", "threat_id", "external_ids", "content_digest", "evidence"):
            continue
        if field.message_type is None and field.enum_type is None:
            said.append(f"{field.name.replace('_', ' ')} {_few(value) if field.is_repeated else value}")
        elif field.name == "source":
            said.append(f"source {value.name}")
        elif field.name == "terms" and value.title:
            said.append(f"“{value.title}”")
        elif field.name == "replacement":
            said.append(f"now {claim_summary(value)}")
    return ", ".join(said)


_SUMMARIES: dict[str, Callable[[Any], str]] = {
    "troops_killed": _casualties("troops", "killed"),
    "troops_injured": _casualties("troops", "injured"),
    "civilians_killed": _casualties("civilians", "killed"),
    "civilians_injured": _casualties("civilians", "injured"),
    "persons_killed": _casualties("persons", "killed"),
    "persons_injured": _casualties("persons", "injured"),
    "persons_missing": _casualties("persons", "missing"),
    "persons_captured": _casualties("persons", "captured"),
    "toll_claimed": _toll,
    "attack_reported": _force("attack"),
    "retaliation": _force("retaliation"),
    "offensive_reported": _force("offensive"),
    "threat_issued": _threat,
    "agreement_signed": _agreed("signed", "signatories"),
    "ceasefire_declared": _agreed("declared", "declared_by"),
    "ceasefire_proposed": _agreed("proposed", "proposed_by"),
    "ceasefire_took_effect": _of_parties("took effect for"),
    "ceasefire_suspended": _of_parties("suspended for"),
    "ceasefire_resumed": _of_parties("resumed for"),
    "ceasefire_extended": _extended,
    "ceasefire_ended": _ended,
    "party_withdrew": lambda body: f"{body.party} withdrew",
    "ceasefire_violated": _violation,
    "report_filed": _filed,
    "actor_registered": _actor,
    "ledger_created": _created,
    "projection_operated": _operated,
    "rebuild_ended": _rebuild_ended,
    "payload_erased": _erased,
    "rollback_accepted": _accepted,
    "signing_keys_changed": lambda body: f"signed by {', '.join(body.verifier_keys)}",
}
