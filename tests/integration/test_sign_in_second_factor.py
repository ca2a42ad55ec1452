"""The second factor: set up with a code, asked for at every sign-in, each code once, taken away by a superuser."""

import re
import time
from typing import Any

import pyotp
import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.web import one_time
from safety.signin.models import RecoveryCode, SecondFactor, SignInCount, SignInRecord
from safety.signin.seal import unseal
from tests import factories
from tests.commands import manage
from tests.world import in_threads

pytestmark = pytest.mark.usefixtures("live_db")
PLACE = "/account/second-factor/"


@pytest.fixture
def olga() -> User:
    return factories.olga(password=factories.PASSWORD)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


def offered(page: str) -> str:
    return re.search(r'class="hash">([A-Z2-7 ]+)<', page)[1].replace(" ", "")  # type: ignore[index]


def set_up(client: Client) -> tuple[str, list[str]]:
    """The secret and the recovery codes that the pages gave; the code of one step ago is used."""
    secret = offered(client.get(PLACE).content.decode())
    page = client.post(PLACE, {"code": a_code(secret, -1)}).content.decode()
    return secret, re.findall(r"<code>([0-9a-f-]{23})</code>", page)


def first_step(name: str = "olga", to: str = "/approvals/") -> Client:
    client = Client()
    data = {"username": name, "password": factories.PASSWORD, "next": to}
    assert client.post("/sign-in/", data)["Location"] == "/sign-in/code/"
    return client


def answer(client: Client, code: str) -> Any:
    return client.post("/sign-in/code/", {"code": code})


def test_the_password_alone_opens_nothing_and_with_the_code_the_wanted_page(olga: User) -> None:
    secret, _ = set_up(signed_in(olga))
    client = first_step()
    assert client.get("/executions/").status_code == 302
    assert answer(client, "000000").status_code == 200
    assert client.get("/executions/").status_code == 302
    assert answer(client, a_code(secret))["Location"] == "/approvals/"
    assert client.get("/executions/").status_code == 200
    assert client.session["signed_in_with"] == "password and code"
    assert SignInRecord.objects.filter(what="signed_in", method="password and code").exists()


def test_a_code_works_once_however_many_bring_it_at_the_same_moment(olga: User) -> None:
    secret, _ = set_up(signed_in(olga))
    code, clients = a_code(secret), [first_step() for _ in range(4)]
    answers = in_threads(4, lambda number: answer(clients[number], code).status_code)
    assert sorted(answers) == [200, 200, 200, 302]
    assert answer(first_step(), a_code(secret, -1)).status_code == 200, "the one of the set-up is used, too"


def test_a_recovery_code_works_once_with_or_without_its_hyphens(olga: User) -> None:
    _, codes = set_up(signed_in(olga))
    assert len(set(codes)) == 10
    client = first_step()
    assert answer(client, codes[0].upper().replace("-", " ")).status_code == 302
    assert client.session["signed_in_with"] == "password and recovery code"
    assert answer(first_step(), codes[0]).status_code == 200
    assert RecoveryCode.objects.count() == 9


def test_wrong_codes_are_counted_and_shut_the_door_for_right_ones(olga: User) -> None:
    secret, codes = set_up(signed_in(olga))
    assert {answer(first_step(), "000000").status_code for _ in range(5)} == {200}
    assert answer(first_step(), a_code(secret)).status_code == 429
    assert answer(first_step(), codes[0]).status_code == 429
    User.objects.create_superuser("root")
    assert manage("unlock", "olga", "--as", "root").code == 0
    assert answer(first_step(), a_code(secret)).status_code == 302
    assert SignInCount.objects.filter(kind="code").count() == 0


def test_neither_the_secret_nor_a_recovery_code_is_readable_in_the_database(olga: User) -> None:
    client = signed_in(olga)
    secret = offered(client.get(PLACE).content.decode())
    assert secret not in str(dict(client.session.items()))
    secret, codes = set_up(client)
    row = SecondFactor.objects.get()
    assert secret not in row.sealed
    assert unseal(row.sealed) == secret
    assert codes[0].replace("-", "") not in str(list(RecoveryCode.objects.values()))


def test_an_old_key_still_opens_and_a_new_one_seals_at_the_next_sign_in(olga: User, settings: Any) -> None:
    secret, _ = set_up(signed_in(olga))
    before, old = SecondFactor.objects.get().sealed, settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key" * 5, [old]
    assert answer(first_step(), a_code(secret)).status_code == 302
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(before) is None
    assert unseal(SecondFactor.objects.get().sealed) == secret


