"""The account that docs/security.md gives the application: it runs plans and seals, and cannot touch history."""

from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection, transaction

from executions.audit import sealing
from tests.app_account import app_account
from tests.commands import manage
from tests.history import APPEND_ONLY
from tests.world import World, wait_step, work_until_over


@pytest.fixture
def as_app(world: World) -> Iterator[str]:
    """This connection has the rights of the application's account and no others."""
    with app_account() as role:
        yield role


def test_health_tells_the_accounts_apart(world: World, as_app: str) -> None:
    def audit() -> str:
        parts = manage("health", "--json").json["parts"]
        return next(part["detail"] for part in parts if part["name"] == "audit")

    assert audit() == "every event and access decision is sealed"
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    assert "this database account owns history and could rewrite it" in audit()


def test_the_account_runs_plans_seals_and_verifies(world: World, working: None, as_app: str) -> None:
    assert work_until_over(world.submit(wait_step()).execution_id) == "succeeded"
    sealing.seal()
    answer = manage("verify_audit", "--json")
    assert answer.code == 0
    assert answer.json["rows"] > 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (as_app,)


WAYS = {
    "update": "UPDATE {table} SET id = id",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table}",
    "disable the trigger": "ALTER TABLE {table} DISABLE TRIGGER opsc_append_only",
    "drop the trigger": "DROP TRIGGER opsc_append_only ON {table}",
    "drop the table": "DROP TABLE {table}",
    "be a replica": "SET session_replication_role = replica",
    "replace what refuses": "CREATE OR REPLACE FUNCTION opsc_refuse_rewriting() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN NULL; END'",
    "count from elsewhere": "SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1)",
    "forget a migration": "DELETE FROM django_migrations",
}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("way", WAYS)
def test_the_account_cannot_touch_history(as_app: str, way: str, table: str) -> None:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as refused, transaction.atomic():
        cursor.execute(WAYS[way].format(table=table))
    assert getattr(refused.value.__cause__, "sqlstate", "") == "42501"  # insufficient privilege
