"""The approval policy decides who has to look: the platform's rows, a tenant's that ask for more, a plan that does."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from executions import approvals
from executions.fresh import BY_COMMAND
from executions.models import Approval, Event, Execution
from executions.submission import Submitted, preview, submit
from safety.approving import AppliedApproval, approval_for
from safety.models import ApprovalPolicy
from tests import factories
from tests.world import World, runs_of, script, work_until_over

pytestmark = pytest.mark.usefixtures("working")


def own_row(world: World, environment: str, action: str, level: int, **more: Any) -> ApprovalPolicy:
    return ApprovalPolicy.objects.create(
        tenant=world.acme, environment=environment, action_class=action, level=level, **more
    )


def platform(environment: str, action: str) -> Any:
    return ApprovalPolicy.objects.filter(tenant=None, environment=environment, action_class=action)


def a_plan(*targets: str, action: str = "modify", **header: Any) -> dict[str, Any]:
    steps = [script("true", f"on-{name}", target=name, action_class=action) for name in targets]
    return {"version": 1, "name": "look", "mode": "background", "steps": steps} | header


def submitted(world: World, plan: dict[str, Any]) -> Submitted:
    return submit(plan, user=world.olga, tenant=world.acme)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(page: str, *arguments: Any) -> str:
    return reverse(f"admin:safety_approvalpolicy_{page}", args=arguments)


@pytest.mark.parametrize(
    ("action", "environment", "asked", "level"),
    [
        ("read", "dev", 0, 0),
        ("read", "prod", 0, 0),
        ("read", "prod", 2, 2),
        ("modify", "dev", 0, 1),
        ("modify", "staging", 0, 1),
        ("modify", "prod", 0, 2),
        ("modify", "prod", 1, 2),
        ("deploy", "dev", 0, 2),
        ("deploy", "prod", 0, 3),
        ("deploy", "prod", 3, 3),
        ("modify", "dev", 3, 3),
    ],
)
def test_a_plan_may_ask_for_more_approval_but_never_for_less(
    world: World, action: str, environment: str, asked: int, level: int
) -> None:
    world.here(environment=environment)
    plan = a_plan("here", action=action, approval_level=asked)
    _, frozen = preview(plan, user=world.olga, tenant=world.acme)
    own = {("read", "prod", 2), ("modify", "dev", 3)}
    named = f"{environment}/{action}" + (
        ", raised by the plan" if (action, environment, asked) in own else ""
    )
    assert (frozen.approval_level, frozen.approval_policy) == (level, named)


def test_a_tenants_own_row_raises_the_level_for_it_alone_and_is_on_record(world: World) -> None:
    own_row(world, "dev", "modify", 2, expires_s=60)
    world.here()
    done = submitted(world, a_plan("here"))
    approval = Approval.objects.get(execution=done.execution_id)
    assert (done.approval_level, approval.level, approval.policy) == (2, 2, "dev/modify (acme)")
    assert approval.expires_at - approval.requested_at == timedelta(seconds=60)
    told = Event.objects.get(execution=done.execution_id, type="approval.requested").data
    assert told["policy"] == "dev/modify (acme)"
    page = signed_in(world.tom).get(f"/executions/{done.execution_id}/").content.decode()
    assert "level 2 by the policy dev/modify (acme)" in page
    assert approval_for([("dev", "modify")], world.other.pk).level == 1


def test_an_expiry_never_goes_beyond_the_timeout_policys(world: World) -> None:
    own_row(world, "dev", "modify", 2, expires_s=10_000_000)
    world.here()
    done = submitted(world, a_plan("here"))
    approval = Approval.objects.get(execution=done.execution_id)
    assert approval.expires_at - approval.requested_at == timedelta(seconds=600)


def test_a_tenants_row_below_the_platforms_counts_only_where_a_superuser_said_so(world: World) -> None:
    row = own_row(world, "prod", "deploy", 1)
    assert approval_for([("prod", "deploy")], world.acme.pk).level == 3
    row.may_lower = True
    row.save()
    expected = AppliedApproval(name="prod/deploy (acme)", level=1, quorum=1, groups=(), expires_s=None)
    assert approval_for([("prod", "deploy")], world.acme.pk) == expected


def test_the_strictest_of_all_cells_that_a_plan_touches_counts(world: World) -> None:
    own_row(world, "staging", "read", 3, expires_s=90)
    found = approval_for([("dev", "modify"), ("staging", "read"), ("prod", "modify")], world.acme.pk)
    assert found == AppliedApproval(name="staging/read (acme)", level=3, quorum=1, groups=(), expires_s=90)
    world.here("a", environment="prod")
    world.here("b", environment="dev")
    plan = a_plan("a", action="read")
    plan["steps"].append(script("true", "change", target="b", action_class="deploy"))
    _, frozen = preview(plan, user=world.olga, tenant=world.acme)
    assert (frozen.approval_level, frozen.approval_policy) == (3, "prod/deploy")


def test_without_the_platforms_row_nothing_is_accepted(world: World) -> None:
    world.here()
    with transaction.atomic():
        platform("dev", "modify").delete()
        with pytest.raises(ApprovalPolicy.DoesNotExist):
            submitted(world, a_plan("here"))
        transaction.set_rollback(True)
    assert not Execution.objects.exists()


def test_a_policy_that_became_stricter_stops_what_was_approved_for_less(world: World) -> None:
    world.here(environment="prod")
    done = submitted(world, a_plan("here"))
    approvals.approve(
        done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    own_row(world, "prod", "modify", 3)
    assert work_until_over(done.execution_id) == "failed"
    run = runs_of(done.execution_id)[0]
    assert (run.category, "asks for level 3 by now" in run.detail) == ("approval", True)


def test_an_approval_of_another_level_than_the_runs_does_not_count(world: World) -> None:
    world.here(environment="prod")
    done = submitted(world, a_plan("here"))
    approvals.approve(
        done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    Approval.objects.update(level=1)
    assert work_until_over(done.execution_id) == "failed"
    assert runs_of(done.execution_id)[0].category == "approval"


def test_a_tenant_admin_raises_in_their_own_tenant_and_is_told_how_far(world: World) -> None:
    admin = signed_in(factories.a_person("ada", "tenant_admin", tenant=world.acme, is_staff=True))
    form = {"tenant": world.acme.pk, "environment": "prod", "action_class": "modify", "level": 1, "quorum": 1}
    page = admin.post(address("add"), form).content.decode()
    assert "Must be at least 2, the platform&#x27;s for prod/modify; a superuser can allow less." in page
    assert "The level is 0 to 3" in admin.post(address("add"), form | {"level": 4}).content.decode()
    assert admin.post(address("add"), form | {"may_lower": "on"}).status_code == 200  # not theirs to tick
    assert admin.post(address("add"), form | {"tenant": world.other.pk, "level": 3}).status_code == 200
    assert not ApprovalPolicy.objects.exclude(tenant=None).exists()
    assert admin.post(address("add"), form | {"level": 3}).status_code == 302
    row = platform("prod", "modify").get()
    assert admin.post(address("change", row.pk), {"level": 3, "quorum": 1}).status_code == 403
    assert admin.post(address("delete", row.pk), {"post": "yes"}).status_code == 403


def test_superusers_edit_the_platforms_rows_and_allow_exceptions(world: World) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    form = {"tenant": world.acme.pk, "environment": "prod", "action_class": "modify", "level": 1, "quorum": 1}
    assert root.post(address("add"), form | {"may_lower": "on"}).status_code == 302
    assert approval_for([("prod", "modify")], world.acme.pk).level == 1
    row = platform("dev", "read").get()
    assert root.post(address("change", row.pk), {"level": 1, "quorum": 1}).status_code == 302
    assert approval_for([("dev", "read")], world.other.pk).level == 1
    platform("dev", "read").update(level=0)
    assert root.post(address("delete", row.pk), {"post": "yes"}).status_code == 403


def test_there_is_one_row_for_a_cell_and_a_tenant(world: World) -> None:
    own_row(world, "dev", "read", 1)
    for tenant in (world.acme, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApprovalPolicy.objects.create(tenant=tenant, environment="dev", action_class="read", level=1)
