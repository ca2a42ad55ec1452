"""Which submissions are one: keys, and earlier runs of the same content."""

import hashlib
import re
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db.models import DateTimeField, Func, Value

from executions.errors import KeyMalformed
from executions.models import Execution
from executions.states import REPEATABLE_EXECUTION
from safety.models import Tenant

LONGEST_KEY = 255
MOST_EARLIER = 3
_PRINTABLE = re.compile(rf"[\x21-\x7e](?:[\x20-\x7e]{{0,{LONGEST_KEY - 2}}}[\x21-\x7e])?", re.ASCII)


def checked(key: str) -> str:
    """The client's key as it came.

    Raises KeyMalformed: not 1 to 255 printable ASCII characters, or a blank at an end.
    """
    if not _PRINTABLE.fullmatch(key):
        raise KeyMalformed(
            f"An idempotency key is 1 to {LONGEST_KEY} printable ASCII characters, with no blank at an end.",
            hint="A UUID is a good key.",
        )
    return key


def key_of(plan_hash: str, *, tenant: Tenant, user: Any, own: str = "") -> str:
    """SHA-256 over plan, tenant and actor; over the client's own key instead of the plan where one came."""
    what = f"key:{own}" if own else f"plan:{plan_hash}"
    return hashlib.sha256(f"{what}|tenant:{tenant.pk}|actor:{user.pk}".encode()).hexdigest()


def of_shadow(key: str) -> str:
    """The key of the shadow of a submission: what touched nothing answers for no real run."""
    return hashlib.sha256(f"shadow|{key}".encode()).hexdigest()


def new_key() -> str:
    """A key that no other submission has: for runs that are meant to be another one."""
    return hashlib.sha256(uuid4().bytes).hexdigest()


def earlier_runs(plan_hash: str, *, tenant: Tenant, user: Any) -> list[Execution]:
    """The newest runs of the same content within the window, by anybody, that this person may see.

    When all of these failed or the like, the newest that did not is there as well.
    """
    window = Func(
        Value(tenant.pk),
        Value(float(settings.OPSC["IDEMPOTENCY_WINDOW_S"])),
        function="opsc_window_begins",
        output_field=DateTimeField(),
    )
    rows = Execution.objects.visible_to(user).filter(tenant_id=tenant.pk, plan_hash=plan_hash)
    within = rows.filter(created_at__gt=window).select_related("requested_by").defer("plan")
    newest = within.order_by("-created_at")
    runs = list(newest[:MOST_EARLIER])
    if len(runs) == MOST_EARLIER and all(run.status in REPEATABLE_EXECUTION for run in runs):
        runs += newest.exclude(status__in=REPEATABLE_EXECUTION)[:1]
    return runs
