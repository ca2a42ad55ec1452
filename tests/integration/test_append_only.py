"""History is written once: the database refuses to change, remove or empty it, whoever asks and by whatever way."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, models, transaction

from executions.models import AuditLink, Event, Execution
from safety.models import AccessDecision
from tests import factories
from tests.history import APPEND_ONLY

pytestmark = pytest.mark.django_db
HISTORY = {"opsc_event": Event, "opsc_access_decision": AccessDecision, "opsc_audit_link": AuditLink}
SETS = {
    "opsc_event": "actor = 'nobody'",
    "opsc_access_decision": "allowed = NOT allowed",
    "opsc_audit_link": "row_id = row_id + 1",
}


@pytest.fixture
def run() -> Execution:
    execution = factories.an_execution(factories.olga())
    factories.an_event(execution)
    AccessDecision.objects.create(
        tenant_id=execution.tenant_id, execution_id=execution.pk, question="run:read", allowed=True, reason=""
    )
    factories.an_audit_link(execution)
    return execution


def refused(statement: str, role: str = "origin") -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = {role}")
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return str(refusal.value)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_neither_update_nor_delete_gets_through_also_not_as_a_replica(
    run: Execution, table: str, role: str
) -> None:

    assert f"{table} is append-only: UPDATE is refused" in refused(f"UPDATE {table} SET {SETS[table]}", role)
    assert f"{table} is append-only: DELETE is refused" in refused(f"DELETE FROM {table}", role)
    assert HISTORY[table].objects.count() == 1


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_neither_does_truncate_where_the_guard_that_tests_go_without_is_in_place(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER opsc_append_only ON {table}")
        cursor.execute(f"SELECT opsc_keep_history('{table}')")
    assert f"{table} is append-only: TRUNCATE is refused" in refused(f"TRUNCATE {table} CASCADE")


def test_what_history_tells_of_cannot_be_deleted_beside_it(run: Execution) -> None:
    step_run = factories.a_step_run(factories.a_step(run))
    factories.an_event(run, "step.started", step_run=step_run)
    for row in (run, step_run, run.tenant, run.requested_by):
        with pytest.raises(models.ProtectedError):
            row.delete()
    assert Event.objects.count() == 2


def test_the_admin_refuses_in_words_and_deletes_nothing(run: Execution, client: object) -> None:
    client.force_login(User.objects.create_superuser("root"))
    for model in ("executions_execution", "executions_event", "safety_accessdecision", "safety_tenant"):
        row = {
            "executions_execution": run.pk,
            "executions_event": Event.objects.get().pk,
            "safety_accessdecision": AccessDecision.objects.get().pk,
            "safety_tenant": run.tenant_id,
        }[model]
        app, _, name = model.partition("_")
        assert client.post(f"/admin/{app}/{name}/{row}/delete/", {"post": "yes"}).status_code == 403
    asked = client.post(f"/admin/auth/user/{run.requested_by_id}/delete/", {"post": "yes"})
    assert asked.status_code == 200
    assert "Cannot delete user" in asked.content.decode()
    assert Event.objects.count() == AccessDecision.objects.count() == Execution.objects.count() == 1
