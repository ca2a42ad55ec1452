"""Finds what a person means by the first characters of an id."""

import re
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet

from executions.cli.failing import BadInput
from executions.errors import NotFound
from executions.models import Execution, StepRun
from safety.models import Tenant
from safety.visibility import tenants_visible_to

SHORTEST = 4
MOST_LISTED = 10
_DIGITS = 32
_PREFIX = re.compile(r"[0-9a-f]{1,32}")

Row = TypeVar("Row", bound=Model)


def find_execution(text: str, user: User) -> Execution:
    """The execution whose id starts like this, among those the person may see.

    Raises BadInput: too short, no id, or ambiguous. NotFound: none.
    """
    visible = Execution.objects.visible_to(user).select_related("tenant", "requested_by")
    return find_by_prefix(visible, text, "execution")


def find_step_run(text: str, user: User) -> StepRun:
    """The step run whose id starts like this. Raises like `find_execution`."""
    rows = StepRun.objects.visible_to(user).select_related("execution", "step")
    return find_by_prefix(rows, text, "step run")


def find_tenant(slug: str, user: User) -> Tenant:
    """The tenant of that slug, among those the person sees; a superuser sees all. Raises BadInput."""
    seen = Tenant.objects.all()
    if not user.is_superuser:
        seen = seen.filter(pk__in=tenants_visible_to(user))
    found = seen.filter(slug=slug).first()
    if found is None:
        raise BadInput(f"There is no tenant {slug[:60]!r} that you may see.")
    return found


def find_by_prefix(rows: "QuerySet[Row]", text: str, what: str) -> Row:
    """The one among these rows whose id starts like this. Raises BadInput, NotFound."""
    digits = text.strip().lower().replace("-", "")
    if not _PREFIX.fullmatch(digits) or len(digits) < SHORTEST:
        raise BadInput(f"{text[:60]!r} is no id ({what}): give at least {SHORTEST} of its first characters.")
    low, high = UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))
    found = list(rows.filter(pk__gte=low, pk__lte=high).order_by("pk")[: MOST_LISTED + 1])
    if not found:
        raise NotFound(f"There is no {what} {text.strip()} that you may see.")
    if len(found) > 1:
        listed = "\n".join(f"    {row.pk}  {row}" for row in found[:MOST_LISTED])
        more = "\n    and more" if len(found) > MOST_LISTED else ""
        raise BadInput(
            f"{text.strip()} is the start of several ids.", hint=f"Give more of it:\n{listed}{more}"
        )
    return found[0]
