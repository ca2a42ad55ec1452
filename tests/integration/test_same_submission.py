"""The same submission is one execution: by its content or by the client's key, for a while, and at any speed."""

import string
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from executions import immediate, lifecycle
from executions.errors import KeyMalformed, KeyMismatch, RanBefore
from executions.idempotency import checked, earlier_runs
from executions.lifecycle import By
from executions.models import Event, Execution
from executions.submission import Submitted, submit
from safety.choices import Role
from safety.models import Membership
from tests.losing import unsafe_step
from tests.services.httpd import TargetHttp
from tests.world import World, in_threads, status_of, wait_step

PLAN = {"version": 1, "name": "nightly", "mode": "background", "steps": [unsafe_step()]}
OTHER = PLAN | {"name": "another"}
READS = PLAN | {"steps": [wait_step()]}
WAYS = {
    "failed": ("queued", "running", "failed"),
    "cancelled": ("queued", "cancelled"),
    "timed_out": ("queued", "timed_out"),
    "rejected": ("pending_approval", "rejected"),
    "expired": ("pending_approval", "expired"),
    "succeeded": ("queued", "running", "succeeded"),
    "partial": ("queued", "running", "partial"),
    "needs_attention": ("queued", "running", "needs_attention"),
}


def by_olga(world: World, plan: dict[str, Any] = PLAN, **more: Any) -> Submitted:
    return submit(plan, user=world.olga, tenant=world.acme, **more)


def brought_to(world: World, status: str, **more: Any) -> Submitted:
    """Olga's run of the plan, moved to this state on a legal way."""
    way = WAYS[status]
    submitted = by_olga(world, confirmed=way[0] == "queued", **more)
    for before, after in pairwise(way):
        lifecycle.move(submitted.execution_id, from_status=before, to_status=after, by=By.system())
    return submitted


def age(submitted: Submitted, seconds: float) -> None:
    rows = Execution.objects.filter(pk=submitted.execution_id)
    rows.update(created_at=F("created_at") - timedelta(seconds=seconds))


def let_tom_submit(world: World) -> None:
    Membership.objects.filter(user=world.tom).update(role=Role.OPERATOR)


@pytest.mark.parametrize("own", [None, "release-42"])
@pytest.mark.parametrize("status", ["failed", "cancelled", "timed_out", "rejected", "expired"])
def test_what_failed_or_never_ran_may_run_again_and_the_new_run_points_at_it(
    world: World, status: str, own: str | None
) -> None:
    first = brought_to(world, status, idempotency_key=own)
    again = by_olga(world, idempotency_key=own)
    assert again.created
    assert Execution.objects.get(pk=again.execution_id).retry_of_id == first.execution_id
    assert not by_olga(world, idempotency_key=own).created


@pytest.mark.parametrize("own", [None, "release-42"])
@pytest.mark.parametrize("status", ["succeeded", "partial", "needs_attention"])
def test_what_changed_something_or_may_have_answers_with_its_state_and_nothing_new_is_made(
    world: World, status: str, own: str | None
) -> None:
    first = brought_to(world, status, idempotency_key=own)
    again = by_olga(world, idempotency_key=own)
    assert (again.execution_id, again.created, again.status) == (first.execution_id, False, status)
    assert Execution.objects.count() == 1


def test_a_client_key_stays_bound_to_its_plan_also_when_that_run_failed(world: World) -> None:
    first = brought_to(world, "failed", idempotency_key="k")
    with pytest.raises(
        KeyMismatch, match=f"another plan .execution {str(first.execution_id)[:8]}"
    ) as refused:
        by_olga(world, OTHER, idempotency_key="k")
    assert refused.value.code == "idempotency.mismatch"
    age(first, 86_401)
    assert by_olga(world, OTHER, idempotency_key="k").created


def test_a_key_belongs_to_one_person_in_one_tenant(world: World) -> None:
    let_tom_submit(world)
    Membership.objects.create(user=world.olga, tenant=world.other, role=Role.OPERATOR)
    runs = [
        submit(plan, user=user, tenant=tenant, idempotency_key="k")
        for plan, user, tenant in (
            (PLAN, world.olga, world.acme),
            (OTHER, world.tom, world.acme),
            (READS, world.olga, world.other),
        )
    ]
    assert [run.created for run in runs] == [True, True, True]


def test_confirming_a_second_submission_does_not_confirm_the_first(world: World) -> None:
    first = by_olga(world)
    assert by_olga(world, confirmed=True).execution_id == first.execution_id
    assert status_of(first.execution_id) == "pending_approval"


@pytest.mark.parametrize(
    ("own_s", "setting_s", "age_s", "is_new"),
    [
        (None, 60, 59, False),
        (None, 60, 61, True),
        (3600, 60, 61, False),
        (3600, 60, 3601, True),
        (0, 60, 1, True),
    ],
)
def test_the_window_is_the_tenant_s_own_or_else_the_setting(
    world: World, settings: Settings, own_s: int | None, setting_s: int, age_s: float, is_new: bool
) -> None:
    settings.OPSC = settings.OPSC | {"IDEMPOTENCY_WINDOW_S": setting_s}
    world.acme.idempotency_window_s = own_s
    world.acme.save()
    first = brought_to(world, "succeeded")
    age(first, age_s)
    again = by_olga(world)
    assert again.created is is_new
    if is_new:  # nothing failed, so nothing is repeated
        assert Execution.objects.get(pk=again.execution_id).retry_of_id is None


def test_a_run_that_is_still_open_answers_after_the_window_too(world: World) -> None:
    first = by_olga(world, confirmed=True)
    age(first, 10 * 86_400)
    assert by_olga(world).execution_id == first.execution_id


