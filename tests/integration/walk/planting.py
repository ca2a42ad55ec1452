"""Writes a mark of its own into every free text of one tenant's rows, so that a leak names its column."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

from tests.history import APPEND_ONLY

APPS = ("executions", "safety", "signin", "tokens")
# Rows that everybody reads, of no tenant.
PLATFORM = {"opsc_worker", "opsc_approval_policy", "opsc_role", "opsc_timeout_policy"}
# Text that is no free text: what the database or the code holds to a form or to a list of words.
MACHINE = {
    "opsc_tenant.slug",  # looked for as a word of its own
    "opsc_membership.role",
    "opsc_execution.plan",  # a document: planted below
    "opsc_execution.plan_hash",
    "opsc_execution.approval_hash",
    "opsc_execution.idempotency_key",
    "opsc_execution.changes_assets",  # ids
    "opsc_execution.shares_assets",
    "opsc_event.type",
    "opsc_event.trace_id",
    "opsc_access_decision.question",
    "opsc_execution.policy",
    "opsc_execution.cancel_kind",
    "opsc_execution.cancel_actor_kind",
    "opsc_approval.approval_hash",
    "opsc_approval_vote.approval_hash",
    "opsc_step_gate.approval_hash",
    "opsc_approval_link.approval_hash",
    "opsc_sign_in.what",
    "opsc_sign_in_count.kind",
    "opsc_recovery_code.digest",
    "opsc_api_token.digest",
    "opsc_api_token.networks",
    "opsc_second_factor.sealed",
    "opsc_masking_rule.pattern",
    "opsc_masking_rule.kind",
}
SUFFIX = "ofa"
MARK = re.compile(r"cnry[0-9a-f]{8}ofa")


def mark(column: str) -> str:
    """What stands in this column ("table.column") of a row of tenant A.

    What stands in B's begins with the same letters: whoever searches for B's would find A's, too.
    """
    return beginning(column) + SUFFIX


def beginning(column: str) -> str:
    """What stands in the same column of a row of tenant B."""
    return f"cnry{hashlib.sha256(column.encode()).hexdigest()[:8]}"


def tables() -> list[type[models.Model]]:
    """Every table of ours, and the people."""
    ours = [model for label in APPS for model in apps.get_app_config(label).get_models()]
    return [*ours, User]


def columns() -> dict[str, Any]:
    """Every column of free text, by "table.column"."""
    found = {}
    for model in tables():
        table = model._meta.db_table
        if table in PLATFORM:
            continue
        for field in model._meta.concrete_fields:
            name = f"{table}.{field.column}"
            if name not in MACHINE and _is_free(field) and (table != "auth_user" or field.name in _PEOPLE):
                found[name] = field
    return found


_PEOPLE = ("username", "first_name", "last_name", "email")


def _is_free(field: Any) -> bool:
    if isinstance(field, models.JSONField):
        return True
    if isinstance(field, ArrayField):
        return _is_free(field.base_field)
    is_text = isinstance(field, models.CharField | models.TextField)
    return is_text and not field.choices and not field.primary_key and (field.max_length or 99) > 20


def plant(rows: dict[str, list[Any]], *, ours: bool) -> None:
    """Write the marks of A (`ours`), or of B, into these rows: primary keys by table."""
    text = mark if ours else beginning
    with connection.cursor() as cursor:
        for name, field in columns().items():
            table, column = name.split(".")
            keys = rows.get(table, [])
            if keys and table not in APPEND_ONLY:
                _write(cursor, field, table, column, keys, text(name))


def _write(cursor: Any, field: Any, table: str, column: str, keys: Iterable[Any], text: str) -> None:
    key = field.model._meta.pk.column
    for number, one in enumerate(keys):
        # Unique columns get a number before the mark.
        value = f"{number}{text}" if number else text
        what = "%s"
        if isinstance(field, models.JSONField):
            what = (
                f"CASE jsonb_typeof({column}) WHEN 'object' "
                f"THEN {column} || jsonb_build_object('mark', %s::text) ELSE {column} END"
            )
        elif isinstance(field, ArrayField):
            what = "ARRAY[%s]::varchar[]"
        cursor.execute(f"UPDATE {table} SET {column} = {what} WHERE {key} = %s", [value, one])


def keys_of_all() -> dict[str, list[Any]]:
    """The primary keys of all rows of each table of ours, and of all people."""
    return {
        model._meta.db_table: list(model._base_manager.order_by("pk").values_list("pk", flat=True))
        for model in tables()
    }
