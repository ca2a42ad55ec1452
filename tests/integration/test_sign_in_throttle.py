"""Wrong sign-ins are counted and shut the door for a while, never for a stranger's victim everywhere."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from safety.signin.models import SignInCount, SignInRecord
from tests import factories
from tests.commands import manage
from tests.doors import CAFE, OFFICE, gets_in, tries
from tests.world import in_threads

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def olga() -> User:
    return factories.olga(password=factories.PASSWORD)


@pytest.fixture
def limits(settings: Any) -> Any:
    def put(**limits: int) -> None:
        settings.OPSC = settings.OPSC | limits

    return put


def an_hour_passes() -> None:
    SignInCount.objects.update(ends_at=F("ends_at") - timedelta(hours=1))


def records(name: str = "olga") -> list[str]:
    return list(SignInRecord.objects.filter(name=name).order_by("pk").values_list("what", flat=True))


def test_after_five_wrong_passwords_the_right_one_opens_nothing_until_the_lock_ends(olga: User) -> None:
    assert {tries("olga", "wrong").status_code for _ in range(5)} == {200}
    answer = tries("olga", factories.PASSWORD)
    assert answer.status_code == 429
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert "Too many tries" in answer.content.decode()
    an_hour_passes()
    assert gets_in("olga")


def test_a_name_that_nobody_has_is_answered_and_locked_alike(olga: User) -> None:
    for _ in range(7):
        known, unknown = tries("olga", "wrong"), tries("nobody", "wrong", CAFE)
        assert known.status_code == unknown.status_code
        assert known.content.decode().count("warning") == unknown.content.decode().count("warning")
    assert known.status_code == 429


def test_capitals_and_spaces_make_no_further_tries(olga: User) -> None:
    names = ("olga", "OLGA", "Olga", " olga", "olga ")
    assert {tries(name, "wrong").status_code for name in names} == {200}
    assert tries("oLGA", "wrong").status_code == 429


def test_a_stranger_locks_an_account_where_they_are_and_nowhere_else(olga: User) -> None:
    for _ in range(9):
        tries("olga", "wrong", CAFE)
    assert not gets_in("olga", CAFE)
    assert gets_in("olga", OFFICE)


def test_many_addresses_together_lock_the_account_but_not_where_its_owner_usually_is(olga: User) -> None:
    assert gets_in("olga", OFFICE)
    for number in range(20):
        assert tries("olga", "wrong", f"203.0.113.{number}").status_code == 200
    assert tries("olga", "wrong", "203.0.113.99").status_code == 429
    assert not gets_in("olga", CAFE)
    assert gets_in("olga", OFFICE)
    an_hour_passes()
    assert gets_in("olga", CAFE)


def test_an_address_that_tries_many_names_is_locked_as_a_whole(olga: User, limits: Any) -> None:
    limits(LOGIN_ADDRESS_TRIES=6)
    assert {tries(f"name{number}", "wrong", CAFE).status_code for number in range(6)} == {200}
    assert not gets_in("olga", CAFE)
    assert gets_in("olga", OFFICE)


def test_a_network_of_ipv6_is_one_address(olga: User) -> None:
    codes = [tries("olga", "wrong", f"2001:db8:1:2::{number}").status_code for number in range(1, 7)]
    assert codes == [200] * 5 + [429]
    assert gets_in("olga", "2001:db8:1:3::1")


def test_signing_in_forgets_own_mistakes_but_not_those_of_the_address(olga: User, limits: Any) -> None:
    limits(LOGIN_ADDRESS_TRIES=8)
    for _ in range(4):
        tries("olga", "wrong")
    assert gets_in("olga")
    assert {tries("olga", "wrong").status_code for _ in range(4)} == {200}
    assert tries("olga", "wrong").status_code == 429, "the address has had its eight"


def test_tries_at_the_same_moment_are_all_counted(olga: User) -> None:
    codes = in_threads(12, lambda _number: tries("olga", "wrong").status_code)
    assert sorted(codes) == [200] * 5 + [429] * 7


def test_no_word_of_the_client_about_its_address_is_believed(olga: User) -> None:
    codes = [
        tries("olga", "wrong", CAFE, headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
        for number in range(6)
    ]
    assert codes[-1] == 429


@pytest.mark.parametrize("address", ["", "unknown", "fe80::1%eth0"])
def test_an_address_that_is_none_is_counted_too(olga: User, address: str) -> None:
    codes = [tries("olga", "wrong", address).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    assert gets_in("olga", OFFICE)


def test_each_thing_is_on_record_and_in_the_log_and_no_password_is(
    olga: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(5):
        tries("olga", "a wrong password")
    tries("olga", "a wrong password")
    tries("olga", "a wrong password")
    gets_in("olga", CAFE)
    tries("my password in the wrong field", "wrong")
    assert records() == ["refused"] * 5 + ["locked", "signed_in"]
    kept = SignInRecord.objects.get(what="signed_in")
    assert (kept.user_id, kept.method, kept.address) == (olga.pk, "password", CAFE)
    said = [line.__dict__ for line in caplog.records if line.name.startswith("safety.signin")]
    assert len(said) == 9
    assert "a wrong password" not in str(said)
    assert "my password" not in str(said)


def test_old_counts_are_swept_away(olga: User) -> None:
    for number in range(5):
        tries(f"name{number}", "wrong")
    an_hour_passes()
    an_hour_passes()
    tries("olga", "wrong")
    assert SignInCount.objects.count() == 3


def test_a_command_lifts_a_lock_in_the_name_of_a_superuser(olga: User, limits: Any) -> None:
    User.objects.create_superuser("root")
    for _ in range(6):
        tries("olga", "wrong")
    assert manage("unlock", "olga", "--as", "olga").code == 2
    assert not gets_in("olga")
    assert manage("unlock", "olga", "--as", "root", "--reason", "called").code == 0
    assert gets_in("olga")
    assert "lifted" in records()
    limits(LOGIN_ADDRESS_TRIES=2)
    assert [tries("nobody", "wrong", CAFE).status_code for _ in range(3)] == [200, 200, 429]
    assert manage("unlock", "--address", CAFE, "--as", "root").code == 0
    assert tries("nobody", "wrong", CAFE).status_code == 200
    assert manage("unlock", "--address", "no address", "--as", "root").code == 2


def test_a_superuser_lifts_a_lock_in_the_admin_and_nobody_else_sees_the_counts(olga: User) -> None:
    for _ in range(6):
        tries("olga", "wrong")
    row = SignInCount.objects.get(kind="here")
    form = {
        "action": "lift",
        "_selected_action": row.pk,
        "confirmed": "yes",
        "reason": "called",
        f"seen-{row.pk}": "",
    }
    place = "/admin/signin/signincount/"
    tom = Client()
    tom.force_login(factories.a_person("boss", "tenant_admin", is_staff=True))
    assert tom.post(place, form).status_code == 403
    assert tom.get("/admin/signin/signinrecord/").status_code == 403
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    assert "account and address" in root.get(place).content.decode()
    assert "olga" in root.get("/admin/signin/signinrecord/").content.decode()
    root.post(place, form)
    assert gets_in("olga")
