"""What people do on a page reaches the domain, once, and a page that is behind the times changes nothing."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from executions.models import Approval, Execution
from executions.submission import submit
from safety.models import Membership
from tests import factories
from tests.world import World, events_of, script, status_of, wait_step, work_off


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, execution_id: UUID) -> str:
    return client.get(f"/executions/{execution_id}/").content.decode()


def a_plan_for_approval(world: World) -> UUID:
    """A run of level 2 that waits for Tom."""
    world.here(environment="prod")
    plan = {
        "version": 1,
        "name": "motd",
        "mode": "background",
        "targets": ["here"],
        "steps": [script("true")],
    }
    submitted = submit(plan, user=world.olga, tenant=world.acme, confirmed=True)
    assert (submitted.status, submitted.approval_level) == ("pending_approval", 2)
    return submitted.execution_id


def an_unknown_outcome(world: World) -> Any:
    """A run in need of attention, with one step run that nobody knows the outcome of."""
    execution = factories.an_execution(
        world.olga, tenant=world.acme, status="needs_attention", started_at=timezone.now()
    )
    run = factories.a_step_run(factories.a_step(execution, remaining=1), status="interrupted")
    factories.a_dead_letter(run)
    return run


def test_cancel_needs_a_reason_and_ends_what_has_not_begun(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    client = signed_in(world.olga)
    address = f"/executions/{execution_id}/cancel/"
    answer = client.post(address, {"reason": "  "}, follow=True)
    assert "A reason of at most 300 characters is needed" in answer.content.decode()
    assert status_of(execution_id) == "queued"
    answer = client.post(address, {"reason": "wrong <host>"}, follow=True)
    assert status_of(execution_id) == "cancelled"
    page = answer.content.decode()
    assert "wrong &lt;host&gt;" in page
    assert "Cancel was asked." in page


def test_cancel_of_a_run_that_is_over_says_that_it_moved_on(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    client = signed_in(world.olga)
    assert f"/executions/{execution_id}/cancel/" in page_of(client, execution_id)
    work_off()
    answer = client.post(f"/executions/{execution_id}/cancel/", {"reason": "too late"})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "is over (succeeded)" in page
    assert f'href="/executions/{execution_id}/"' in page
    assert status_of(execution_id) == "succeeded"
    assert f"/executions/{execution_id}/cancel/" not in page_of(client, execution_id)


def test_a_get_changes_nothing(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    for act in ("cancel", "retry", "approve", "reject"):
        assert signed_in(world.olga).get(f"/executions/{execution_id}/{act}/").status_code == 405
    assert status_of(execution_id) == "queued"


def test_a_form_without_its_token_changes_nothing_and_says_why(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.olga)
    answer = client.post(f"/executions/{execution_id}/cancel/", {"reason": "x"})
    assert answer.status_code == 403
    assert "The form was too old" in answer.content.decode()
    assert status_of(execution_id) == "queued"


def test_a_viewer_and_an_approver_may_not_cancel(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    answer = signed_in(world.tom).post(f"/executions/{execution_id}/cancel/", {"reason": "x"})
    assert answer.status_code == 403
    assert "Your role may not cancel" in answer.content.decode()
    assert status_of(execution_id) == "queued"


@pytest.mark.parametrize(
    ("data", "runs"), [({"confirmed": "on"}, 2), ({"failed_only": "on", "confirmed": "on"}, 1)]
)
def test_retry_makes_a_new_run_that_points_at_the_old_one(
    world: World, working: None, data: dict[str, str], runs: int
) -> None:
    world.here()
    steps = (script("true", "good"), script("exit 3", "bad", depends_on=[]))
    execution_id = world.submit(*steps, targets=["here"]).execution_id
    work_off()
    client = signed_in(world.olga)
    assert "1 of 2 step runs" in page_of(client, execution_id)
    answer = client.post(f"/executions/{execution_id}/retry/", data)
    again = Execution.objects.get(retry_of_id=execution_id)
    assert answer["Location"] == f"/executions/{again.pk}/"
    assert again.total_runs == runs


def test_retry_of_a_plan_whose_targets_are_gone_says_so(world: World, working: None) -> None:
    asset = world.here()
    execution_id = world.submit(script("exit 3"), targets=["here"]).execution_id
    work_off()
    asset.is_active = False
    asset.save()
    answer = signed_in(world.olga).post(f"/executions/{execution_id}/retry/", {})
    assert answer.status_code == 409
    assert "<code>targets[0]</code>" in answer.content.decode()
    assert Execution.objects.count() == 1


def test_an_approver_approves_what_the_page_showed(world: World) -> None:
    execution_id = a_plan_for_approval(world)
    client = signed_in(world.tom)
    assert f'href="/executions/{execution_id}/#decide"' in client.get("/approvals/").content.decode()
    digest = Execution.objects.get(pk=execution_id).approval_hash
    assert f'name="approval_hash" value="{digest}"' in " ".join(page_of(client, execution_id).split())
    client.post(
        f"/executions/{execution_id}/approve/",
        {"approval_hash": digest, "comment": "window is open"},
        REMOTE_ADDR="10.2.3.4",
    )
    approval = Approval.objects.get(execution_id=execution_id)
    assert status_of(execution_id) == "queued"
    assert (approval.decided_by, approval.comment, approval.address) == (
        world.tom,
        "window is open",
        "10.2.3.4",
    )
    assert approval.signed_in_at is not None
    assert "Nothing waits for an approval" in client.get("/approvals/").content.decode()


def test_an_approval_of_something_else_is_refused(world: World) -> None:
    execution_id = a_plan_for_approval(world)
    client = signed_in(world.tom)
    answer = client.post(f"/executions/{execution_id}/approve/", {"approval_hash": "0" * 64})
    assert answer.status_code == 409
    answer = client.post(f"/executions/{execution_id}/approve/", {"approval_hash": "x"}, follow=True)
    assert "Nothing was approved" in answer.content.decode()
    assert status_of(execution_id) == "pending_approval"


def test_the_requester_cannot_approve_and_is_told_why(world: World) -> None:
    execution_id = a_plan_for_approval(world)
    client = signed_in(world.olga)
    Membership.objects.filter(user=world.olga).update(role="tenant_admin")
    for address in (f"/executions/{execution_id}/", "/approvals/"):
        assert "somebody else has to approve it" in client.get(address).content.decode()
    digest = Execution.objects.get(pk=execution_id).approval_hash
    for act in ("approve", "reject"):
        data = {"approval_hash": digest, "comment": "me"}
        assert client.post(f"/executions/{execution_id}/{act}/", data).status_code == 403
    assert status_of(execution_id) == "pending_approval"


def test_a_second_decision_comes_too_late(world: World) -> None:
    execution_id = a_plan_for_approval(world)
    client = signed_in(world.tom)
    answer = client.post(f"/executions/{execution_id}/reject/", {"comment": ""}, follow=True)
    assert "Say why you reject it" in answer.content.decode()
    client.post(f"/executions/{execution_id}/reject/", {"comment": "not on a Friday"})
    assert status_of(execution_id) == "rejected"
    assert "not on a Friday" in page_of(client, execution_id)
    digest = Execution.objects.get(pk=execution_id).approval_hash
    answer = client.post(f"/executions/{execution_id}/approve/", {"approval_hash": digest})
    assert answer.status_code == 409
    assert "already rejected" in answer.content.decode()


@pytest.mark.parametrize(
    ("decision", "step", "run"),
    [
        ("succeeded", "succeeded", "succeeded"),
        ("skip", "skipped", "failed"),
        ("abort", "failed", "failed"),
        ("retry", "ready", "running"),
    ],
)
def test_a_person_decides_about_an_unknown_outcome(world: World, decision: str, step: str, run: str) -> None:
    unknown = an_unknown_outcome(world)
    client = signed_in(world.olga)
    assert f"?run={unknown.pk}" in client.get("/dead-letters/").content.decode()
    address = f"/step-runs/{unknown.pk}/resolve/"
    client.post(address, {"decision": decision, "reason": ""})
    unknown.refresh_from_db()
    assert unknown.status == "interrupted"
    client.post(address, {"decision": decision, "reason": "looked at the host"})
    unknown.refresh_from_db()
    assert (unknown.status, status_of(unknown.execution_id)) == (step, run)
    assert "step.resolved" in events_of(unknown.execution_id)
    assert "No dead letters." in client.get("/dead-letters/").content.decode()
    assert client.post(address, {"decision": decision, "reason": "again"}).status_code == 409


def test_deciding_is_for_those_who_may_run_such_steps(world: World) -> None:
    unknown = an_unknown_outcome(world)
    Membership.objects.filter(user=world.olga).update(role="requester")
    client = signed_in(world.olga)
    assert "/resolve/" not in page_of(client, unknown.execution_id)
    answer = client.post(f"/step-runs/{unknown.pk}/resolve/", {"decision": "skip", "reason": "x"})
    assert answer.status_code == 403
