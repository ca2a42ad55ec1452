"""Admin actions ask before they act, act through the domain, and only for those who may."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from executions.models import Approval, Execution
from safety.choices import Role
from safety.models import Lease, Membership
from tests import factories
from tests.world import World, events_of, script, status_of, wait_step

APPROVALS = "/admin/executions/approval/"
EXECUTIONS = "/admin/executions/execution/"
LEASES = "/admin/safety/lease/"


def staff(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    return client


def ask(client: Client, address: str, action: str, *keys: Any) -> Any:
    """Choose the action on the list: the answer is the question whether to do it."""
    return client.post(address, {"action": action, "_selected_action": [str(key) for key in keys]})


def say_yes(client: Client, address: str, question: Any, **more: str) -> str:
    """Send the form of the question with a reason; the page that follows."""
    fields = re.findall(r'type="hidden"\s+name="([^"]*)"\s+value="([^"]*)"', question.content.decode())
    data: dict[str, Any] = {"reason": "because"}
    for name, value in fields:
        data[name] = [*data[name], value] if name == "_selected_action" and name in data else value
        if name == "_selected_action" and not isinstance(data[name], list):
            data[name] = [data[name]]
    return client.post(address, data | more, follow=True).content.decode()


def offers(client: Client, address: str, action: str) -> bool:
    return f'<option value="{action}">' in client.get(address).content.decode()


def a_pending_approval(world: World, **more: Any) -> Approval:
    world.here(environment="prod")
    submitted = world.submit(script("true"), targets=["here"], **more)
    return Approval.objects.get(execution_id=submitted.execution_id)


def test_an_approver_approves_and_the_hash_that_was_shown_counts(world: World) -> None:
    approval = a_pending_approval(world)
    client = staff(world.tom)
    question = ask(client, APPROVALS, "approve", approval.pk)
    page = question.content.decode()
    assert f"hash {approval.approval_hash[:12]}" in page
    assert status_of(approval.execution_id) == "pending_approval"
    tampered = say_yes(client, APPROVALS, question, **{f"seen-{approval.pk}": "0" * 64})
    assert "changed after you looked at it" in tampered
    assert status_of(approval.execution_id) == "pending_approval"
    assert "Done for 1 of 1." in say_yes(client, APPROVALS, question)
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by, approval.comment) == ("approved", world.tom, "because")
    assert status_of(approval.execution_id) == "queued"
    assert "already approved" in say_yes(client, APPROVALS, question)


def test_no_reason_no_act(world: World) -> None:
    approval = a_pending_approval(world)
    client = staff(world.tom)
    question = ask(client, APPROVALS, "reject", approval.pk)
    assert "This field is required." in say_yes(client, APPROVALS, question, reason=" ")
    assert status_of(approval.execution_id) == "pending_approval"
    say_yes(client, APPROVALS, question)
    assert status_of(approval.execution_id) == "rejected"


def test_the_requester_cannot_approve_in_the_admin_either(world: World) -> None:
    approval = a_pending_approval(world)
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    client = staff(world.olga)
    page = say_yes(client, APPROVALS, ask(client, APPROVALS, "approve", approval.pk))
    assert "somebody else has to approve it" in page
    assert status_of(approval.execution_id) == "pending_approval"


def test_actions_are_offered_only_to_roles_that_may_use_them(world: World) -> None:
    a_pending_approval(world)
    factories.a_lease(Execution.objects.get(), world.here("other"), under_review=True)
    olga, tom = staff(world.olga), staff(world.tom)
    assert offers(olga, EXECUTIONS, "cancel")
    assert not offers(olga, APPROVALS, "approve")
    assert offers(tom, APPROVALS, "approve")
    assert not offers(tom, EXECUTIONS, "cancel")
    for client in (olga, tom):
        assert not offers(client, LEASES, "release")


def test_a_role_in_one_tenant_gives_no_power_over_another(world: World) -> None:
    """Nina is an admin of her own tenant, so the actions are offered; Acme's rows stay out of her reach."""
    approval = a_pending_approval(world)
    lease = factories.a_lease(approval.execution, world.here("other"), under_review=True)
    nina = staff(world.nina)
    for address, action, key in (
        (APPROVALS, "approve", approval.pk),
        (APPROVALS, "reject", approval.pk),
        (EXECUTIONS, "cancel", approval.execution_id),
        (LEASES, "release", lease.pk),
    ):
        data = {"action": action, "_selected_action": str(key), "confirmed": "yes", "reason": "mine"}
        nina.post(address, data | {f"seen-{key}": approval.approval_hash, "index": "0"})
    assert status_of(approval.execution_id) == "pending_approval"
    assert Lease.objects.filter(pk=lease.pk).exists()


def test_cancel_in_the_admin_is_the_same_cancel(world: World) -> None:
    execution_id = world.submit(wait_step()).execution_id
    client = staff(world.olga)
    question = ask(client, EXECUTIONS, "cancel", execution_id)
    assert "What has not begun will not begin." in question.content.decode()
    say_yes(client, EXECUTIONS, question)
    assert status_of(execution_id) == "cancelled"
    assert Execution.objects.get(pk=execution_id).cancel_reason == "because"
    assert "execution.cancel_requested" in events_of(execution_id)


def test_a_kept_lease_is_released_by_an_admin_who_looked(world: World) -> None:
    execution = factories.an_execution(world.olga, tenant=world.acme, status="needs_attention")
    kept = factories.a_lease(execution, world.here("kept"), under_review=True, reason="worker lost")
    in_use = factories.a_lease(execution, world.here("busy"))
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    client = staff(world.tom)
    question = ask(client, LEASES, "release", kept.pk, in_use.pk)
    assert "kept: worker lost" in question.content.decode()
    page = say_yes(client, LEASES, question)
    assert "its holder is at work" in page
    assert list(Lease.objects.all()) == [in_use]
    assert "lock.released" in events_of(execution.pk)


def test_an_action_on_very_many_rows_is_refused(world: World) -> None:
    keys = [factories.an_execution(world.olga, tenant=world.acme).pk for _ in range(101)]
    page = ask(staff(world.olga), EXECUTIONS, "cancel", *keys)
    assert page.status_code == 302
    assert not Execution.objects.filter(cancel_requested_at__isnull=False).exists()
