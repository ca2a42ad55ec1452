"""Admin actions that say what they will do and ask for a reason before they do it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

MOST_AT_ONCE = 100


class _Reason(forms.Form):
    reason = forms.CharField(max_length=300, strip=True, label="Why")


def _nothing(row: Any) -> str:
    del row
    return ""


def confirmed(
    model_admin: Any,
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    title: str,
    consequence: str,
    act: Callable[[Any, str], str],
    describe: Callable[[Any], str] = str,
    binding: Callable[[Any], str] = _nothing,
) -> HttpResponse | None:
    """Show what would happen to each row; after the confirmation call `act(row, reason)` for each.

    `act` returns an objection, empty when it was done. `binding`: what the person saw of a row; a row whose
    binding is another by then is left alone.
    """
    if queryset[: MOST_AT_ONCE + 1].count() > MOST_AT_ONCE:
        messages.error(request, f"At most {MOST_AT_ONCE} at once. Nothing was changed.")
        return None
    rows = list(queryset)
    form = _Reason(request.POST if "confirmed" in request.POST else None)
    if not form.is_valid():
        return _question(model_admin, request, rows, title, consequence, form, describe, binding)
    done = 0
    for row in rows:
        seen = request.POST.get(f"seen-{row.pk}", "")
        objection = act(row, form.cleaned_data["reason"]) if seen == binding(row) else _moved_on(row)
        if objection:
            messages.error(request, objection)
        done += not objection
    if done:
        messages.success(request, f"Done for {done} of {len(rows)}.")
    return None


def _moved_on(row: Any) -> str:
    return f"{row} changed after you looked at it, and was left alone. Look again."


def _question(
    model_admin: Any,
    request: HttpRequest,
    rows: list[Any],
    title: str,
    consequence: str,
    form: forms.Form,
    describe: Callable[[Any], str],
    binding: Callable[[Any], str],
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "consequence": consequence,
        "form": form,
        "rows": [(row.pk, describe(row), binding(row)) for row in rows],
        "action": request.POST.get("action", ""),
        "checkbox": ACTION_CHECKBOX_NAME,
        "opts": model_admin.opts,
    }
    return TemplateResponse(request, "admin/confirm_action.html", context)
