"""Rollout: off takes nothing, a shadow touches nothing, a canary is always the same, golive says why."""

from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from executions import rolling
from executions.errors import NotAllowed, NotFound, Refused, RolloutOff
from executions.models import Event, Execution, Worker
from executions.monitoring.golive import LIMITS, Step, verdict
from executions.rolling import Wanted
from executions.rollout import part_of
from executions.submission import Submitted
from safety.choices import Role
from safety.models import Membership, Rollout
from tests import factories
from tests.commands import manage
from tests.world import World, events_of, runs_of, script, states_of, status_of, wait_step, work_off

PAGE = "/rollout/"


@pytest.fixture
def boss(world: World) -> User:
    """Tom as tenant admin of Acme."""
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    return world.tom


def roll(world: World, user: User, phase: str, **more: int) -> Rollout:
    return rolling.change(world.acme, Wanted(phase=phase, **more), user=user, reason="step by step")


def touching(world: World, mark: Path, **more: object) -> Submitted:
    return world.submit(script(f"touch {mark}"), targets=["here"], **more)


def test_a_shadow_goes_through_every_guard_and_touches_no_target(
    world: World, boss: User, working: None, tmp_path: Path
) -> None:
    world.here()
    touching(world, tmp_path / "real", name="Release")
    work_off()
    assert (tmp_path / "real").exists()

    roll(world, boss, "shadow")
    shadow = world.submit(
        script(f"touch {tmp_path}/real", effect="unsafe"), wait_step(), targets=["here"], name="Release"
    )
    work_off()
    assert Execution.objects.get(pk=shadow.execution_id).shadow
    assert states_of(shadow.execution_id) == {"work": "succeeded", "wait": "succeeded"}
    told = events_of(shadow.execution_id)
    assert told.count("step.shadowed") == 2
    says = runs_of(shadow.execution_id)[0].detail
    assert says.startswith("shadow: would have run the script step 'work' on here (local), and did not")
    assert "other than it was run for real in" in says

    (tmp_path / "real").unlink()
    again = touching(world, tmp_path / "real", name="Release", priority="urgent")
    work_off()
    assert "as it was run for real in" in runs_of(again.execution_id)[0].detail
    assert not (tmp_path / "real").exists()


def test_a_shadow_is_refused_by_the_guards_as_a_real_run_is(world: World, boss: User, working: None) -> None:
    world.here()
    roll(world, boss, "shadow")
    execution_id = world.submit(script("true"), targets=["here"]).execution_id
    Membership.objects.filter(user=world.olga).delete()
    work_off()
    assert (status_of(execution_id), runs_of(execution_id)[0].category) == ("failed", "rbac")


def test_what_was_submitted_for_real_stays_real_and_a_shadow_stays_one(
    world: World, boss: User, working: None, tmp_path: Path
) -> None:
    world.here()
    touching(world, tmp_path / "real")
    roll(world, boss, "shadow")
    touching(world, tmp_path / "shadow")
    roll(world, boss, "full")
    work_off()
    assert [mark.name for mark in tmp_path.iterdir()] == ["real"]


def test_off_takes_nothing_at_once_and_cancels_what_is_open_only_when_asked(world: World, boss: User) -> None:
    before = world.submit(wait_step()).execution_id
    roll(world, boss, "off")
    with pytest.raises(RolloutOff, match="Runs of Acme are off, since tom: step by step"):
        world.submit(wait_step())
    assert status_of(before) == "queued"
    rolling.change(world.acme, Wanted(phase="off"), user=boss, reason="wrong release", cancel_open=True)
    assert status_of(before) == "cancelled"
    assert Execution.objects.get(pk=before).cancel_reason == "rollout off: wrong release"


def test_a_canary_lets_the_same_plans_in_and_at_every_higher_percentage(world: World) -> None:
    hashes = [uuid4().hex for _ in range(2000)]
    parts = [part_of(world.acme, one) for one in hashes]
    assert parts == [part_of(world.acme, one) for one in hashes]
    assert set(parts) <= set(range(100))
    assert 60 < sum(part < 5 for part in parts) < 150
    assert 880 < sum(part < 50 for part in parts) < 1120
    assert parts != [part_of(world.other, one) for one in hashes]


def test_a_higher_percentage_keeps_in_who_was_in(world: World, boss: User) -> None:
    names = [f"plan {number}" for number in range(60)]

    def let_in(percent: int) -> set[str]:
        roll(world, boss, "canary", percent=percent, most_level=3)
        runs = {name: world.submit(wait_step(), name=name) for name in names}
        shadows = Execution.objects.filter(shadow=True).values_list("pk", flat=True)
        return {name for name, run in runs.items() if run.execution_id not in shadows}

    sides = [let_in(percent) for percent in (10, 20, 50)]
    assert sides[0] <= sides[1] <= sides[2]
    assert sides[0] < sides[2]


def test_a_canary_has_a_highest_level(world: World, boss: User) -> None:
    world.here("prod-1", environment="prod")
    roll(world, boss, "canary", percent=50, most_level=0)
    runs = [world.submit(wait_step(), name=f"plan {number}").execution_id for number in range(24)]
    shadows = Execution.objects.filter(pk__in=runs, shadow=True).count()
    assert 0 < shadows < 24
    risky = [
        world.submit(script("true"), targets=["prod-1"], name=f"risky {number}").execution_id
        for number in range(12)
    ]
    assert not Execution.objects.filter(pk__in=risky, shadow=False).exists()


