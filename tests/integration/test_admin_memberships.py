"""Who may give whom which membership in the admin; every change is on record."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from executions.models import Asset, Event
from safety.choices import Role
from safety.models import Membership, Tenant
from tests import factories

pytestmark = pytest.mark.usefixtures("live_db")

LIST = "admin:safety_membership_changelist"


@pytest.fixture
def boss() -> Client:
    """An admin of Acme, for dev and staging only."""
    user = factories.a_person("boss", is_staff=True)
    Membership.objects.create(
        tenant=factories.a_tenant(), user=user, role=Role.TENANT_ADMIN, environments=["dev", "staging"]
    )
    return signed_in(user)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(**given: Any) -> dict[str, Any]:
    acme = Tenant.objects.get(slug="acme").pk
    empty = {"tenant": acme, "user": "olga", "role": "viewer", "ends_at_0": "", "ends_at_1": ""}
    return empty | {"reason": "on call"} | given


def grant(client: Client, **given: Any) -> str:
    """The page that answers; empty when it was saved."""
    answer = client.post(reverse("admin:safety_membership_add"), form(**given))
    return "" if answer.status_code == 302 else answer.content.decode()


def change(client: Client, membership: Membership, **given: Any) -> Any:
    return client.post(reverse("admin:safety_membership_change", args=[membership.pk]), form(**given))


def test_a_membership_is_given_with_limits_and_is_on_record(boss: Client) -> None:
    factories.a_person("olga")
    assert not grant(boss, role="operator", environments=["dev"], action_classes=["read", "modify"])
    made = Membership.objects.get(user__username="olga")
    assert (made.environments, made.action_classes) == (["dev"], ["read", "modify"])
    assert (made.reason, made.granted_by.username) == ("on call", "boss")
    event = Event.objects.get(type="rbac.grant_changed")
    assert (event.tenant, event.actor, event.data["person"]) == (made.tenant, "boss", "olga")
    assert (event.data["change"], event.data["environments"]) == ("granted", "dev")
    assert LogEntry.objects.get().object_id == str(made.pk)


def test_an_end_in_the_past_an_unknown_place_and_a_second_one_are_refused(boss: Client) -> None:
    factories.a_person("olga")
    past = {"ends_at_0": "2020-01-01", "ends_at_1": "00:00:00"}
    assert "Give an end in the future" in grant(boss, environments=["dev"], **past)
    assert "Select a valid choice" in grant(boss, environments=["mars"])
    assert not grant(boss, environments=["dev"])
    assert "has such a membership" in grant(boss, environments=["dev"])


def test_nobody_grants_what_they_lack(boss: Client) -> None:
    factories.a_person("olga")
    assert "You cannot grant what you lack" in grant(boss)
    assert "You cannot grant what you lack" in grant(boss, environments=["prod"])
    assert not Membership.objects.filter(user__username="olga").exists()


def test_nobody_widens_or_takes_away_what_reaches_further_than_they_do(boss: Client) -> None:
    factories.olga()
    wide = Membership.objects.get(user__username="olga")
    assert change(boss, wide, environments=["dev"]).status_code == 403
    assert (
        boss.post(reverse("admin:safety_membership_delete", args=[wide.pk]), {"post": "yes"}).status_code
        == 403
    )
    everyone = {"action": "delete_selected", "_selected_action": [wide.pk], "post": "yes"}
    boss.post(reverse(LIST), everyone)
    Membership.objects.filter(pk=wide.pk).update(environments=["dev"])
    assert change(boss, wide, role="operator", environments=["dev", "prod"]).status_code == 200
    assert Membership.objects.get(pk=wide.pk).environments == ["dev"]
    assert change(boss, wide, role="viewer", environments=["dev"]).status_code == 302
    assert not Event.objects.filter(data__change="removed").exists()


def test_nobody_touches_their_own_membership(boss: Client) -> None:
    own = Membership.objects.get(user__username="boss")
    assert "Nobody changes their own" in grant(boss, user="boss", role="operator", environments=["dev"])
    assert change(boss, own, role="tenant_admin").status_code == 403
    assert (
        boss.post(reverse("admin:safety_membership_delete", args=[own.pk]), {"post": "yes"}).status_code
        == 403
    )


def test_a_tenant_admin_neither_edits_people_nor_touches_a_superuser(boss: Client) -> None:
    root = User.objects.create_superuser("root")
    assert "Only a superuser" in grant(boss, user="root", environments=["dev"])
    held = Membership.objects.create(
        tenant=factories.a_tenant(), user=root, role=Role.OPERATOR, environments=["dev"]
    )
    assert change(boss, held, environments=["dev"]).status_code == 403
    assert boss.get(reverse("admin:auth_user_changelist")).status_code == 403
    assert (
        boss.post(reverse("admin:auth_user_change", args=[root.pk]), {"is_superuser": ""}).status_code == 403
    )


def test_taking_away_one_or_many_is_on_record(boss: Client) -> None:
    factories.a_person("olga")
    for role in ("viewer", "operator"):
        assert not grant(boss, role=role, environments=["dev"])
    first, second = Membership.objects.filter(user__username="olga").order_by("pk")
    boss.post(reverse("admin:safety_membership_delete", args=[first.pk]), {"post": "yes"})
    boss.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"})
    assert not Membership.objects.filter(user__username="olga").exists()
    told = Event.objects.filter(data__change="removed").order_by("pk")
    assert [event.data["role"] for event in told] == ["viewer", "operator"]
    assert LogEntry.objects.filter(action_flag=3).count() == 2


def test_an_admin_of_one_environment_acts_on_no_other_and_not_on_the_whole_tenant(boss: Client) -> None:
    acme = Tenant.objects.get(slug="acme")
    data = {"name": "db", "connection": "ssh", "port": 22, "credentials": "{}", "tenant": acme.pk}
    add = reverse("admin:executions_asset_add")
    assert "not in this environment" in boss.post(add, data | {"environment": "prod"}).content.decode()
    assert boss.post(add, data | {"environment": "dev"}).status_code == 302
    made = Asset.objects.get()
    moved = boss.post(
        reverse("admin:executions_asset_change", args=[made.pk]), data | {"environment": "prod"}
    )
    assert moved.status_code == 200
    assert Asset.objects.get().environment == "dev"
    assert (
        boss.post(reverse("admin:safety_tenant_change", args=[acme.pk]), {"name": "Mine"}).status_code == 403
    )
