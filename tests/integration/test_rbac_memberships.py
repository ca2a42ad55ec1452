"""What a person may do is the sum of the memberships that stand, each within its own limits."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions import approvals, control
from executions.errors import NotAllowed
from executions.fresh import BY_COMMAND
from executions.models import Event, Execution
from executions.submission import submit
from safety import rbac
from safety.choices import ActionClass, Environment, Role
from safety.models import AccessDecision, Membership, TenantRole
from safety.visibility import tenants_visible_to
from tests.history import unguarded
from tests.world import World, script, wait_step

EVERYWHERE = list(product(Environment.values, ActionClass.values))


def plan(world: World, *steps: dict[str, Any], user: Any = None, **header: Any) -> Any:
    document = {"version": 1, "name": "p", "mode": "background", "steps": list(steps)} | header
    return submit(document, user=user or world.olga, tenant=world.acme, confirmed=True)


def may_run(world: World, environment: str, action: str) -> bool:
    wants = rbac.to_run([(environment, action)])
    return rbac.look(rbac.Question(tenant_id=world.acme.pk, actor_id=world.olga.pk, wants=wants)).allowed


one_membership = st.fixed_dictionaries(
    {
        "role": st.sampled_from(Role.values),
        "environments": st.lists(st.sampled_from(Environment.values), unique=True).map(sorted),
        "action_classes": st.lists(st.sampled_from(ActionClass.values), unique=True).map(sorted),
        "over": st.booleans(),
    }
)


def limits_of(each: dict[str, Any]) -> tuple[str, ...]:
    return each["role"], str(each["environments"]), str(each["action_classes"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=st.lists(one_membership, max_size=4, unique_by=limits_of))
def test_the_database_answers_as_the_table_of_roles_says(world: World, held: list[dict[str, Any]]) -> None:
    Membership.objects.filter(user=world.olga).delete()
    now = timezone.now()
    for each in held:
        ends_at = now - timedelta(seconds=1) if each["over"] else None
        kept = {name: value for name, value in each.items() if name != "over"}
        Membership.objects.create(tenant=world.acme, user=world.olga, ends_at=ends_at, **kept)
    allowed = dict(TenantRole.objects.values_list("name", "permissions"))
    for environment, action in EVERYWHERE:
        expected = any(
            not each["over"]
            and f"run:{action}" in allowed[each["role"]]
            and (not each["environments"] or environment in each["environments"])
            and (not each["action_classes"] or action in each["action_classes"])
            for each in held
        )
        assert may_run(world, environment, action) is expected


def test_no_want_and_no_person_is_a_no(world: World) -> None:
    for actor, wants in ((world.olga.pk, ()), (None, rbac.to_run(EVERYWHERE)), (0, rbac.to_run(EVERYWHERE))):
        question = rbac.Question(tenant_id=world.acme.pk, actor_id=actor, wants=wants)
        assert not rbac.look(question).allowed
        assert not rbac.decide(question).allowed
    assert not world.olga.has_perm("executions.unheard_of", world.acme)


def test_every_environment_that_a_plan_touches_is_asked_not_only_the_highest(world: World) -> None:
    world.here("test-1", environment="dev")
    world.here("live-1", environment="prod")
    Membership.objects.filter(user=world.olga).update(environments=["prod"])
    read = {"action_class": "read"}
    with pytest.raises(NotAllowed, match="read steps for Acme in dev: the role operator is limited to prod"):
        plan(
            world, script("true", "a", target="test-1", **read), script("true", "b", target="live-1", **read)
        )
    plan(world, script("true", "b", target="live-1", **read))
    assert Execution.objects.get().touches == ["prod:read"]


def test_a_read_in_prod_and_a_deploy_in_dev_need_no_right_to_deploy_in_prod(world: World) -> None:
    world.here("test-1", environment="dev")
    world.here("live-1", environment="prod")
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    steps = [
        script("true", "a", target="test-1", action_class="deploy"),
        script("true", "b", target="live-1", action_class="read"),
    ]
    with pytest.raises(NotAllowed, match="this is prod"):
        plan(world, *steps)
    Membership.objects.create(
        tenant=world.acme,
        user=world.olga,
        role=Role.REQUESTER,
        environments=["prod"],
        action_classes=["read"],
    )
    done = plan(world, *steps)
    asked = AccessDecision.objects.filter(execution_id=done.execution_id, allowed=True)
    assert set(asked.values_list("environment", "question")) == {
        ("dev", "run:deploy"),
        ("prod", "run:read"),
    }


def test_an_approver_of_one_environment_approves_nothing_that_touches_another(world: World) -> None:
    world.here("live-1", environment="prod")
    done = plan(world, script("true", target="live-1"))
    tom = Membership.objects.filter(user=world.tom)
    tom.update(environments=["staging"])
    with pytest.raises(NotAllowed, match="in prod"):
        approvals.approve(
            done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
        )
    event = Event.objects.get(type="rbac.violation")
    assert (event.actor, event.execution_id) == ("tom", done.execution_id)
    tom.update(environments=["prod"])
    approvals.approve(
        done.execution_id, user=world.tom, approval_hash=done.approval_hash, signed_in=BY_COMMAND
    )
    assert Execution.objects.get().status == "queued"


def test_any_standing_membership_shows_the_whole_tenant_and_shows_it_once(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    for role in (Role.VIEWER, Role.APPROVER):
        Membership.objects.create(tenant=world.acme, user=world.olga, role=role, environments=["dev"])
    world.here("live-1", environment="prod")
    done = plan(world, wait_step())
    Execution.objects.update(environment="prod", touches=["prod:deploy"])
    assert list(tenants_visible_to(world.olga)) == [world.acme.pk]
    found = Execution.objects.visible_to(world.olga).get(pk=done.execution_id)
    assert world.olga.has_perm("executions.view_execution", found)
    assert not world.olga.has_perm("executions.cancel_execution", found)
    with pytest.raises(NotAllowed) as refused:
        control.request_cancel(done.execution_id, user=world.olga, reason="mine")
    assert refused.value.hint == "Why: the role operator is limited to dev, this is prod."


def test_the_same_refusal_again_and_again_leaves_one_row_a_minute(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    for _ in range(5):
        with pytest.raises(NotAllowed):
            plan(world, wait_step())
    assert AccessDecision.objects.filter(allowed=False).count() == 1
    assert list(Event.objects.values_list("type", "actor", "tenant")) == [
        ("rbac.violation", "olga", world.acme.pk)
    ]
    with unguarded("opsc_access_decision"):
        AccessDecision.objects.update(at=timezone.now() - timedelta(minutes=2))
    with pytest.raises(NotAllowed):
        plan(world, wait_step())
    assert Event.objects.count() == 2


def test_a_person_who_tries_everything_leaves_sixty_rows_a_minute(world: World) -> None:
    done = [plan(world, wait_step(estimate=number / 8)) for number in range(1, 66)]
    Membership.objects.filter(user=world.olga).update(role=Role.VIEWER)
    for each in done:
        with pytest.raises(NotAllowed):
            control.request_cancel(each.execution_id, user=world.olga, reason="no")
    assert AccessDecision.objects.filter(allowed=False).count() == 60
    assert Event.objects.filter(type="rbac.violation").count() == 60


@pytest.mark.parametrize("wrong", [{"environments": ["mars"]}, {"action_classes": ["reboot"]}, {}])
def test_the_database_keeps_memberships_known_and_single(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.OPERATOR, **wrong)
