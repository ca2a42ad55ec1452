"""What programs ask about runs: list, look, submit, cancel, retry; and what their own token is."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from executions import control, rights, submission
from executions.api import reading
from executions.api.errors import Wrong
from executions.cli.describing import describe
from executions.errors import NotFound
from executions.models import Execution
from executions.submission import Submitted
from executions.web import keyset
from executions.web.running import begin
from safety.choices import Permission
from safety.models import Tenant
from safety.tokens.bearing import bearing_of, token_id_of
from safety.tokens.models import ApiToken

MOST_STEP_RUNS = 500
LONGEST_REASON = 300


def token(request: HttpRequest, user: User) -> HttpResponse:
    """What the token is that came with the request."""
    reading.require_known(request, ())
    found = ApiToken.objects.select_related("tenant").get(pk=token_id_of(user) or 0)
    return JsonResponse(
        {
            "name": found.name,
            "prefix": f"opsc_{found.prefix}",
            "account": user.get_username(),
            "tenant": found.tenant.slug,
            "scopes": found.scopes,
            "networks": found.networks,
            "expires_at": found.expires_at,
        }
    )


def listed(request: HttpRequest, user: User) -> HttpResponse:
    """Runs of the token's tenant, newest first. `limit` a page; `after`: the `next` of the page before."""
    reading.require_known(request, ("limit", "after"))
    limit = reading.row_limit(request)
    _require(user, Permission.VIEW, _tenant(user), "You may not look at runs of this tenant.")
    try:
        older = keyset.older_than(request.GET.get("after", ""))
    except BadRequest as problem:
        raise Wrong(400, "page.cursor", "after is not the `next` of a page.") from problem
    rows = _runs(user).filter(older).defer("plan", "changes_assets").select_related("requested_by")
    page = keyset.page_of(list(rows.order_by("-created_at", "-id")[: limit + 1]), limit)
    return JsonResponse({"executions": [_brief(one) for one in page.rows], "next": page.older or None})


def submit(request: HttpRequest, user: User) -> HttpResponse:
    """The body is the plan, as on the page. `confirm`: what needs no more than that (level 1); `again`: run it anew."""
    reading.require_known(request, ("confirm", "again"))
    confirmed, again = reading.flag(request, "confirm"), reading.flag(request, "again")
    raw = reading.body_of(request, most=settings.OPSC["PLAN_MAX_BYTES"])
    tenant = _tenant(user)
    _require(user, Permission.SUBMIT, tenant, "You may not submit plans for this tenant.")
    submitted = submission.submit(
        raw,
        user=user,
        tenant=tenant,
        confirmed=confirmed,
        idempotency_key=request.headers.get("Idempotency-Key"),
        again=again,
    )
    return _submitted(submitted)


def looked_at(request: HttpRequest, user: User, execution_id: UUID) -> HttpResponse:
    """One run with its first step runs."""
    reading.require_known(request, ())
    execution = _run(user, execution_id)
    _require(user, Permission.VIEW, execution, "You may not look at this run.")
    return JsonResponse(describe(execution, most_step_runs=MOST_STEP_RUNS))


def cancel(request: HttpRequest, user: User, execution_id: UUID) -> HttpResponse:
    """End a run; `reason` is kept."""
    reading.require_known(request, ())
    reason = reading.fields_of(request, reason=str).get("reason", "").strip()
    execution = _run(user, execution_id)
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Wrong(422, "reason.required", f"A reason of 1 to {LONGEST_REASON} characters is needed.")
    status = control.request_cancel(execution.pk, user=user, reason=reason)
    return JsonResponse({"id": execution.pk, "status": status})


def retry(request: HttpRequest, user: User, execution_id: UUID) -> HttpResponse:
    """Run a plan again as a new run: all of it, or what did not succeed (`failed_only`)."""
    reading.require_known(request, ())
    given = reading.fields_of(request, failed_only=bool, confirm=bool)
    execution = _run(user, execution_id)
    submitted = control.retry(
        execution.pk,
        user=user,
        failed_only=given.get("failed_only", False),
        confirmed=given.get("confirm", False),
    )
    return _submitted(submitted)


_require = rights.records_refusals(rights.require)


def _tenant(user: User) -> Tenant:
    bearing = bearing_of(user)
    return Tenant.objects.get(pk=bearing.tenant_id if bearing else 0)


def _runs(user: User) -> QuerySet[Execution]:
    """Of the token's tenant: `visible_to` knows that the person came with one."""
    return Execution.objects.visible_to(user)


def _run(user: User, execution_id: UUID) -> Execution:
    found = _runs(user).select_related("tenant", "requested_by").filter(pk=execution_id).first()
    if found is None:
        raise NotFound(f"There is no execution {execution_id}.")
    return found


def _submitted(submitted: Submitted) -> HttpResponse:
    """201 for a new run, 200 where an earlier one answers; in immediate mode after its end."""
    begin(submitted)
    execution = Execution.objects.select_related("requested_by").get(pk=submitted.execution_id)
    response = JsonResponse(
        {"created": submitted.created, "execution": _brief(execution)},
        status=201 if submitted.created else 200,
    )
    response["Location"] = reverse("api:execution", args=[execution.pk])
    return response


def _brief(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.pk,
        "name": execution.name,
        "status": execution.status,
        "mode": execution.mode,
        "action_class": execution.action_class,
        "environment": execution.environment,
        "approval_level": execution.approval_level,
        "approval_hash": execution.approval_hash,
        "requested_by": execution.requested_by.get_username(),
        "percent": execution.percent,
        "created_at": execution.created_at,
        "finished_at": execution.finished_at,
    }
