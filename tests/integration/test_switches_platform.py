"""What the platform's operators switched off in a tenant, nobody of the tenant weakens, replaces or lifts."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions import switches, switching
from executions.errors import NotAllowed, SwitchedOff
from executions.models import Event, Execution
from executions.switching import Scope
from safety.choices import Role
from safety.models import AccessDecision, Membership, Switch
from tests.commands import manage
from tests.integration.test_admin_actions import staff
from tests.world import World, states_of, status_of, wait_step, work_off

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def root(world: World) -> User:
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.TENANT_ADMIN)
    return User.objects.create_superuser("root")


def turn(world: World, user: User, mode: str, lasts_s: float = 600.0, **scope: str) -> Switch:
    where = Scope(tenant=world.acme, **scope)
    return switching.turn(where, mode=mode, user=user, reason=f"{user} says so", lasts_s=lasts_s)


@pytest.mark.parametrize("scope", [{}, {"environment": "dev"}, {"connector": "wait"}])
def test_a_weaker_one_of_the_tenant_stands_beside_it_and_changes_nothing(
    world: World, root: User, scope: dict[str, str]
) -> None:
    execution_id = world.submit(wait_step()).execution_id
    strict = turn(world, root, "hold", **scope)
    weak = turn(world, world.olga, "no_new_runs", lasts_s=1.0, **scope)
    assert set(Switch.objects.standing()) == {strict, weak}
    switching.lift(weak.pk, user=world.olga, reason="mine to lift")
    with pytest.raises(NotAllowed, match=switching.THEIRS):
        switching.lift(strict.pk, user=world.olga, reason="mine too")
    work_off()
    assert status_of(execution_id) == "queued"
    assert list(Switch.objects.standing()) == [strict]
    switching.lift(strict.pk, user=root, reason="over")
    work_off()
    assert status_of(execution_id) == "succeeded"


def test_people_of_the_tenant_may_be_stricter_and_take_only_that_back(world: World, root: User) -> None:
    execution_id = world.submit(wait_step("a"), wait_step("b")).execution_id
    turn(world, root, "no_new_runs")
    own = turn(world, world.olga, "hold")
    work_off()
    assert states_of(execution_id)["a"] == "ready"
    switching.lift(own.pk, user=world.olga, reason="enough")
    assert [switch.mode for switch in Switch.objects.standing()] == ["no_new_runs"]
    with pytest.raises(SwitchedOff, match="by the platform's operators: root says so") as refused:
        world.submit(wait_step())
    assert "until one of them lifts it" in refused.value.hint


def test_each_side_replaces_its_own(world: World, root: User) -> None:
    for mode in ("hold", "no_new_runs"):
        for user in (root, world.olga):
            turn(world, user, mode)
    assert sorted((one.by_platform, one.mode) for one in Switch.objects.standing()) == [
        (False, "no_new_runs"),
        (True, "no_new_runs"),
    ]


def test_page_admin_and_command_offer_and_do_nothing_of_it(world: World, root: User) -> None:
    strict = turn(world, root, "hold")
    assert not switches.may_turn(strict, world.olga)
    client = Client()
    client.force_login(world.olga)
    page = client.get("/switches/").content.decode()
    assert "the platform&#x27;s operators" in page
    assert f"/switches/{strict.pk}/lift/" not in page
    assert client.post(f"/switches/{strict.pk}/lift/", {"reason": "x"}).status_code == 403
    told = manage("switch", "lift", str(strict.pk), "--reason", "x", "--as", "olga")
    assert (told.code, switching.THEIRS in told.err) == (2, True)
    form = {"action": "lift", "_selected_action": [strict.pk], "confirmed": "yes", "reason": "x"}
    staff(world.olga).post("/admin/safety/switch/", form)
    assert Switch.objects.get().lifted_at is None
    assert AccessDecision.objects.filter(allowed=False, actor_id=world.olga.pk).exists()


def test_the_tenant_learns_no_name_of_the_platform(world: World, root: User) -> None:
    world.submit(wait_step())
    strict = turn(world, root, "stop")
    switching.lift(strict.pk, user=root, reason="over")
    strict.refresh_from_db()
    assert (strict.turned_by, strict.told_by, strict.told_lifted_by) == (
        "root",
        *["the platform's operators"] * 2,
    )
    assert set(Event.objects.filter(type__startswith="switch.").values_list("actor", flat=True)) == {
        "the platform's operators"
    }
    assert not Execution.objects.filter(cancel_actor="root").exists()
