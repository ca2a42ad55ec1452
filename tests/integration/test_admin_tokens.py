"""Tokens and service accounts in the admin: a tenant's admins see theirs, revoke tokens and make accounts."""

from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Event
from safety.choices import Role
from safety.models import Membership
from safety.tokens.models import ApiToken, ServiceAccount
from tests import factories

pytestmark = pytest.mark.usefixtures("live_db")

TOKENS = "/admin/tokens/apitoken/"
ACCOUNTS = "/admin/tokens/serviceaccount/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def an_admin(name: str = "boss", **more: Any) -> Client:
    return signed_in(factories.a_person(name, Role.TENANT_ADMIN, is_staff=True, **more))


def test_no_page_shows_what_is_kept_of_a_value() -> None:
    token, _ = factories.a_token(factories.olga())
    root = signed_in(User.objects.create_superuser("root"))
    for address in (TOKENS, f"{TOKENS}{token.pk}/change/", f"{TOKENS}?q={token.digest}"):
        page = (
            root.get(address)
            .content.decode()
            .replace(f"q={token.digest}", "")
            .replace(f'"{token.digest}"', "")
        )
        assert token.digest not in page
    assert token.prefix in root.get(TOKENS).content.decode()


def _revoke(client: Client, token: ApiToken) -> Any:
    data = {"action": "revoke", ACTION_CHECKBOX_NAME: token.pk, "confirmed": "1", "reason": "leaked"}
    return client.post(TOKENS, data | {f"seen-{token.pk}": ""})


def test_an_admin_of_its_tenant_revokes_one_with_a_reason_and_nobody_else_does() -> None:
    token, _ = factories.a_token(factories.olga())
    for other in (signed_in(factories.tom(is_staff=True)), signed_in(factories.nina(is_staff=True))):
        _revoke(other, token)
        token.refresh_from_db()
        assert token.revoked_at is None
    _revoke(an_admin(), token)
    token.refresh_from_db()
    assert token.revoked_by is not None
    assert token.revoked_by.username == "boss"
    assert Event.objects.get(type="token.revoked").data["reason"] == "leaked"


def fields(**more: Any) -> dict[str, Any]:
    defaults = {"name": "robot", "tenant": factories.a_tenant().pk, "owner": "olga", "purpose": "checks"}
    return defaults | more


def test_an_admin_makes_an_account_that_has_no_password_and_no_membership() -> None:
    factories.olga()
    answer = an_admin().post(f"{ACCOUNTS}add/", fields())
    assert answer.status_code == 302, answer.content.decode()
    account = ServiceAccount.objects.get()
    assert (account.user.username, account.owner.username, account.purpose) == ("robot", "olga", "checks")
    assert not account.user.has_usable_password()
    assert not Membership.objects.filter(user=account.user).exists()
    assert Event.objects.get(type="service_account.created").actor == "boss"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"name": "olga"}, "too long, or taken"),
        ({"name": "two words"}, "cannot have this name"),
        ({"name": ""}, "cannot have this name"),
        ({"owner": "nina"}, "Its owner is a person with a membership in the tenant"),
        ({"owner": "nobody"}, "There is no person with this user name"),
    ],
    ids=str,
)
def test_what_makes_no_account_is_said_in_the_form(bad: dict[str, Any], said: str) -> None:
    factories.olga()
    factories.nina()
    answer = an_admin().post(f"{ACCOUNTS}add/", fields(**bad))
    assert said in answer.content.decode()
    assert not ServiceAccount.objects.exists()


def test_nobody_makes_one_in_a_tenant_that_is_not_theirs() -> None:
    factories.olga()
    other = factories.a_tenant("other")
    assert an_admin().post(f"{ACCOUNTS}add/", fields(tenant=other.pk)).status_code == 200
    limited = factories.a_person("dev", is_staff=True)
    Membership.objects.create(
        user=limited, tenant=factories.a_tenant(), role=Role.TENANT_ADMIN, environments=["dev"]
    )
    signed_in(limited).post(f"{ACCOUNTS}add/", fields())
    assert signed_in(factories.tom(is_staff=True)).post(f"{ACCOUNTS}add/", fields()).status_code == 403
    assert not ServiceAccount.objects.exists()


def test_an_admin_names_another_owner_who_is_within_their_rights_to_name() -> None:
    account = factories.a_service_account(factories.olga(), Role.OPERATOR)
    factories.tom()
    boss = an_admin()
    address = f"{ACCOUNTS}{account.pk}/change/"
    assert boss.post(address, {"owner": "tom", "purpose": "checks"}).status_code == 302
    account.refresh_from_db()
    assert account.owner.username == "tom"
    Membership.objects.filter(user=account.user).update(ends_at=None)
    User.objects.filter(username="robot").update(is_superuser=True)
    answer = boss.post(address, {"owner": "olga", "purpose": "checks"})
    assert "Only a superuser changes the memberships of a superuser" in answer.content.decode()
    account.refresh_from_db()
    assert account.owner.username == "tom"
    assert boss.post(f"{ACCOUNTS}{account.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_membership_of_an_account_elsewhere_is_refused_in_the_form() -> None:
    account = factories.a_service_account(factories.olga())
    root = signed_in(User.objects.create_superuser("root"))
    given = {"tenant": factories.a_tenant("other").pk, "user": "robot", "role": "viewer", "reason": ""}
    given |= {"ends_at_0": "", "ends_at_1": ""}
    page = root.post("/admin/safety/membership/add/", given).content.decode()
    assert "A service account acts in its own tenant only" in page
    assert (
        root.post("/admin/safety/membership/add/", given | {"tenant": account.tenant_id}).status_code == 302
    )
