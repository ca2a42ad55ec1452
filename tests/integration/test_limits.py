"""Limits: what one run may have, how fast a person may submit, how much runs at once; each says who can change it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from executions import engine, lifecycle, limits, sweeper
from executions.errors import LimitReached, TooFast
from executions.holdings import HOLDINGS
from executions.models import Execution
from executions.submission import Submitted
from safety import limits as cached
from safety.choices import Role
from safety.models import Limit, Membership
from tests.commands import manage, plan_file
from tests.integration.test_admin_actions import staff
from tests.world import World, in_threads, script, status_of, wait_step, work_off


@pytest.fixture(autouse=True)
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "FRESH_S", 0.0)


def a_limit(world: World | None, kind: str, most: int, **scope: str) -> Limit:
    return Limit.objects.create(tenant=world and world.acme, kind=kind, most=most, **scope)


def touching(world: World, *names: str, action: str = "modify") -> Submitted:
    return world.submit(script("true", action_class=action), targets=list(names))


def test_targets_are_counted_where_the_limit_is_about(world: World) -> None:
    for name in ("dev-1", "dev-2", "dev-3"):
        world.here(name)
    world.here("prod-1", environment="prod")
    a_limit(world, "targets", 2, environment="dev", action_class="modify")
    touching(world, "dev-1", "dev-2", "prod-1")
    touching(world, "dev-1", "dev-2", "dev-3", action="read")
    with pytest.raises(LimitReached) as refused:
        touching(world, "dev-1", "dev-2", "dev-3")
    assert str(refused.value) == "At most 2 targets of one run for modify steps in dev; this one has 3."
    assert "limit of Acme: a tenant admin can change it" in refused.value.hint
    assert Execution.objects.count() == 2


def test_a_limit_of_a_role_holds_for_who_has_no_role_that_allows_more(world: World) -> None:
    for name in ("a", "b"):
        world.here(name)
    a_limit(None, "targets", 1, role=Role.OPERATOR)
    with pytest.raises(LimitReached, match="as operator") as refused:
        touching(world, "a", "b")
    assert "whoever runs the platform can change it" in refused.value.hint
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.TENANT_ADMIN)
    assert touching(world, "a", "b").created
    a_limit(world, "step_runs", 1)  # for every role
    with pytest.raises(LimitReached, match="At most 1 step runs"):
        world.submit(script("true"), targets=["a", "b"])


def test_a_limit_of_another_tenant_is_none_here(world: World) -> None:
    Limit.objects.create(tenant=world.other, kind="step_runs", most=1)
    assert world.submit(wait_step("a"), wait_step("b")).created


def test_of_twenty_submissions_at_once_as_many_are_taken_as_the_limit_says(
    world: World, tmp_path: Path
) -> None:
    a_limit(world, "submissions", 5)
    ended = in_threads(20, lambda _: world.submit(wait_step()))
    assert sum(isinstance(one, Submitted) for one in ended) == 5
    refused = [one for one in ended if isinstance(one, TooFast)]
    assert len(refused) == 15
    assert str(refused[0]) == "At most 5 submissions of one person in a minute; this is number 6."
    assert Execution.objects.count() == 5
    typed = manage("submit", plan_file(tmp_path, wait_step()), "--as", "olga")
    assert (typed.code, "error[limit.rate]" in typed.err, "Try again in a minute." in typed.err) == (
        2,
        True,
        True,
    )


def test_as_many_run_at_once_as_the_limit_says_however_many_claim(world: World) -> None:
    a_limit(world, "running", 3)
    for _ in range(12):
        world.submit(wait_step("a"), wait_step("b"))
    claimed = in_threads(8, lambda number: lifecycle.claim_from("fast", worker=f"w{number}", ttl_s=30))
    assert sum(one is not None for one in claimed) == 3
    assert Execution.objects.filter(status="running").count() == 3
    late = Execution.objects.filter(status="queued")[0]
    assert [str(limit) for limit in limits.reached(late)] == [
        "at most 3 runs at work at once (limit of Acme)"
    ]


def test_what_waits_for_a_limit_goes_on_when_another_ends_and_spends_no_time(
    world: World, working: None
) -> None:
    a_limit(None, "running", 1)
    first = world.submit(wait_step("a"), wait_step("b")).execution_id
    step = lifecycle.claim_from("fast", worker=HOLDINGS.worker, ttl_s=30)
    second = world.submit(wait_step()).execution_id
    assert step is not None
    assert lifecycle.claim_from("fast", worker="other", ttl_s=30) is None
    sweeper.tick()
    assert Execution.objects.get(pk=second).clock == "pause"
    engine.run(step, 0.0)
    work_off()
    assert {status_of(first), status_of(second)} == {"succeeded"}


@pytest.mark.parametrize(
    ("scope", "is_held"),
    [({"environment": "prod"}, False), ({"connector": "ssh"}, False), ({"connector": "wait"}, True)],
)
def test_what_runs_elsewhere_does_not_count(world: World, scope: dict[str, str], is_held: bool) -> None:
    a_limit(world, "running", 1, **scope)
    for _ in range(2):
        world.submit(wait_step())
    claimed = [lifecycle.claim_from("fast", worker="w", ttl_s=30) for _ in range(2)]
    assert [one is None for one in claimed] == [False, is_held]


def test_the_page_says_what_a_run_waits_for(world: World) -> None:
    a_limit(world, "running", 1)
    ids = [world.submit(wait_step()).execution_id for _ in range(2)]
    lifecycle.claim_from("fast", worker="w", ttl_s=30)
    client = Client()
    client.force_login(world.olga)
    waiting = next(one for one in ids if status_of(one) == "queued")
    assert (
        "at most 1 runs at work at once (limit of Acme)"
        in client.get(f"/executions/{waiting}/").content.decode()
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "running", "role": "operator"},
        {"kind": "submissions", "environment": "prod"},
        {"kind": "targets", "connector": "ssh"},
    ],
)
def test_a_scope_that_the_kind_does_not_know_is_refused(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="leave it empty"):
        Limit(tenant=world.acme, most=1, **wrong).full_clean()


def test_zero_is_no_limit_but_a_switch(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        a_limit(world, "running", 0)


def test_a_tenant_admin_writes_limits_of_the_tenant_and_reads_the_platforms(world: World) -> None:
    platform = a_limit(None, "running", 50)
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    tom, form = staff(world.tom), {"kind": "targets", "most": "9", "role": "", "environment": "prod"}
    form |= {"action_class": "", "connector": ""}
    tom.post("/admin/safety/limit/add/", form)
    assert Limit.objects.count() == 1  # without a tenant it would be everybody's
    tom.post("/admin/safety/limit/add/", form | {"tenant": world.acme.pk})
    own = Limit.objects.exclude(pk=platform.pk).get()
    assert (own.tenant, own.most) == (world.acme, 9)
    assert tom.get(f"/admin/safety/limit/{platform.pk}/change/").status_code == 200
    assert tom.post(f"/admin/safety/limit/{platform.pk}/change/", form | {"most": "99"}).status_code == 403
    nina = staff(world.nina)
    assert nina.get(f"/admin/safety/limit/{own.pk}/change/").status_code == 302
    assert nina.post(f"/admin/safety/limit/{own.pk}/delete/", {"post": "yes"}).status_code in (302, 403)
    assert Limit.objects.filter(pk=own.pk).exists()
