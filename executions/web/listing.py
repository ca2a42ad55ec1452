"""The list of executions: filters, and pages that never count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from executions.models import Execution
from executions.states import ExecutionStatus
from executions.web import keyset
from safety.choices import Environment
from safety.visibility import tenants_visible_to

PAGE_SIZE = 50
SEARCH_DEPTH = 20_000  # rows of a tenant that one search looks at
GROUPS = {"open": "not over yet", "trouble": "ended in trouble"}
TROUBLE = (ExecutionStatus.FAILED, ExecutionStatus.PARTIAL, ExecutionStatus.TIMED_OUT)


@dataclass(frozen=True)
class Filters:
    """What the person asked for; unknown values count as not given."""

    state: str
    text: str
    environment: str

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        state, environment = query.get("state", ""), query.get("environment", "")
        return cls(
            state=state if state in GROUPS or state in ExecutionStatus.values else "",
            text=query.get("q", "").replace("\0", "").strip()[:100],
            environment=environment if environment in Environment.values else "",
        )

    @property
    def query(self) -> str:
        """The filter as the query of an address."""
        given = {"state": self.state, "q": self.text, "environment": self.environment}
        return urlencode({name: value for name, value in given.items() if value})

    @property
    def needs_looking(self) -> bool:
        """Whether no index answers it, so that rows have to be looked at one by one."""
        return bool(self.text or self.environment)

    def indexed(self) -> Q:
        """The part that an index answers."""
        if self.state == "open":
            return Q(finished_at__isnull=True)
        if self.state == "trouble":
            return Q(status__in=TROUBLE)
        return Q(status=self.state) if self.state else Q()


@require_safe
def executions(request: HttpRequest) -> HttpResponse:
    """Executions of the person's tenants, newest first."""
    if not request.user.has_perm("executions.view_execution"):
        raise PermissionDenied("You are not a member of any tenant yet. A tenant admin can add you.")
    tenants = list(tenants_visible_to(request.user))
    filters = Filters.of(request.GET)
    cursor = request.GET.get("after", "")
    searched = [
        _of_tenant(Execution.objects.visible_to(request.user).filter(tenant_id=tenant), filters, cursor)
        for tenant in tenants
    ]
    keys = _newest([rows for rows, _ in searched])
    page = keyset.page_of(_in_order(keys), PAGE_SIZE)
    cut_at = max((floor for _, floor in searched if floor), default=None)
    context = {
        "page": page,
        "older": page.older or (keyset.encode(cut_at, UUID(int=0)) if cut_at else ""),
        "cut_at": None if page.older else cut_at,
        "search_depth": SEARCH_DEPTH,
        "filters": filters,
        "several_tenants": len(tenants) > 1,
        "is_first": not cursor,
        "states": [*GROUPS.items(), *ExecutionStatus.choices],
        "environments": Environment.choices,
    }
    return render(request, "executions/list.html", context)


def _of_tenant(
    rows: QuerySet[Execution], filters: Filters, cursor: str
) -> tuple[QuerySet[Execution], datetime | None]:
    """One tenant's matches, and where looking at rows for text or environment was given up.

    One tenant at a time, because only then the index delivers the rows in their order.
    """
    rows = rows.filter(keyset.older_than(cursor), filters.indexed()).order_by("-created_at", "-id")
    if not filters.needs_looking:
        return rows, None
    floor = rows.values_list("created_at", flat=True)[SEARCH_DEPTH : SEARCH_DEPTH + 1].first()
    if floor is not None:
        rows = rows.filter(created_at__gte=floor)
    if filters.environment:
        rows = rows.filter(environment=filters.environment)
    return (rows.filter(_matches(filters.text)) if filters.text else rows), floor


def _matches(text: str) -> Q:
    wanted = Q(name__icontains=text) | Q(requested_by__username__iexact=text)
    low, high = id_range(text)
    return wanted | Q(pk__gte=low, pk__lte=high) if low and high else wanted


def id_range(text: str) -> tuple[UUID | None, UUID | None]:
    """The first and last id that begin with the text, when it can begin one."""
    digits = text.replace("-", "").lower()
    if not 4 <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return None, None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _newest(searched: Sequence[QuerySet[Execution]]) -> list[UUID]:
    """The first keys over all tenants, in one statement."""
    if not searched:
        return []
    slices = [rows.values_list("created_at", "pk")[: PAGE_SIZE + 1] for rows in searched]
    if len(slices) == 1:
        return [pk for _, pk in slices[0]]
    merged = slices[0].union(*slices[1:], all=True).order_by("-created_at", "-id")
    return [pk for _, pk in merged[: PAGE_SIZE + 1]]


def _in_order(keys: list[UUID]) -> list[Execution]:
    """The rows of the keys, without the plans, which are large."""
    found = Execution.objects.defer("plan", "changes_assets").select_related("requested_by", "tenant")
    by_key = found.in_bulk(keys)
    return [by_key[key] for key in keys if key in by_key]
