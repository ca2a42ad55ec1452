"""A token is shown once, found again by its hash only, and good for what it says, where it says, while it is good."""

import hmac
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions import api_tokens
from executions.api_tokens import Wanted
from executions.errors import NotAllowed, Refused, SignInAgain
from executions.fresh import BY_COMMAND, SignedIn
from executions.models import Event, Execution
from safety.choices import Role
from safety.models import Membership
from safety.signin.models import SignInRecord
from safety.tokens import door
from safety.tokens.door import TurnedAway
from safety.tokens.models import ApiToken
from tests import factories

pytestmark = pytest.mark.usefixtures("live_db")

HERE = "192.0.2.7"


def wanted(**more: Any) -> Wanted:
    defaults = {"name": "nightly", "tenant": factories.a_tenant(), "scopes": ["read"], "days": 30}
    return Wanted(**defaults | more)


def turned_away(value: str, address: str | None = HERE) -> TurnedAway:
    with pytest.raises(TurnedAway) as caught:
        door.enter(value, address=address)
    return caught.value


def in_every_table(text: str) -> list[str]:
    """The tables in which a row holds the text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_a_token_opens_what_its_person_has_and_is_nowhere_at_rest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    olga = factories.olga()
    token, value = api_tokens.create(wanted(), by=olga, signed_in=BY_COMMAND)
    user = door.enter(value, address=HERE)
    assert (user.pk, user.bearing.tenant_id, user.bearing.scopes) == (olga.pk, token.tenant_id, ("read",))
    secret = value.rpartition("_")[2]
    assert re.fullmatch(r"opsc_[0-9a-f]{12}_[0-9a-f]{64}", value)
    assert in_every_table(secret) == []
    assert in_every_table(token.prefix) != []  # the search does find things
    assert secret not in caplog.text
    made = Event.objects.get(type="token.created")
    assert (made.actor, made.data["prefix"], made.tenant_id) == ("olga", token.prefix, token.tenant_id)
    assert SignInRecord.objects.get(what="token_made").user_id == olga.pk


def test_when_and_from_where_it_was_used_last_is_kept_once_a_minute() -> None:
    token, value = factories.a_token(factories.olga())
    door.enter(value, address=HERE)
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    assert token.last_used_from == HERE
    door.enter(value, address="192.0.2.8")
    token.refresh_from_db()
    assert (token.last_used_at, token.last_used_from) == (first, HERE)
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    door.enter(value, address="192.0.2.8")
    token.refresh_from_db()
    assert token.last_used_from == "192.0.2.8"


def revoked(token: ApiToken) -> None:
    ApiToken.objects.update(revoked_at=timezone.now(), revoked_by=token.user)


def expired(token: ApiToken) -> None:
    now = timezone.now()
    ApiToken.objects.update(created_at=now - timedelta(days=2), expires_at=now - timedelta(seconds=1))


def from_elsewhere(token: ApiToken) -> None:
    ApiToken.objects.update(networks=["198.51.100.0/24", "2001:db8::/32"])


def deactivated(token: ApiToken) -> None:
    User.objects.update(is_active=False)


def left(token: ApiToken) -> None:
    Membership.objects.update(ends_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (revoked, "revoked"),
        (expired, "expired"),
        (from_elsewhere, "network"),
        (deactivated, "person"),
        (left, "person"),
    ],
)
def test_what_spoils_a_token_closes_the_door_on_record(spoil: Any, code: str) -> None:
    olga = factories.olga()
    token, value = factories.a_token(olga)
    assert door.enter(value, address=HERE).pk == olga.pk
    spoil(token)
    refusal = turned_away(value)
    assert refusal.code == code
    assert refusal.known is not None
    assert refusal.known.prefix == token.prefix
    record = SignInRecord.objects.get()
    assert (record.user_id, record.what, record.method, record.address) == (
        olga.pk,
        "refused",
        "API token",
        HERE,
    )
    assert value.rpartition("_")[2] not in record.detail


def test_the_networks_are_looked_up_as_numbers() -> None:
    _, value = factories.a_token(factories.olga(), networks=["192.0.2.0/28", "2001:db8::/32"])
    for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"):
        assert door.enter(value, address=address)
    for address in ("192.0.2.70", "2001:db9::1", None):
        assert turned_away(value, address).code == "network"


@pytest.mark.parametrize(
    "value", ["", "opsc_", "opsc_0123456789ab_x", "x" * 5000, "opsc_0123456789ab_\0", "ü"]
)
def test_what_is_no_token_is_answered_like_one_that_nobody_has(value: str) -> None:
    unknown = turned_away(f"opsc_{'0' * 12}_{'0' * 64}")
    refusal = turned_away(value)
    assert (refusal.code, str(refusal), refusal.known) == (unknown.code, str(unknown), None)


def test_an_unknown_prefix_takes_the_same_work_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: the statements, and the comparisons and hashes."""
    _, value = factories.a_token(factories.olga())
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))

    def work(value: str) -> tuple[list[str], int]:
        compared.clear()
        with CaptureQueriesContext(connection) as seen:
            turned_away(value)
        assert all(len(one) == 64 for pair in compared for one in pair)
        return [query["sql"].split()[0] for query in seen], len(compared)

    wrong_secret = value[:-64] + "0" * 64
    unknown = f"opsc_{'0' * 12}_{'0' * 64}"
    work(unknown)
    assert work(wrong_secret) == work(unknown) == work("nonsense")
    assert work(unknown)[1] == 1


