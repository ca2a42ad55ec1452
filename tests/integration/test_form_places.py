"""One bad field among valid ones is named at its place, and what was typed into the others is still there."""

from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from safety.choices import Role
from safety.models import Membership, Rollout
from safety.secrets.credentials import credentials_problem
from tests.integration.test_admin_actions import staff
from tests.world import World

TIMES = {"step_s": "2", "execution_s": "3", "lease_s": "1", "approval_s": "1", "attempts": "1"}
POLICIES: list[tuple[str, dict[str, str], str, str, str]] = [
    ("approvalpolicy", {"environment": "dev", "action_class": "read"}, "level", "4", "The level is 0 to 3."),
    ("approvalpolicy", {"environment": "dev", "action_class": "read"}, "quorum", "10", "1 to 9 people"),
    ("approvalpolicy", {"environment": "dev", "action_class": "read"}, "quorum", "2", "from level 2 on"),
    ("approvalpolicy", {"environment": "dev", "action_class": "read"}, "expires_s", "0", "More than 0"),
    ("approvalpolicy", {"action_class": "read"}, "environment", "moon", "not one of the available choices"),
    ("timeoutpolicy", {"sla": "fast", "action_class": "read"}, "attempts", "0", "Must be more than 0."),
    ("timeoutpolicy", {"sla": "fast", "action_class": "read"}, "step_s", "x", "Enter a whole number."),
    ("timeoutpolicy", {"sla": "fast", "action_class": "read"}, "execution_s", "1", "no less than the limit"),
    ("timeoutpolicy", {"action_class": "read"}, "sla", "slow", "not one of the available choices"),
]


@pytest.mark.parametrize(("model", "cell", "field", "value", "says"), POLICIES)
def test_a_policy_names_the_field_and_keeps_the_others(
    world: World, model: str, cell: dict[str, str], field: str, value: str, says: str
) -> None:
    root = staff(User.objects.create_superuser("root"))
    numbers = TIMES if model == "timeoutpolicy" else {"level": "1", "quorum": "1", "expires_s": "900"}
    data = {"tenant": str(world.acme.pk)} | cell | numbers | {field: value}
    answer = root.post(f"/admin/safety/{model}/add/", data)
    form = answer.context["adminform"].form
    assert (answer.status_code, set(form.errors)) == (200, {field})
    assert says in " ".join(form.errors[field])
    assert {name: str(form[name].value()) for name in data} == data


@pytest.mark.parametrize(("settings", "says"), [("{", "Enter a valid JSON."), ("[]", "must be an object")])
def test_the_settings_of_a_store_are_no_riddle(world: World, settings: str, says: str) -> None:
    root = staff(User.objects.create_superuser("root"))
    data = {"tenant": world.acme.pk, "name": "ours", "kind": "vault", "settings": settings, "cache_s": "0"}
    form = (
        root.post("/admin/safety/secretstore/add/", data | {"prefixes": "kv/acme"}).context["adminform"].form
    )
    said = " ".join(form.errors["settings"])
    assert (set(form.errors), says in said, "_Vault" in said) == ({"settings"}, True, False)


@pytest.mark.parametrize(
    ("credentials", "places"),
    [
        (
            {"private_key": {"secret": "env:A"}, "password": "x", "passphrase": "y"},
            ["password", "passphrase"],
        ),
        ({"private_key": {"secret": "env:A"}}, []),
        ({"Hunter2!": {"no": "reference"}}, ["(a part with another name)"]),
    ],
)
def test_credentials_name_each_part_that_is_no_reference_and_repeat_no_value(
    credentials: dict[str, Any], places: list[str]
) -> None:
    said = credentials_problem(credentials)
    assert [place for place in places if f"{place}: not a reference" in said] == places
    assert said.count("not a reference") == len(places)
    assert "Hunter2!" not in said


def test_the_rollout_page_shows_what_was_typed_and_what_is_wrong_beside_it(world: World) -> None:
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    client = Client()
    client.force_login(world.tom)
    typed = {"phase": "canary", "percent": "99", "most_level": "2", "reason": "a long and careful reason"}
    answer = client.post("/rollout/acme/", typed)
    page = unescape(answer.content.decode())
    assert (answer.status_code, "Nothing was changed." in page) == (400, True)
    wrong = page.partition('name="percent"')[2].partition("</label>")[0]
    assert "less than or equal to 50" in wrong
    assert page.count('class="unproven"') == 1
    for kept in ('value="99"', "a long and careful reason", '<option value="canary" selected>'):
        assert kept in page
    assert not Rollout.objects.exists()
