"""The page of one execution, and the parts of it that follow the run."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from executions.budget import budget_of
from executions.limits import reached
from executions.models import Approval, Event, Execution
from executions.standing import Standing, standings, waits_of
from executions.stepwise import waits_to_be_let_in
from executions.switches import holding
from executions.voting import Tally
from executions.web.actions import actions_for
from executions.web.decisions import decisions_of
from executions.web.matrix import chosen_run, matrix_of
from executions.web.output import output_of
from executions.web.permission import require
from executions.web.telling import elapsed_s, sentence
from safety.choices import Permission
from safety.models import Lease
from safety.signin.middleware import is_no_activity

EVENTS_SHOWN = 30
HOLDS_SHOWN = 100
DIGEST_BYTES = 6
# The parts that follow the run, each a template and the id of an element of the page.
PARTS = ("head", "matrix", "output", "records", "actions")


@dataclass(frozen=True)
class Choice:
    """Which step run, attempt and page the person looks at; part of every address of the page."""

    run: str
    attempt: str
    after: str
    only_trouble: bool

    @classmethod
    def of(cls, request: HttpRequest) -> "Choice":
        query = request.GET
        return cls(
            query.get("run", ""),
            query.get("attempt", ""),
            query.get("after", ""),
            query.get("show") == "trouble",
        )

    @property
    def query(self) -> str:
        """The choice as the query of an address."""
        given = {"run": self.run, "attempt": self.attempt, "after": self.after}
        given["show"] = "trouble" if self.only_trouble else ""
        return urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Part:
    """A piece of the page. It has changed when its `key` has, or without a key, when its HTML has."""

    template: str
    request: HttpRequest
    context: dict[str, Any]
    key: str

    @cached_property
    def html(self) -> str:
        """The piece, drawn once."""
        return render_to_string(self.template, self.context, self.request)

    @cached_property
    def digest(self) -> str:
        """Short, and another one after a change."""
        return blake2b((self.key or self.html).encode(), digest_size=DIGEST_BYTES).hexdigest()


@require_safe
def execution(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Everything about one execution."""
    found = _visible(request, execution_id)
    choice = Choice.of(request)
    parts = _parts(request, found, choice)
    context = {
        "execution": found,
        "choice": choice,
        "parts": {name: part.html for name, part in parts.items()},
        "seen": ".".join(part.digest for part in parts.values()),
    }
    return render(request, "executions/detail.html", context)


@is_no_activity
@require_safe
def live(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """The parts that differ from those that the page has (`seen`); 204 when none does.

    Parts that did not change stay as they are, so that nothing a person reads, marks or types is disturbed.
    """
    found = _visible(request, execution_id)
    choice = Choice.of(request)
    parts = _parts(request, found, choice)
    before = dict(zip(PARTS, request.GET.get("seen", "").split("."), strict=False))
    changed = {name: part.html for name, part in parts.items() if part.digest != before.get(name)}
    if not changed:
        return HttpResponse(status=204)
    context = {
        "execution": found,
        "choice": choice,
        "changed": changed,
        "seen": ".".join(part.digest for part in parts.values()),
    }
    return render(request, "executions/live.html", context)


@require_safe
def plan(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """The frozen plan as it was approved and runs."""
    found = get_object_or_404(Execution.objects.visible_to(request.user), pk=execution_id)
    require(request, "executions.view_execution", found)
    return render(request, "executions/plan.html", {"execution": found})


def _visible(request: HttpRequest, execution_id: UUID) -> Execution:
    rows = Execution.objects.visible_to(request.user).select_related("requested_by", "tenant", "retry_of")
    found = get_object_or_404(rows.defer("plan", "retry_of__plan"), pk=execution_id)
    require(request, "executions.view_execution", found)
    return found


def _parts(request: HttpRequest, found: Execution, choice: Choice) -> dict[str, Part]:
    """What follows the run, each part drawn when it is needed."""
    approval = Approval.objects.visible_to(request.user).filter(execution_id=found.pk)
    decision = approval.select_related("decided_by", "reviewed_by").first()
    chosen = chosen_run(found, request.user, choice.run)
    waits = waits_of(found)
    matrix = matrix_of(
        found,
        request.user,
        chosen=chosen,
        waits=waits,
        cursor=choice.after,
        only_trouble=choice.only_trouble,
    )
    actions = actions_for(found, request.user)
    reads_audit = request.user.has_perm(Permission.READ_AUDIT, found)
    context: dict[str, Any] = {
        "execution": found,
        "choice": choice,
        "approval": decision,
        "votes": Tally(found, decision) if decision else None,
        "sentence": waits_to_be_let_in(found) or sentence(found, decision),
        "elapsed_s": elapsed_s(found.started_at, found.finished_at),
        "budget": budget_of(found),
        "matrix": matrix,
        "output": output_of(chosen, choice.attempt) if chosen else None,
        "events": _events(request, found),
        "leases": _leases(found),
        "waits": waits,
        "switches": holding(found),
        "limits": reached(found),
        "reads_audit": reads_audit,
        "decisions": decisions_of(found, request.user, of_all=reads_audit),
        "actions": actions,
    }
    return {
        name: Part(f"executions/part_{name}.html", request, context, actions.key if name == "actions" else "")
        for name in PARTS
    }


def _events(request: HttpRequest, found: Execution) -> list[Event]:
    rows = Event.objects.visible_to(request.user).filter(execution_id=found.pk)
    return list(rows.select_related("step_run__step", "step_run__asset").order_by("-id")[:EVENTS_SHOWN])


def _leases(found: Execution) -> list[tuple[Standing, Lease]]:
    held = list(Lease.objects.filter(execution_id=found.pk, tenant_id=found.tenant_id)[:HOLDS_SHOWN])
    of = {lease.lockable_id: lease for lease in held}
    return [(standing, of[standing.lockable_id]) for standing in standings(list(of))] if of else []
