"""A plan is stored once, whole, and only for those who may run it."""

import pytest

from executions.errors import Conflict, NotAllowed
from executions.models import Approval, Execution, StepRun
from executions.plans import PlanInvalid
from executions.submission import submit
from safety.models import AccessDecision, Membership
from tests.world import World, events_of, in_threads, script, status_of, wait_step, work_off

PLAN = {"version": 1, "name": "nightly", "mode": "background", "steps": [wait_step()]}


def test_fifty_simultaneous_submissions_of_one_plan_make_one_execution(world: World) -> None:
    results = in_threads(50, lambda _: submit(PLAN, user=world.olga, tenant=world.acme))
    assert {result.execution_id for result in results} == {Execution.objects.get().pk}
    assert [result.created for result in results].count(True) == 1
    assert StepRun.objects.count() == 1


def test_a_plan_that_differs_only_in_key_order_is_the_same_plan(world: World) -> None:
    first = submit(PLAN, user=world.olga, tenant=world.acme)
    again = submit(dict(reversed(PLAN.items())), user=world.olga, tenant=world.acme)
    assert (again.execution_id, again.created) == (first.execution_id, False)


def test_another_person_or_an_explicit_wish_makes_another_execution(world: World) -> None:
    first = submit(PLAN, user=world.olga, tenant=world.acme)
    Membership.objects.filter(user=world.tom).update(role="operator")
    assert submit(PLAN, user=world.tom, tenant=world.acme).created
    assert submit(PLAN, user=world.olga, tenant=world.acme, again=True).execution_id != first.execution_id


def test_a_client_key_answers_with_the_first_run_and_refuses_another_plan(world: World) -> None:
    first = submit(PLAN, user=world.olga, tenant=world.acme, idempotency_key="k-1")
    again = submit(PLAN, user=world.olga, tenant=world.acme, idempotency_key="k-1")
    assert again.execution_id == first.execution_id
    other = PLAN | {"name": "another"}
    with pytest.raises(Conflict, match="another plan"):
        submit(other, user=world.olga, tenant=world.acme, idempotency_key="k-1")


def test_a_plan_whose_run_failed_may_run_again(world: World, working: None) -> None:
    world.here()
    failing = script("exit 3", action_class="read")
    plan = PLAN | {"steps": [failing], "targets": ["here"]}
    first = submit(plan, user=world.olga, tenant=world.acme)
    work_off()
    assert status_of(first.execution_id) == "failed"
    assert submit(plan, user=world.olga, tenant=world.acme).created


def test_nina_cannot_submit_for_a_tenant_that_is_not_hers_and_the_refusal_is_recorded(world: World) -> None:
    with pytest.raises(NotAllowed, match="no membership"):
        submit(PLAN, user=world.nina, tenant=world.acme)
    decision = AccessDecision.objects.get()
    assert (decision.allowed, decision.actor_id) == (False, world.nina.pk)
    assert not Execution.objects.exists()


def test_a_viewer_may_not_submit(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(role="viewer")
    with pytest.raises(NotAllowed, match="role viewer"):
        submit(PLAN, user=world.olga, tenant=world.acme)


def test_an_asset_of_another_tenant_is_as_unknown_as_one_that_does_not_exist(world: World) -> None:
    world.here(name="secret-host")
    plan = PLAN | {"steps": [script("true")], "targets": ["secret-host"]}
    with pytest.raises(PlanInvalid) as refused:
        submit(plan, user=world.nina, tenant=world.other)
    assert refused.value.problems[0].code == "asset.unknown"


def test_what_changes_something_waits_for_approval_unless_its_requester_confirms(world: World) -> None:
    world.here()
    plan = PLAN | {"steps": [script("true")], "targets": ["here"]}
    waiting = submit(plan, user=world.olga, tenant=world.acme)
    assert status_of(waiting.execution_id) == "pending_approval"
    assert Approval.objects.get().status == "requested"
    confirmed = submit(plan, user=world.olga, tenant=world.acme, confirmed=True, again=True)
    assert status_of(confirmed.execution_id) == "queued"
    assert "approval.approved" in events_of(confirmed.execution_id)


def test_confirming_is_not_enough_for_a_higher_level(world: World) -> None:
    world.here(environment="prod")
    plan = PLAN | {"steps": [script("true")], "targets": ["here"]}
    submitted = submit(plan, user=world.olga, tenant=world.acme, confirmed=True)
    assert (submitted.approval_level, submitted.status) == (2, "pending_approval")