def test_wrong_ones_shut_the_door_for_wrong_ones_only(settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"LOGIN_ADDRESS_TRIES": 3}
    _, value = factories.a_token(factories.olga())
    wrong = f"opsc_{'0' * 12}_{'0' * 64}"
    assert [turned_away(wrong).code for _ in range(5)] == ["invalid"] * 3 + ["too_many"] * 2
    assert turned_away(wrong).wait_s > 0
    assert turned_away(wrong, "198.51.100.1").code == "invalid"
    assert door.enter(value, address=HERE)


def test_a_program_that_goes_on_with_a_revoked_token_leaves_a_bounded_record(settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"LOGIN_ADDRESS_TRIES": 3}
    token, value = factories.a_token(factories.olga())
    revoked(token)
    refusals = [turned_away(value) for _ in range(6)]
    assert {refusal.code for refusal in refusals} == {"revoked"}
    assert [refusal.known is not None for refusal in refusals] == [True] * 3 + [False] * 3
    assert SignInRecord.objects.count() == 3


def test_a_superuser_comes_without_their_powers() -> None:
    root = factories.a_person("root", Role.VIEWER, is_superuser=True, is_staff=True)
    _, value = factories.a_token(root)
    user = door.enter(value, address=HERE)
    assert not user.is_superuser
    assert not user.has_perm("executions.submit_execution", factories.a_tenant())
    assert user.has_perm("executions.view_execution", factories.a_tenant())


def test_it_is_no_more_than_its_person_its_scopes_and_its_tenant() -> None:
    olga = factories.a_person("olga", Role.TENANT_ADMIN)
    other = factories.a_tenant("other")
    Membership.objects.create(user=olga, tenant=other, role=Role.TENANT_ADMIN)
    execution, elsewhere = factories.an_execution(olga), factories.an_execution(olga, tenant=other)
    user = door.enter(factories.a_token(olga, scopes=["cancel", "read"])[1], address=HERE)
    assert list(Execution.objects.visible_to(olga)).count(elsewhere) == 1
    assert list(Execution.objects.visible_to(user)) == [execution]
    held = ["view", "cancel", "submit", "retry", "approve", "resolve"]
    assert [one for one in held if user.has_perm(f"executions.{one}_execution", execution)] == [
        "view",
        "cancel",
    ]
    assert not any(user.has_perm(f"executions.{one}_execution", elsewhere) for one in held)
    assert not user.has_perm("safety.administer_tenant", execution)
    Membership.objects.filter(tenant=execution.tenant).update(role=Role.VIEWER)
    assert not user.has_perm("executions.cancel_execution", execution)


def test_making_one_needs_a_young_sign_in() -> None:
    olga = factories.olga()
    long_ago = SignedIn("password", timezone.now().timestamp() - 3600)
    for signed_in in (SignedIn(), long_ago):
        with pytest.raises(SignInAgain):
            api_tokens.create(wanted(), by=olga, signed_in=signed_in)
    assert not ApiToken.objects.exists()
    assert api_tokens.create(wanted(), by=olga, signed_in=SignedIn("password", timezone.now().timestamp()))


@pytest.mark.parametrize(
    "bad",
    [
        {"name": " "},
        {"name": "x" * 81},
        {"name": "two\nlines"},
        {"scopes": []},
        {"scopes": ["approve"]},
        {"days": 0},
        {"days": 91},
        {"networks": ["192.0.2.1/24"]},
        {"networks": ["anywhere"]},
        {"networks": ["192.0.2.0/24"] * 21},
    ],
    ids=str,
)
def test_what_makes_no_token_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        api_tokens.create(wanted(**bad), by=factories.olga(), signed_in=BY_COMMAND)
    assert not ApiToken.objects.exists()


def test_a_scope_that_is_none_is_named() -> None:
    with pytest.raises(Refused, match="There is no scope 'fly'"):
        api_tokens.create(wanted(scopes=["read", "fly"]), by=factories.olga(), signed_in=BY_COMMAND)


def test_nobody_makes_one_for_a_tenant_that_is_not_theirs() -> None:
    with pytest.raises(NotAllowed):
        api_tokens.create(
            wanted(tenant=factories.a_tenant("other")), by=factories.olga(), signed_in=BY_COMMAND
        )


def test_an_account_has_a_bounded_number_of_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_tokens, "MOST_TOKENS", 2)
    olga = factories.olga()
    first, _ = api_tokens.create(wanted(), by=olga, signed_in=BY_COMMAND)
    api_tokens.create(wanted(), by=olga, signed_in=BY_COMMAND)
    with pytest.raises(Refused):
        api_tokens.create(wanted(), by=olga, signed_in=BY_COMMAND)
    api_tokens.revoke(first.pk, by=olga)
    assert api_tokens.create(wanted(), by=olga, signed_in=BY_COMMAND)
