"""From a pasted plan by way of a preview to a run; nothing is stored before the confirmation."""

from dataclasses import dataclass
from itertools import chain
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from executions import submission
from executions.errors import RanBefore
from executions.idempotency import earlier_runs
from executions.models import Asset, Execution
from executions.plans import FrozenPlan, FrozenStep, Plan, PlanInvalid, PlanProblem
from executions.plans.without_secrets import without_secrets
from executions.states import REPEATABLE_EXECUTION
from executions.web.forms import ConfirmForm, PlanForm
from executions.web.permission import person, require
from executions.web.refusals import shows_refusals
from executions.web.running import begin
from safety.models import Lease, Tenant, TenantRole
from safety.models.role import spoken
from safety.rbac import RUN

TARGETS_SHOWN = 40


@dataclass(frozen=True)
class PreviewStep:
    """A step with the names of what it acts on."""

    step: FrozenStep
    waits_for: str
    targets: list[str]
    more: int


@require_safe
def write(request: HttpRequest) -> HttpResponse:
    """The form for a plan."""
    form = PlanForm(request.user)
    if not form.can_submit:
        raise PermissionDenied("Your role may not submit plans. A tenant admin can change your memberships.")
    return render(request, "executions/new.html", {"form": form})


@require_POST
@shows_refusals
def preview(request: HttpRequest) -> HttpResponse:
    """What the plan would do, or what is wrong with it and where."""
    form = PlanForm(request.user, request.POST)
    if not form.is_valid():
        return render(request, "executions/new.html", {"form": form}, status=400)
    if "edit" in request.POST:
        return render(request, "executions/new.html", {"form": form})
    tenant = form.cleaned_data["tenant"]
    require(request, "executions.submit_execution", tenant)
    try:
        plan, frozen = _previewed(request, form)
    except PlanInvalid as invalid:
        return _with_problems(request, form, invalid.problems)
    return _shown(request, form, plan, frozen, status=200)


@require_POST
@shows_refusals
def confirm(request: HttpRequest) -> HttpResponse:
    """Store and run what the preview showed; show it again when the same plan means something else by now."""
    form = ConfirmForm(request.user, request.POST)
    if not form.is_valid():
        return render(request, "executions/new.html", {"form": form}, status=400)
    tenant = form.cleaned_data["tenant"]
    require(request, "executions.submit_execution", tenant)
    try:
        plan, frozen = _previewed(request, form)
        if frozen.approval_hash != form.cleaned_data["seen_hash"]:
            return _shown(request, form, plan, frozen, status=409)
        submitted = submission.submit(
            form.cleaned_data["plan"],
            user=person(request),
            tenant=tenant,
            confirmed=True,
            idempotency_key=_key(request, form),
            again=form.cleaned_data["again"],
            warns=True,
            allow_likely_secret=form.cleaned_data.get("not_secret", ""),
        )
    except PlanInvalid as invalid:
        return _with_problems(request, form, invalid.problems)
    except RanBefore:
        return _shown(request, form, plan, frozen, status=409)
    begin(submitted)
    if not submitted.created:
        messages.info(
            request,
            "This was submitted before, and this is that run; no new one was made. "
            "To run it once more, preview it again and tick 'run it again'.",
        )
    return redirect("executions:detail", execution_id=submitted.execution_id)


def _previewed(request: HttpRequest, form: PlanForm) -> tuple[Plan, FrozenPlan]:
    """Raises PlanInvalid, NotAllowed."""
    given = form.cleaned_data
    return submission.preview(
        given["plan"],
        user=person(request),
        tenant=given["tenant"],
        allow_likely_secret=given.get("not_secret", ""),
    )


def _key(request: HttpRequest, form: ConfirmForm) -> str | None:
    """What says that it is the same submission: a program's own header, else the form that asks to run again."""
    header = request.headers.get("Idempotency-Key")
    if header is not None:
        return header
    asked_again = form.cleaned_data["again"] and form.cleaned_data["form_key"]
    return f"form-{form.cleaned_data['form_key']}" if asked_again else None


def _with_problems(request: HttpRequest, form: PlanForm, problems: list[PlanProblem]) -> HttpResponse:
    """The form again; a value that looks like a secret does not come back with it."""
    shown = without_secrets(form.cleaned_data["plan"], problems)
    again = request.POST.copy()
    again["plan"] = shown
    context = {
        "form": PlanForm(request.user, again),
        "problems": problems,
        "is_shortened": shown != form.cleaned_data["plan"],
    }
    return render(request, "executions/new.html", context, status=400)


def _shown(
    request: HttpRequest, form: PlanForm, plan: Plan, frozen: FrozenPlan, *, status: int
) -> HttpResponse:
    tenant = form.cleaned_data["tenant"]
    objection = submission.objection(frozen, user=request.user, tenant=tenant)
    # Who ran it is told to those who may run it themselves.
    earlier = [] if objection else earlier_runs(frozen.plan_hash, tenant=tenant, user=request.user)
    form.fields["plan"].widget.attrs["readonly"] = True
    ids = {target for step in frozen.steps for target in step.targets if target}
    names = dict(Asset.objects.visible_to(request.user).filter(pk__in=ids).values_list("pk", "name"))
    context = {
        "form": form,
        "tenant": tenant,
        "frozen": frozen,
        "steps": [_step(frozen, step, names) for step in frozen.steps],
        "target_count": len(ids),
        "held": _held(request, frozen, tenant, names),
        "roles": [spoken(one.name) for one in TenantRole.objects.holding(f"{RUN}{frozen.action_class}")],
        "objection": objection,
        "refused": "" if objection else submission.would_be_refused(frozen, user=request.user, tenant=tenant),
        "is_changed": form.data.get("seen_hash", frozen.approval_hash) != frozen.approval_hash,
        "earlier": earlier,
        "must_choose": any(run.status not in REPEATABLE_EXECUTION for run in earlier),
        "form_key": uuid4().hex,
        "likely_secrets": plan.likely_secrets,
        "not_secret": form.cleaned_data.get("not_secret", ""),
    }
    return render(request, "executions/preview.html", context, status=status)


def _step(frozen: FrozenPlan, step: FrozenStep, names: dict[UUID, str]) -> PreviewStep:
    targets = sorted(names.get(target, "?") for target in step.targets if target)
    before = (frozen.steps[position].name for position in step.depends_on)
    return PreviewStep(step, ", ".join(before), targets[:TARGETS_SHOWN], max(0, len(targets) - TARGETS_SHOWN))


def _held(
    request: HttpRequest, frozen: FrozenPlan, tenant: Tenant, names: dict[UUID, str]
) -> list[tuple[str, Execution]]:
    """Assets that another execution holds now: the run would wait for them."""
    leases = Lease.objects.filter(lockable_id__in=frozen.changes_assets, tenant_id=tenant.pk)
    held = dict(leases.values_list("lockable_id", "execution_id"))
    holders = Execution.objects.visible_to(request.user).defer("plan").in_bulk(list(held.values()))
    pairs = ((asset, holders.get(holder)) for asset, holder in held.items())
    return sorted(
        chain((names.get(asset, "?"), holder) for asset, holder in pairs if holder), key=lambda p: p[0]
    )
