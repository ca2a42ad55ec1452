"""What an event says, in words for people: what happened, and the facts that came with it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from executions.web.telling import duration, exact
from safety.models.role import PERMISSIONS

HAPPENED: dict[str, str] = {
    "execution.created": "run submitted",
    "execution.pending_approval": "run waits for an approval",
    "execution.approved": "run approved",
    "execution.queued": "run waits for a worker",
    "execution.started": "run begun",
    "execution.running": "run goes on",
    "execution.needs_attention": "run waits for a person's decision",
    "execution.succeeded": "run succeeded",
    "execution.failed": "run failed",
    "execution.partial": "run succeeded in part",
    "execution.cancelled": "run cancelled",
    "execution.timed_out": "run ran out of time",
    "execution.rejected": "run rejected",
    "execution.expired": "run not approved in time",
    "execution.cancel_requested": "cancel asked for",
    "step.ready": "may begin",
    "step.started": "begun",
    "step.retrying": "will be tried again",
    "step.handed_over": "given back by its worker",
    "step.succeeded": "succeeded",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.cancelled": "cancelled",
    "step.timed_out": "ran out of time",
    "step.interrupted": "outcome unknown",
    "step.resolved": "decided by a person",
    "step.shadowed": "nothing was done: this is a shadow",
    "step.stop_confirmed": "nothing of it is left alive",
    "step.stop_not_confirmed": "nobody could see whether it has ended",
    "step.cleaned_up": "cleaned up on the target",
    "step.cleanup_failed": "not cleaned up on the target",
    "lock.waiting": "waits for an asset",
    "lock.released": "asset released by a person",
    "lock.force_released": "asset taken away by a person",
    "lock.reserved": "asset reserved",
    "lock.reservation_ended": "reservation ended",
    "approval.requested": "approval asked for",
    "approval.reminder": "reminder: the approval is still open",
    "approval.voted": "approved by one of several",
    "approval.approved": "approved",
    "approval.rejected": "rejected",
    "approval.expired": "approval not given in time",
    "approval.withdrawn": "approval taken back",
    "approval.break_glass": "begun without its approval: an emergency",
    "approval.reviewed": "reviewed how it began",
    "approval.review_due": "reminder: nobody reviewed how it began",
    "approval.delegated": "deputy named",
    "approval.delegation_ended": "delegation ended",
    "approval.group_changed": "group of approvers changed",
    "system.alert": "alert",
    "rbac.violation": "refused: a right is missing",
    "rbac.grant_changed": "membership changed",
    "rbac.role_changed": "role changed",
    "masking.rule_changed": "masking rule changed",
    "rollout.changed": "rollout changed",
    "switch.turned": "switched off",
    "switch.lifted": "switch lifted",
    "secret.override": "let through although it looks like a secret",
    "token.created": "API token made",
    "token.revoked": "API token revoked",
    "token.refused": "API token refused",
    "service_account.created": "service account made",
    "service_account.changed": "service account changed",
}
_QUESTIONS = dict(PERMISSIONS)
_CAUSES: dict[str, str] = {
    "user": "a person",
    "timeout": "time",
    "duplicate": "a duplicate",
    "shutdown": "a worker that stops",
    "lease_lost": "a lost lease",
    "resource_limit": "a limit",
    "error": "an error of OpsConductor",
}


def _when(text: str) -> str:
    try:
        return exact(datetime.fromisoformat(text))
    except ValueError:
        return text


def _found(places: Any) -> str:
    return ", ".join(f"{one.get('place', '?')} ({one.get('kind', '?')})" for one in places)


def _plain(value: Any) -> str:
    return str(value)


# How a fact is said, in the order in which facts are told; an empty answer leaves it out.
_SAID: dict[str, Callable[[Any], str]] = {
    "scope": _plain,
    "mode": lambda name: f"mode {name}",
    "decision": lambda name: f"decision: {name}",
    "person": lambda name: f"{name}",
    "question": lambda name: _QUESTIONS.get(name, name),
    "environment": lambda name: f"in {name}",
    "environments": lambda names: f"environments: {names}",
    "step": lambda key: f"step {key}",
    "asset": lambda key: f"asset {key[:8]}",
    "change": _plain,
    "role": lambda name: f"role {name.replace('_', ' ')}",
    "level": lambda level: f"level {level}",
    "policy": lambda name: f"policy {name}",
    "attempt": lambda number: f"attempt {number}",
    "token": lambda value: f"token {value}",
    "resume": lambda resumes: "goes on with what its target runs already" if resumes else "",
    "kind": lambda name: f"because of {_CAUSES.get(name, name)}",
    "delay_s": lambda seconds: f"in {duration(seconds)}",
    "waiting_for": lambda what: f"waiting for {what}",
    "limit_s": lambda seconds: f"limit {duration(seconds)}",
    "spent_s": lambda seconds: f"{duration(seconds)} spent",
    "left_s": lambda seconds: f"{duration(seconds)} left",
    "last": lambda is_last: "the last reminder" if is_last else "",
    "missing": lambda number: f"{number} more needed" if number else "",
    "hash": lambda digest: f"hash {digest[:12]}",
    "plan_hash": lambda digest: f"plan {digest[:12]}",
    "again": lambda again: "although the same plan ran before" if again else "",
    "signed_in_with": lambda method: f"signed in with {method}",
    "until": lambda text: f"until {_when(text)}",
    "ends_at": lambda text: f"until {_when(text)}",
    "expires_at": lambda text: f"until {_when(text)}",
    "for": lambda name: f"as the deputy of {name}",
    "days": lambda number: f"after {number} day{'s' if number > 1 else ''}",
    "alert": lambda name: name.replace("_", "-"),
    "before": lambda text: f"before: {text}",
    "now": lambda text: f"now: {text}",
    "cancels": lambda cancels: "what is under way is cancelled" if cancels else "",
    "found": _found,
    "category": lambda name: name.replace("_", " "),
    "reason": _plain,
    "detail": _plain,
    "comment": _plain,
    "why": _plain,
    "would": _plain,
    "compared": _plain,
    "by": lambda name: f"by {name}",
}
_PLACES = {name: place for place, name in enumerate(_SAID)}


def happened(type_: str) -> str:
    """What happened, in a few words; a type that is new here is shown by its name."""
    return HAPPENED.get(type_, type_.replace("_", " "))


def facts(data: Any) -> str:
    """What came with an event, as a list in words; what says nothing is left out."""
    if not isinstance(data, Mapping):
        return ""
    told = sorted(data, key=lambda name: _PLACES.get(name, len(_PLACES)))  # the database keeps no order
    said = (_fact(name, data[name]) for name in told if data[name] not in ("", None))
    return ", ".join(filter(None, said))


def _fact(name: str, value: Any) -> str:
    words = _SAID.get(name)
    try:
        if words is not None:
            return words(value)
    except (AttributeError, TypeError):  # of another shape than it has today
        pass
    shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    return f"{name.replace('_', ' ')}: {shown}"
