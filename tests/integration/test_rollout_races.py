"""A submission in flight and a change of the rollout come one after the other, whichever is first."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from executions import rolling
from executions.errors import RolloutOff
from executions.models import Execution
from executions.rolling import Wanted
from executions.submission import Submitted
from safety.models import Rollout, Tenant
from tests.world import World, in_threads, until, wait_step

ROUNDS = 200


@pytest.fixture
def root(world: World) -> User:
    del world  # made in the same database, and first
    return User.objects.create_superuser("root")


def change(world: World, root: User, phase: str, **more: Any) -> Rollout:
    return rolling.change(world.acme, Wanted(phase=phase), user=root, reason="race", **more)


def in_background(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    ended: list[Any] = []

    def body() -> None:
        try:
            ended.append(act())
        except Exception as error:  # noqa: BLE001  the test looks at it
            ended.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=body)
    thread.start()
    return thread, ended


def waits_for_a_lock() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("first", ["full", "canary"])
def test_who_submits_during_a_change_waits_for_it_and_is_on_the_new_side(
    world: World, root: User, first: str
) -> None:
    if first != "full":
        change(world, root, first)
    with transaction.atomic():
        change(world, root, "shadow")
        thread, ended = in_background(lambda: world.submit(wait_step()))
        until(waits_for_a_lock)
        assert ended == []
    thread.join()
    assert isinstance(ended[0], Submitted)
    assert Execution.objects.get().shadow


def test_who_submits_while_it_is_turned_off_is_refused(world: World, root: User) -> None:
    with transaction.atomic():
        change(world, root, "off")
        thread, ended = in_background(lambda: world.submit(wait_step()))
        until(waits_for_a_lock)
    thread.join()
    assert isinstance(ended[0], RolloutOff)
    assert not Execution.objects.exists()


def test_a_change_waits_for_what_is_being_stored_and_cancels_it(world: World, root: User) -> None:
    with transaction.atomic():
        submitted = world.submit(wait_step())
        thread, ended = in_background(lambda: change(world, root, "off", cancel_open=True))
        until(waits_for_a_lock)
        assert ended == []
    thread.join()
    assert Execution.objects.get(pk=submitted.execution_id).status == "cancelled"


def test_none_is_left_open_by_off_and_none_is_real_after_shadow_however_they_meet(
    world: World, root: User
) -> None:
    """200 rounds; each begins at one moment, with one of the two a little later."""
    chance = random.Random(4)

    def both(phase: str, **more: Any) -> tuple[Any, Any]:
        late = chance.uniform(-0.012, 0.012)

        def act(number: int) -> Any:
            time.sleep(max(0.0, late if number else -late))
            return change(world, root, phase, **more) if number else world.submit(wait_step())

        ended = in_threads(2, act)
        return ended[0], ended[1]

    sides = set()
    for number in range(ROUNDS):
        change(world, root, "full")
        if number % 2:
            submitted, rollout = both("off", cancel_open=True)
            assert isinstance(rollout, Rollout)
            assert isinstance(submitted, Submitted | RolloutOff), submitted
            assert not Execution.objects.filter(finished_at=None).exists()
        else:
            submitted, rollout = both("shadow")
            assert isinstance(submitted, Submitted), submitted
            run = Execution.objects.get(pk=submitted.execution_id)
            sides.add(run.shadow)
            assert run.shadow == (run.created_at > Rollout.objects.get().changed_at)
            Execution.objects.filter(pk=run.pk).update(status="cancelled", finished_at=run.created_at)
    assert sides  # both, as a rule; which of them is a matter of luck


def test_an_old_copy_of_the_tenant_turns_nothing_back(world: World, root: User) -> None:
    old = Tenant.objects.get(pk=world.acme.pk)
    change(world, root, "shadow")
    version = Tenant.objects.get(pk=old.pk).rollout_version
    assert version > old.rollout_version
    old.name = "Acme and Sons"
    old.save()
    assert Tenant.objects.get(pk=old.pk).rollout_version == version
    Rollout.objects.all().delete()
    assert Tenant.objects.get(pk=old.pk).rollout_version > version
