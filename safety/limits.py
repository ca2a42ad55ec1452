"""The limits that apply to somebody, and whether runs at work are counted at all."""

import time
from collections.abc import Collection
from typing import LiteralString

from django.db.models import Q

from safety.models import Limit, LimitKind, Membership
from safety.sql import fetch_one

FRESH_S = 1.0  # a new limit on runs at work counts for every claim after so many seconds

# Whoever counts and begins holds it until the end of the transaction.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtext('opsc_limit'))"

_ANY: LiteralString = "SELECT EXISTS (SELECT FROM opsc_limit WHERE kind = 'running') AS counted"

_looked_at, _counted = float("-inf"), False


def count_runs() -> bool:
    """Whether any limit counts the runs at work; as of at most a second ago."""
    global _looked_at, _counted
    now = time.monotonic()
    if now - _looked_at > FRESH_S:
        row = fetch_one(_ANY)
        _looked_at, _counted = now, bool(row and row["counted"])
    return _counted


def applying(user_id: int, tenant_id: int, kinds: Collection[LimitKind]) -> list[list[Limit]]:
    """The limits of these kinds that hold for a person: one list for each role held, of which one has to be kept.

    A limit without a role stands in every list. Empty when there are none.
    """
    found = Limit.objects.filter(Q(tenant_id=tenant_id) | Q(tenant_id=None), kind__in=kinds)
    limits = list(found.select_related("tenant").order_by("role", "pk"))
    if not limits:
        return []
    standing = Membership.objects.standing().filter(user_id=user_id, tenant_id=tenant_id)
    roles = set(standing.values_list("role", flat=True)) or {""}
    return [[limit for limit in limits if limit.role in ("", role)] for role in sorted(roles)]
