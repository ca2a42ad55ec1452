"""A one-time link signs one person in, once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone

from executions.web import one_time
from tests.world import World, in_threads


def test_it_signs_its_user_in_once(world: World) -> None:
    token = one_time.issue(world.olga)
    assert one_time.redeem(token) == world.olga
    assert one_time.redeem(token) is None


def test_of_many_at_the_same_moment_one_gets_in(world: World) -> None:
    token = one_time.issue(world.olga)
    answers = in_threads(8, lambda _number: one_time.redeem(token))
    assert [answer for answer in answers if answer is not None] == [world.olga]


def test_it_works_for_somebody_who_has_signed_in_before(world: World) -> None:
    world.olga.last_login = timezone.now()
    world.olga.save()
    assert one_time.redeem(one_time.issue(User.objects.get(pk=world.olga.pk))) == world.olga


def test_another_sign_in_makes_it_void(world: World) -> None:
    token = one_time.issue(world.olga)
    User.objects.filter(pk=world.olga.pk).update(last_login=timezone.now())
    assert one_time.redeem(token) is None


def test_a_new_password_makes_it_void(world: World) -> None:
    token = one_time.issue(world.olga)
    world.olga.set_password("another long passphrase")
    world.olga.save()
    assert one_time.redeem(token) is None


def test_it_is_void_after_ten_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = one_time.issue(world.olga)
    later = signing.time.time() + one_time.VALID_FOR.total_seconds() + 1
    monkeypatch.setattr(signing.time, "time", lambda: later)
    assert timedelta(minutes=10) == one_time.VALID_FOR
    assert one_time.redeem(token) is None


def test_an_account_that_was_closed_is_not_let_in(world: World) -> None:
    token = one_time.issue(world.olga)
    User.objects.filter(pk=world.olga.pk).update(is_active=False)
    assert one_time.redeem(token) is None


@pytest.mark.parametrize("token", ["", "garbage", "a:b:c", "x" * 5000])
def test_a_made_up_token_is_nobody(token: str) -> None:
    assert one_time.redeem(token) is None


def test_a_token_for_another_purpose_is_nobody(world: World) -> None:
    token = signing.dumps([world.olga.pk, "", world.olga.get_session_auth_hash()])
    assert one_time.redeem(token) is None
