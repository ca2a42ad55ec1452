"""What stands in the database, in short: two digests that are equal say that nothing was changed."""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from executions.models import Event
from safety.models import AccessDecision
from tests.integration.walk import planting

# What a request may add to, whoever makes it; decisions and events are looked at row by row.
TRACES = {
    "django_session",
    "opsc_sign_in",
    "opsc_sign_in_count",
    "opsc_access_decision",
    "opsc_event",
    "opsc_audit_link",  # who exports evidence has what was written sealed first
}
# A person may change these rows of their own account.
OWN = {
    "auth_user": "id",
    "opsc_sessions_end": "user_id",
    "opsc_second_factor": "user_id",
    "opsc_recovery_code": "user_id",
}
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
_OF_TENANTS = "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id'"
KEYS = {model._meta.db_table: model._meta.pk.column for model in planting.tables()}
_ONE = "SELECT '{table}', coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM \"{table}\" t"


class Digests:
    """Digests of every table there is, as one statement each time.

    `about`: a tenant's id and the keys of its rows by table; then only its rows count, and what is new in it.
    """

    def __init__(self, about: tuple[int, dict[str, list[Any]]] | None = None) -> None:
        self._about = about
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            self._tables = sorted({str(row[0]) for row in cursor.fetchall()} - TRACES)
            cursor.execute(_OF_TENANTS)
            self._of_tenants = {str(row[0]) for row in cursor.fetchall()}
        if about:
            self._tables = [one for one in self._tables if one in self._of_tenants or one in about[1]]

    def take(self, person: User | None) -> dict[str, str]:
        """By table, without what this person may change of their own account."""
        parts: list[str] = []
        values: list[Any] = []
        for table in self._tables:
            part = _ONE.format(table=table)
            if self._about and table in self._of_tenants:
                part += " WHERE tenant_id = %s"
                values.append(self._about[0])
            elif self._about:
                part += f" WHERE {KEYS[table]}::text = ANY(%s)"
                values.append([str(key) for key in self._about[1][table]])
            elif person and table in OWN:
                part += f" WHERE {OWN[table]} <> %s"
                values.append(person.pk)
            parts.append(part)
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), values)
            return dict(cursor.fetchall())


def newest() -> tuple[int, int]:
    """The ids of the newest decision and event."""
    decision = AccessDecision.objects.order_by("-pk").values_list("pk", flat=True).first()
    event = Event.objects.order_by("-pk").values_list("pk", flat=True).first()
    return decision or 0, event or 0


def told_about(before: tuple[int, int], tenant_id: int) -> list[str]:
    """Decisions and events of this tenant since then."""
    decisions = AccessDecision.objects.filter(pk__gt=before[0], tenant_id=tenant_id)
    events = Event.objects.filter(pk__gt=before[1], tenant_id=tenant_id)
    return [*(f"a decision: {row}" for row in decisions), *(f"an event: {row.type}" for row in events)]


def told_since(before: tuple[int, int], person: User | None, tenants: set[int]) -> list[str]:
    """Decisions and events since then that are more than a refusal of this person in their own tenants."""
    decisions = [
        f"a decision: {row} of {row.actor_id} in tenant {row.tenant_id}"
        for row in AccessDecision.objects.filter(pk__gt=before[0])
        if row.allowed or person is None or row.actor_id != person.pk or row.tenant_id not in tenants
    ]
    events = [
        f"an event: {row.type} of {row.actor} in tenant {row.tenant_id}"
        for row in Event.objects.filter(pk__gt=before[1])
        if person is None
        or (row.type, row.actor) != ("rbac.violation", person.username)
        or row.tenant_id not in tenants
    ]
    return decisions + events
