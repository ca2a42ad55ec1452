"""api_token and service_account: what they print, once, and what they refuse."""

import pytest

from executions.models import Event
from safety.choices import Role
from safety.models import Membership
from safety.tokens import door
from safety.tokens.models import ApiToken, ServiceAccount
from tests import factories
from tests.commands import manage
from tests.world import World

pytestmark = pytest.mark.usefixtures("live_db")

CREATE = ("api_token", "create", "--name", "nightly", "--as", "olga")


def test_the_value_is_printed_once_and_works(world: World) -> None:
    answer = manage(*CREATE, "--scopes", "read,submit", "--days", "7", "--network", "192.0.2.0/24")
    value = answer.out.strip()
    assert answer.code == 0
    assert value not in answer.err
    assert door.enter(value, address="192.0.2.1") == world.olga
    listed, data = (
        manage("api_token", "list", "--as", "olga"),
        manage("api_token", "list", "--json", "--as", "olga"),
    )
    token = ApiToken.objects.get()
    assert f"{token.prefix}  nightly: olga in acme, read,submit, until" in listed.out
    assert data.json["tokens"][0]["networks"] == ["192.0.2.0/24"]
    assert value.rpartition("_")[2] not in listed.out + data.out + listed.err + data.err
    assert manage("api_token", "list", "--as", "tom").out.strip() == "No tokens."


def test_one_is_revoked_by_its_public_part_in_any_form(world: World) -> None:
    first, second = manage(*CREATE, "--json").json, manage(*CREATE, "--json").json
    assert manage("api_token", "revoke", first["prefix"], "--as", "nina").code == 2
    assert manage("api_token", "revoke", first["prefix"], "--as", "olga").out.strip() == "revoked"
    assert manage("api_token", "revoke", first["prefix"], "--as", "olga").out.strip() == "revoked before"
    boss = factories.a_person("boss", Role.TENANT_ADMIN, tenant=world.acme)
    assert (
        manage("api_token", "revoke", second["value"], "--json", "--as", boss.username).json["revoked"]
        is True
    )
    assert ApiToken.objects.filter(revoked_at=None).count() == 0
    assert second["value"] not in str(list(Event.objects.values("data")))


@pytest.mark.parametrize(
    "bad",
    [
        ("--name", ""),
        ("--scopes", "approve"),
        ("--days", "0"),
        ("--days", "91"),
        ("--network", "x"),
        ("--tenant", "other"),
        ("--for", "nobody"),
    ],
    ids=str,
)
def test_what_makes_no_token_is_refused_in_a_sentence(world: World, bad: tuple[str, str]) -> None:
    answer = manage(*CREATE, *bad)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error[")
    assert not ApiToken.objects.exists()


def test_a_service_account_is_made_handed_over_and_given_a_token(world: World) -> None:
    factories.a_person("boss", Role.TENANT_ADMIN, tenant=world.acme)
    make = (
        "service_account",
        "create",
        "robot",
        "--tenant",
        "acme",
        "--owner",
        "olga",
        "--purpose",
        "checks",
    )
    assert manage(*make, "--as", "olga").code == 2
    assert manage(*make, "--as", "boss").out.strip() == "robot (of olga), in Acme"
    robot = ServiceAccount.objects.get().user
    assert manage(*CREATE, "--for", "robot").code == 2  # no member yet
    Membership.objects.create(user=robot, tenant=world.acme, role=Role.REQUESTER)
    value = manage(*CREATE, "--for", "robot").out.strip()
    assert door.enter(value, address=None) == robot
    change = ("service_account", "change", "robot", "--owner", "tom", "--purpose", "checks", "--as")
    assert manage(*change, "nina").code == 2
    assert manage(*change, "boss", "--json").json["owner"] == "tom"
    assert manage(*CREATE, "--for", "robot").code == 2
    assert (
        manage("service_account", "change", "robot", "--owner", "x", "--purpose", "y", "--as", "boss").code
        == 2
    )
