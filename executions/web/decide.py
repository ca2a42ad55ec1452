"""The page behind a one-time link: what is asked, and the buttons. Opening it changes nothing."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from executions import decision_links
from executions.errors import NotAllowed, NotFound, Refused, SignInAgain
from executions.fresh import FROM_LEVEL, SignedIn
from executions.models import ApprovalLink, StepRun
from executions.web.second_step import again_address, signed_in
from safety.signin import door
from safety.signin.middleware import needs_whole_session

NAMES_SHOWN = 12
_STATUS = {NotFound: 410, NotAllowed: 403}


@needs_whole_session
@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, token: str) -> HttpResponse:
    """Shows what the link is about; the buttons decide, and use it up."""
    try:
        link = decision_links.read(token)
        said = _act(request, link) if request.method == "POST" else ""
    except SignInAgain:
        return redirect(again_address(request.path))
    except Refused as refusal:
        status = next((status for kind, status in _STATUS.items() if isinstance(refusal, kind)), 409)
        return _page(request, {"refusal": refusal}, status)
    if said:
        return _page(request, {"said": said}, 200)
    return _page(request, _about(request, link), 200)


def _act(request: HttpRequest, link: ApprovalLink) -> str:
    """What happened, as a sentence; empty when the form has to be shown again. Raises Refused."""
    if request.user.is_authenticated and not _is_theirs(request, link):
        raise NotAllowed("This link is for somebody else than who is signed in here.", hint="Sign out first.")
    comment = request.POST.get("comment", "").strip()[:1000]
    decision = request.POST.get("decision")
    if decision == "approve":
        missing = decision_links.approve(link, comment=comment, signed_in=_signed_in(request, link))
        return f"Your approval counts. {missing} more needed." if missing else "Approved."
    if decision == "reject" and comment:
        decision_links.reject(link, comment=comment, signed_in=_signed_in(request, link))
        return "Rejected. The run is being cancelled." if link.gate else "Rejected. It will not run."
    return ""


def _is_theirs(request: HttpRequest, link: ApprovalLink) -> bool:
    return request.user.pk == link.person_id


def _signed_in(request: HttpRequest, link: ApprovalLink) -> SignedIn:
    """Their session's, where it is theirs; else the link alone says who they are, and not since when."""
    if _is_theirs(request, link):
        session = signed_in(request)
        return SignedIn(f"{session.how}, {decision_links.METHOD}", session.at, session.address)
    return SignedIn(decision_links.METHOD, None, door.client_address(request))


def _about(request: HttpRequest, link: ApprovalLink) -> dict[str, object]:
    execution = link.approval.execution
    steps = [link.gate.step] if link.gate else list(execution.steps.order_by("position")[: NAMES_SHOWN + 1])
    runs = StepRun.objects.filter(execution_id=execution.pk, step__in=[step.pk for step in steps])
    names = runs.filter(asset__isnull=False).values_list("asset__name", flat=True)
    return {
        "link": link,
        "execution": execution,
        "steps": steps[:NAMES_SHOWN],
        "more_steps": max(0, execution.steps.count() - NAMES_SHOWN) if not link.gate else 0,
        "targets": list(names.order_by("asset__name").distinct()[:NAMES_SHOWN]),
        "sign_in": f"{resolve_url('login')}?{urlencode({'next': request.path})}",
        "must_sign_in": execution.approval_level >= FROM_LEVEL and not request.user.is_authenticated,
        "is_somebody_else": request.user.is_authenticated and not _is_theirs(request, link),
        "no_reason": request.method == "POST",
    }


def _page(request: HttpRequest, context: dict[str, object], status: int) -> HttpResponse:
    """The address is worth a decision. The policy `same-origin` of every page tells it to nobody else.

    `no-referrer` would keep the form from being sent: a browser then says that it comes from `null`.
    """
    return render(request, "executions/decide.html", context, status=status)