def test_a_window_has_limits(world: World) -> None:
    for seconds in (-1, 31_536_001):
        world.acme.idempotency_window_s = seconds
        with pytest.raises(ValidationError):
            world.acme.full_clean()


@given(st.text(max_size=300))
def test_a_key_is_printable_ascii_of_at_most_255_characters(key: str) -> None:
    printable = set(string.ascii_letters + string.digits + string.punctuation + " ")
    fine = 1 <= len(key) <= 255 and set(key) <= printable and key == key.strip(" ")
    if fine:
        assert checked(key) == key
    else:
        with pytest.raises(KeyMalformed, match="1 to 255 printable ASCII"):
            checked(key)


@pytest.mark.parametrize("key", ["", " k", "k\n", "ключ", "k" * 256, "a\x00b"])
def test_a_key_that_is_none_is_refused_before_anything_is_stored(world: World, key: str) -> None:
    with pytest.raises(KeyMalformed) as refused:
        by_olga(world, idempotency_key=key)
    assert refused.value.code == "idempotency.format"
    assert not Execution.objects.exists()


def test_of_fifty_at_once_in_immediate_mode_one_takes_effect(
    world: World, target_http: TargetHttp, working: None
) -> None:
    step = unsafe_step(**{"with": {"method": "POST", "url": target_http.on("/once")}})
    plan = {"version": 1, "name": "now", "mode": "immediate", "steps": [step]}

    def now(_number: int) -> Submitted:
        submitted = by_olga(world, plan, confirmed=True)
        if submitted.created:
            immediate.run(submitted.execution_id)
        return submitted

    results = in_threads(50, now)
    assert [result.created for result in results].count(True) == 1
    assert len(target_http.requests("/once")) == 1
    assert Execution.objects.get().status == "succeeded"


def test_one_slot_of_a_schedule_is_one_execution_however_many_schedulers_ask(world: World) -> None:
    slots = ["nightly@2026-11-25T02:00Z", "nightly@2026-11-26T02:00Z"]
    results = in_threads(20, lambda number: by_olga(world, READS, idempotency_key=slots[number % 2]))
    assert sorted(result.created for result in results) == [False] * 18 + [True] * 2
    assert Execution.objects.count() == 2


def test_a_run_that_fails_while_its_plan_is_submitted_again_is_always_pointed_at(world: World) -> None:
    for number in range(20):
        plan = READS | {"name": f"round {number}"}
        first = by_olga(world, plan)
        lifecycle.move(first.execution_id, from_status="queued", to_status="running", by=By.system())

        def act(who: int, plan: dict[str, Any] = plan, first: Submitted = first) -> Submitted | None:
            if who:
                return by_olga(world, plan)
            lifecycle.move(first.execution_id, from_status="running", to_status="failed", by=By.system())
            return None

        again = in_threads(2, act)[1]
        if again.created:
            assert Execution.objects.get(pk=again.execution_id).retry_of_id == first.execution_id
        else:
            assert again.execution_id == first.execution_id


def test_runs_of_the_same_plan_by_anybody_in_the_tenant_are_known_newest_first(world: World) -> None:
    let_tom_submit(world)
    olgas = by_olga(world)
    toms = submit(PLAN, user=world.tom, tenant=world.acme)
    plan_hash = Execution.objects.get(pk=olgas.execution_id).plan_hash
    found = [run.pk for run in earlier_runs(plan_hash, tenant=world.acme, user=world.olga)]
    assert found == [toms.execution_id, olgas.execution_id]
    assert earlier_runs(plan_hash, tenant=world.acme, user=world.nina) == []
    age(toms, 86_401)
    assert len(earlier_runs(plan_hash, tenant=world.acme, user=world.olga)) == 1


def test_who_asks_for_a_warning_is_told_of_a_run_by_somebody_else_and_may_run_again(world: World) -> None:
    let_tom_submit(world)
    submit(PLAN, user=world.tom, tenant=world.acme)
    with pytest.raises(RanBefore, match="by tom") as told:
        by_olga(world, warns=True)
    assert told.value.code == "idempotency.ran_before"
    again = by_olga(world, warns=True, again=True)
    assert again.created
    data = Event.objects.get(execution=again.execution_id, type="execution.created").data
    assert data["again"] is True


def test_a_run_that_counts_is_told_although_newer_ones_failed(world: World) -> None:
    let_tom_submit(world)
    toms = submit(PLAN, user=world.tom, tenant=world.acme)
    for _ in range(4):
        brought_to(world, "failed")
    plan_hash = Execution.objects.get(pk=toms.execution_id).plan_hash
    assert toms.execution_id in {
        run.pk for run in earlier_runs(plan_hash, tenant=world.acme, user=world.olga)
    }
    with pytest.raises(RanBefore, match="by tom"):
        by_olga(world, warns=True)


def test_nobody_is_warned_of_a_run_that_failed_or_when_they_bring_a_key(world: World) -> None:
    let_tom_submit(world)
    toms = submit(PLAN, user=world.tom, tenant=world.acme)
    assert by_olga(world, warns=True, idempotency_key="k").created
    lifecycle.move(toms.execution_id, from_status="pending_approval", to_status="cancelled", by=By.system())
    Execution.objects.exclude(pk=toms.execution_id).update(plan_hash="another", idempotency_key="another")
    assert by_olga(world, warns=True).created


def test_running_again_under_a_client_key_is_one_run_too(world: World) -> None:
    by_olga(world)
    first = by_olga(world, again=True, idempotency_key="k")
    second = by_olga(world, again=True, idempotency_key="k")
    assert (first.created, second.created) == (True, False)
    assert first.execution_id == second.execution_id
