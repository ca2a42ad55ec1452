"""Every form of the admin opens, and answers nonsense with a message and not with an error."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from executions.models import Asset
from safety.choices import Role
from safety.models import Membership
from tests.integration.test_admin import a_bit_of_everything

pytestmark = pytest.mark.usefixtures("live_db")

MODELS = list(admin.site._registry)
RUBBISH = ["x", "-1", "\u00e4[{", "99999999999999999999", "[1, {}]"]
REPRESENTATIONS = ("DatabaseDefault", " object (", " object at 0x", "&lt;django", "NOT_PROVIDED")


def signed_in(who: str) -> Client:
    client = Client()
    if who == "superuser":
        client.force_login(User.objects.create_superuser("root"))
    else:
        User.objects.filter(username="olga").update(is_staff=True)
        Membership.objects.filter(user__username="olga").update(role=Role.TENANT_ADMIN)
        client.force_login(User.objects.get(username="olga"))
    return client


def address(model: Any, page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def answers(client: Client, place: str) -> None:
    """Opens the page, sends nothing, and sends nonsense in every field of its form."""
    page = client.get(place)
    assert page.status_code in (200, 302, 403), place
    pages = [page]
    names = []
    if page.context and "adminform" in page.context:
        names = list(page.context["adminform"].form.fields)
    pages.append(client.post(place, {}))
    pages += [client.post(place, dict.fromkeys(names, nonsense)) for nonsense in RUBBISH]
    for one in pages:
        assert one.status_code < 500, place
        text = one.content.decode()
        assert not [found for found in REPRESENTATIONS if found in text], place


@pytest.mark.parametrize("who", ["superuser", "tenant admin"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_form_breaks_or_shows_what_only_programmers_read(model: Any, who: str) -> None:
    a_bit_of_everything()
    client = signed_in(who)
    client.raise_request_exception = False
    answers(client, address(model, "add"))
    row = model.objects.order_by("-pk").first()
    if row is not None:
        answers(client, address(model, "change", row.pk))


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        ('{"password": "hunter2"}', "password: not a reference to a secret"),
        (
            '{"private_key": {"secret": "file:x"}, "passphrase": "hunter2"}',
            "passphrase: not a reference to a secret",
        ),
        ('["hunter2"]', "Write an object"),
        ('{"ssh_certificate": {"signed_by": "hunter2 x"}}', "such as"),
        ('{"ssh_certificate": {"signed_by": "vault:acme/ssh/sign/web", "ttl_s": 300}}', ""),
        ('{"private_key": {"secret": "vault:kv/acme/ssh#key"}}', ""),
        ("{}", ""),
    ],
)
def test_credentials_of_an_asset_are_references(credentials: str, said: str) -> None:
    a_bit_of_everything()
    tenant = Membership.objects.get(user__username="olga").tenant_id
    form = {"tenant": tenant, "name": "new", "environment": "dev", "connection": "ssh", "port": 22}
    page = signed_in("superuser").post(address(Asset, "add"), form | {"credentials": credentials})

    assert Asset.objects.filter(name="new").exists() == (not said)
    if said:
        assert said in page.context["adminform"].form.errors["credentials"][0]
        assert "hunter2" not in page.context["adminform"].form.errors["credentials"][0]