def test_a_refusal_names_what_is_wrong(world: World, boss: User) -> None:
    with pytest.raises(Refused, match=r"^percent: "):
        roll(world, boss, "canary", percent=51)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Wanted(phase="half"), "x"),
        (Wanted(phase="canary", percent=4), "x"),
        (Wanted(phase="canary", percent=51), "x"),
        (Wanted(phase="canary", most_level=4), "x"),
        (Wanted(phase="full"), " "),
    ],
)
def test_nonsense_is_refused(world: World, boss: User, wanted: Wanted, reason: str) -> None:
    with pytest.raises(Refused):
        rolling.change(world.acme, wanted, user=boss, reason=reason)
    assert not Rollout.objects.exists()


def test_only_an_admin_of_all_of_the_tenant_changes_it(world: World, boss: User) -> None:
    for user, refused in ((world.olga, NotAllowed), (world.nina, NotFound)):
        with pytest.raises(refused):
            roll(world, user, "off")
    Membership.objects.filter(user=boss).update(environments=["dev"])
    with pytest.raises(NotAllowed):
        roll(world, boss, "off")
    assert not Rollout.objects.exists()
    roll(world, User.objects.create_superuser("root"), "shadow")
    event = Event.objects.get(type="rollout.changed")
    assert (event.data["before"], event.data["now"], event.actor) == ("full", "shadow", "root")


def ended(world: World, number: int, status: str = "succeeded", **more: object) -> None:
    for _ in range(number):
        factories.an_execution(
            world.olga, tenant=world.acme, status=status, finished_at=timezone.now(), **{"spent_s": 2} | more
        )


def test_golive_says_go_when_every_criterion_holds(world: World) -> None:
    Worker.objects.create(name="h:1:1", queues=["fast"], version="1")
    ended(world, 50)
    assert verdict(world.acme, Step.CANARY).is_go
    assert not verdict(world.acme, Step.DARK).is_go  # these were no shadows
    ended(world, 20, shadow=True)
    assert verdict(world.acme, Step.DARK).is_go
    answer = manage("golive", "--tenant", "acme", "--phase", "canary", "--as", "tom")
    assert (answer.code, "GO for canary: acme (now full)" in answer.out) == (0, True)
    assert "50" in answer.out
    assert f">= {LIMITS[Step.CANARY].runs}" in answer.out


@pytest.mark.parametrize(
    ("trouble", "names"),
    [
        ({"status": "failed", "number": 2}, {"error rate", "within their SLA class"}),
        ({"status": "succeeded", "number": 2, "spent_s": 11}, {"within their SLA class"}),
        ({"status": "cancelled", "number": 60}, set()),
    ],
)
def test_golive_names_what_fails(world: World, trouble: dict[str, object], names: set[str]) -> None:
    Worker.objects.create(name="h:1:1", queues=["fast"], version="1")
    ended(world, 60)
    more = dict(trouble)
    ended(world, int(str(more.pop("number"))), str(more.pop("status")), **more)
    found = {one.name for one in verdict(world.acme, Step.CANARY).criteria if not one.holds}
    assert found <= names
    assert bool(found) == bool(names)


def test_without_runs_or_workers_it_is_no_go_and_nothing_divides_by_zero(world: World) -> None:
    answer = manage("golive", "--tenant", "acme", "--phase", "full", "--as", "tom", "--json")
    assert (answer.code, answer.json["verdict"]) == (1, "NO-GO")
    failing = {one["name"] for one in answer.json["criteria"] if not one["holds"]}
    assert failing == {"real runs that ended", "error rate", "within their SLA class", "healthy workers"}
    ended(world, 200)
    Worker.objects.create(name="h:1:1", queues=["fast"], version="1")
    Worker.objects.create(name="h:2:1", queues=["fast"], version="1", state="lost")
    failing = {one.name for one in verdict(world.acme, Step.FULL).criteria if not one.holds}
    assert failing == {"healthy workers"}


def test_by_command(world: World, boss: User) -> None:
    change = ("rollout", "--tenant", "acme", "--as", "tom", "--phase", "canary", "--percent", "10")
    assert manage(*change).code == 2
    done = manage(*change, "--reason", "golive said GO")
    assert (done.code, done.out.strip()) == (
        0,
        "acme: canary: 10 % of the plans, up to approval level 1, tom: golive said GO",
    )
    assert manage("rollout", "--tenant", "acme", "--as", "olga", "--json").json["phase"] == "canary"
    assert manage("rollout", "--tenant", "acme", "--as", "nina").code == 2
    assert manage("golive", "--tenant", "acme", "--phase", "dark", "--as", "nina").code == 2


def test_on_the_page(world: World, boss: User) -> None:
    clients = {}
    for user in (boss, world.olga, world.nina):
        clients[user.username] = Client()
        clients[user.username].force_login(user)
    form = {"phase": "shadow", "percent": "5", "most_level": "1", "reason": "<b>slow</b>"}
    page = clients["tom"].get(PAGE).content.decode()
    assert "NO-GO" in page
    assert "Change the rollout" in page
    assert "Change the rollout" not in clients["olga"].get(PAGE).content.decode()
    assert clients["olga"].post(f"{PAGE}acme/", form).status_code == 403
    assert clients["nina"].post(f"{PAGE}acme/", form).status_code == 404
    assert "Acme" not in clients["nina"].get(PAGE).content.decode()
    assert (
        b"Nothing was changed"
        in clients["tom"].post(f"{PAGE}acme/", form | {"percent": "99"}, follow=True).content
    )
    assert not Rollout.objects.exists()
    clients["tom"].post(f"{PAGE}acme/", form)
    assert Rollout.objects.get().phase == "shadow"
    assert "&lt;b&gt;slow&lt;/b&gt;" in clients["olga"].get(PAGE).content.decode()
    execution_id = world.submit(wait_step()).execution_id
    assert "touches no target" in clients["olga"].get(f"/executions/{execution_id}/").content.decode()
