"""Approvals from the pages to real workers: deputy, quorum, link, break-glass, and a right that was lost on the way."""

import re
from pathlib import Path

from django.contrib.auth.models import User
from django.test import Client

from executions import dispatch
from executions.models import Approval, Event, Execution
from safety.choices import Role
from safety.models import ApprovalPolicy, Membership
from tests import factories
from tests.commands import manage
from tests.e2e.people.held import Held, approve, begins, boss, held, says, signed_in, stays
from tests.fleet import Fleet
from tests.world import World, runs_of, status_of


def changes_prod(world: World, folder: Path, **policy: object) -> Held:
    """Olga asks for a change in prod, for which the policy asks for people."""
    row = {"level": 2} | policy
    ApprovalPolicy.objects.create(tenant=world.acme, environment="prod", action_class="modify", **row)
    world.here(environment="prod")
    return held(world, folder)


def ends_well(run: Held) -> None:
    begins(run).let_go()
    run.ends_as("succeeded")
    assert run.touched.exists()


def test_two_people_have_to_approve_and_one_may_be_a_deputy(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    run = changes_prod(world, tmp_path, quorum=2)
    ada = boss(world)
    val = factories.a_person("val", Role.VIEWER, tenant=world.acme)
    form = {"tenant": world.acme.pk, "name": "val", "days": 1, "reason": "on leave"}
    assert signed_in(world.tom).post("/approvals/deputies/", form).status_code == 302
    approve(val, run)
    stays(lambda: not run.has_begun)
    says(signed_in(world.olga), f"/executions/{run.execution_id}/", "1 of 2 approvals: val for tom.")
    page, wanted = f"/executions/{run.execution_id}/", Execution.objects.get().approval_hash
    again = signed_in(world.tom).post(f"{page}approve/", {"approval_hash": wanted})
    assert again.status_code == 409
    assert "It counts once." in again.content.decode()
    approve(ada, run)
    ends_well(run)


def test_who_approved_and_lost_the_role_carries_the_next_step_no_more(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    run = changes_prod(world, tmp_path)
    approve(world.tom, run)
    begins(run)
    Membership.objects.filter(user=world.tom).delete()
    run.let_go()
    run.ends_as("failed")
    assert not run.touched.exists()
    one, two = runs_of(run.execution_id)
    assert (one.status, two.status) == ("succeeded", "failed")
    assert "stand behind it" in two.detail


def test_a_link_decides_once_after_its_person_signed_in(world: World, fleet: Fleet, tmp_path: Path) -> None:
    run = changes_prod(world, tmp_path)
    world.tom.set_password(factories.PASSWORD)
    world.tom.save()
    given = ("approval_link", run.execution_id, "tom", "--base", "http://localhost")
    address = manage(*given).out.strip().removeprefix("http://localhost")
    nobody = Client(HTTP_HOST="localhost")
    says(nobody, address, "Approve this run?", "Sign in to approve")
    nobody.post(address, {"decision": "approve"})
    assert status_of(run.execution_id) == "pending_approval"
    signed_in(world.olga).post(address, {"decision": "approve"})
    assert status_of(run.execution_id) == "pending_approval"
    tom = signed_in(world.tom)
    assert tom.post(address, {"decision": "approve"}).status_code in (200, 302)
    dispatch.flush()
    assert Approval.objects.get(execution=run.execution_id).decided_by == world.tom
    assert "used" in tom.get(address, follow=True).content.decode()
    ends_well(run)


def test_broken_glass_lets_it_begin_loudly_and_is_reviewed_by_somebody_else(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    run = changes_prod(world, tmp_path)
    ada, page = signed_in(boss(world)), f"/executions/{run.execution_id}/"
    (shown,) = set(
        re.findall(r'name="approval_hash"\s+value="([0-9a-f]{64})"', ada.get(page).content.decode())
    )
    said = {"approval_hash": shown, "reason": "the shop is down, ticket 4711"}
    assert ada.post(f"{page}break-glass/", said).status_code == 302
    dispatch.flush()
    ends_well(run)
    assert Event.objects.filter(execution=run.execution_id, type="system.alert").count() == 1
    ada.post(f"{page}review/", {"comment": "I was right"})
    assert Approval.objects.get().reviewed_by is None
    says(signed_in(world.tom), "/approvals/", "to be reviewed", "ticket 4711")
    signed_in(world.tom).post(f"{page}review/", {"comment": "right call"})
    assert Approval.objects.get().reviewed_by == world.tom
    assert "to be reviewed" not in signed_in(world.tom).get("/approvals/").content.decode()


def test_nobody_approves_what_they_asked_for(world: World, fleet: Fleet, tmp_path: Path) -> None:
    run = changes_prod(world, tmp_path)
    Membership.objects.filter(user=world.olga).update(role=Role.TENANT_ADMIN)
    olga = signed_in(User.objects.get(pk=world.olga.pk))
    wanted = Execution.objects.get(pk=run.execution_id).approval_hash
    olga.post(f"/executions/{run.execution_id}/approve/", {"approval_hash": wanted})
    stays(lambda: status_of(run.execution_id) == "pending_approval", 1)
    approve(world.tom, run)
    ends_well(run)