def test_setting_it_up_needs_a_right_code_and_ends_the_other_sessions(olga: User) -> None:
    here, elsewhere = signed_in(olga), signed_in(olga)
    page = here.post(PLACE, {"code": "000000"}).content.decode()
    assert "not of this secret" in page
    assert "<svg" in page
    assert not SecondFactor.objects.exists()
    set_up(here)
    assert here.get("/executions/").status_code == 200
    assert here.session["signed_in_with"] == "password and code"
    assert elsewhere.get("/executions/").status_code == 302


def test_setting_it_up_needs_a_fresh_sign_in_and_leads_back(olga: User) -> None:
    client = signed_in(olga)
    session = client.session
    session["proven_at"] -= 1000
    session.save()
    again = client.get(PLACE)["Location"]
    assert again == "/sign-in/again/?next=%2Faccount%2Fsecond-factor%2F"
    assert client.post(PLACE, {"code": "1"})["Location"] == again
    data = {"next": PLACE, "password": "wrong"}
    assert "not your password" in client.post("/sign-in/again/", data).content.decode()
    assert client.post("/sign-in/again/", data | {"password": factories.PASSWORD})["Location"] == PLACE
    assert client.get(PLACE).status_code == 200


def test_the_second_step_waits_ten_minutes_and_not_beyond_a_new_password(olga: User) -> None:
    secret, _ = set_up(signed_in(olga))
    late, changed = first_step(), first_step()
    session = late.session
    session["second_step"] = [*session["second_step"][:4], session["second_step"][4] - 601, None]
    session.save()
    assert answer(late, a_code(secret))["Location"] == "/sign-in/"
    olga.set_password("another long passphrase")
    olga.save()
    assert answer(changed, a_code(secret))["Location"] == "/sign-in/"
    assert answer(Client(), a_code(secret))["Location"] == "/sign-in/"


def test_a_one_time_link_stands_in_for_the_password_only(olga: User) -> None:
    secret, _ = set_up(signed_in(olga))
    olga.refresh_from_db()
    client = Client()
    assert client.post(f"/sign-in/once/{one_time.issue(olga)}/")["Location"] == "/sign-in/code/"
    assert answer(client, a_code(secret)).status_code == 302
    assert client.session["signed_in_with"] == "one-time link and code"


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [("none", []), ("approvers", ["tom", "staff"]), ("everybody", ["olga", "tom", "staff"])],
)
def test_who_has_to_have_one_gets_no_further_without(
    olga: User, settings: Any, wanted: str, asked: list[str]
) -> None:
    settings.OPSC = settings.OPSC | {"REQUIRE_SECOND_FACTOR": wanted}
    people = {"olga": olga, "tom": factories.tom(), "staff": factories.a_person("staff", is_staff=True)}
    led = [
        name for name, user in people.items() if signed_in(user).get("/executions/").get("Location") == PLACE
    ]
    assert led == asked


def test_once_it_is_set_up_everything_is_open(settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"REQUIRE_SECOND_FACTOR": "everybody"}
    client = signed_in(User.objects.create_superuser("root"))
    for address in ("/executions/", "/admin/", "/account/", "/account/password/"):
        assert client.get(address)["Location"] == PLACE
    assert client.get("/executions/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    set_up(client)
    assert client.get("/admin/").status_code == 200
    assert signed_in(factories.tom()).post("/sign-out/")["Location"] == "/sign-in/"


def test_a_superuser_takes_it_away_on_record_and_nobody_else(olga: User) -> None:
    client = signed_in(olga)
    set_up(client)
    root = User.objects.create_superuser("root")
    assert manage("second_factor", "reset", "olga", "--reason", "x", "--as", "olga").code == 2
    place = "/admin/signin/secondfactor/"
    form = {"action": "take_away", "_selected_action": olga.pk, "confirmed": "yes", "reason": "lost phone"}
    form[f"seen-{olga.pk}"] = ""
    boss = factories.a_person("boss", "tenant_admin", is_staff=True)
    assert signed_in(boss).post(place, form).status_code == 403
    shown = signed_in(root).get(f"{place}{olga.pk}/change/").content.decode()
    assert SecondFactor.objects.get().sealed not in shown
    signed_in(root).post(place, form)
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert client.get("/executions/").status_code == 302, "the sessions have ended"
    kept = SignInRecord.objects.get(what="reset")
    assert (kept.user_id, kept.by_id, kept.detail) == (olga.pk, root.pk, "lost phone")
    assert "none" in manage("second_factor", "reset", "olga", "--reason", "x", "--as", "root").out
    assert manage("second_factor", "reset", "olga", "--reason", " ", "--as", "root").code == 2
    assert SignInRecord.objects.filter(what="reset").count() == 1, "nothing was taken away the second time"
