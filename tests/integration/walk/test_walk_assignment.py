"""Every name of a field there is, sent along with every form: nothing changes but what the form offers."""

from collections import Counter
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from safety.choices import Role
from tests import factories
from tests.integration.walk.fields import fields_of, form_of
from tests.integration.walk.planting import tables
from tests.integration.walk.scene import Scene
from tests.integration.walk.snapshot import snapshot

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(600)]

# Tables that a tenant admin may write; without a change that was taken, a form would prove nothing.
WRITTEN = {
    "asset",
    "membership",
    "tenant",
    "resource",
    "maskingrule",
    "limit",
    "approvalpolicy",
    "timeoutpolicy",
}
# What a form has under such a name, and the row in FIELDS leaves out.
OFFERED = {"executions:turn_switch": {"environment", "connector"}, "executions:change_rollout": {"percent"}}


def _every_name(scene: Scene) -> dict[str, Any]:
    """Each field of each table and of people, with a value that would be somebody else's gain."""
    found: dict[str, Any] = {"approved_by": scene.nina.pk, "granted_to": scene.nina.pk, "pk": 1}
    for model in tables():
        for field in model._meta.concrete_fields:
            found[field.name] = found[field.column] = _value(scene, field)
    return found


def _value(scene: Scene, field: Any) -> Any:
    if field.is_relation:
        return scene.b.pk if "tenant" in field.name else scene.nina.pk
    if isinstance(field, models.BooleanField):
        return "on"
    if isinstance(field, models.IntegerField | models.FloatField):
        return scene.b.pk if "tenant" in field.name else 3
    if field.name == "status":
        return "succeeded"
    return "2031-01-01 00:00" if isinstance(field, models.DateTimeField) else "taken"


def _did(person: User, address: str, sent: dict[str, Any]) -> tuple[int, "Counter[str]"]:
    """The status, and the rows that came or went."""
    client = Client()
    client.force_login(person)
    before = snapshot()
    with transaction.atomic():
        answer = client.post(address, sent)
        after = snapshot()
        transaction.set_rollback(True)
    change = Counter({f"+ {row}": number for row, number in (after - before).items()})
    change.update({f"- {row}": number for row, number in (before - after).items()})
    return answer.status_code, change


def _compare(person: User, address: str, sent: dict[str, Any], more: dict[str, Any]) -> tuple[int, list[str]]:
    status, plain = _did(person, address, sent)
    status_with_more, change = _did(person, address, {**more, **sent})
    wrong = [f"{address}: {row}" for row in (change - plain) + (plain - change)]
    if status_with_more != status:
        wrong.append(f"{address}: {status_with_more} instead of {status}")
    return len(plain), wrong


def test_a_page_takes_what_its_form_offers_and_nothing_else(scene: Scene) -> None:
    more, wrong, acted = _every_name(scene), [], set()
    people = [
        scene.olga,
        factories.a_person("otto", Role.OPERATOR),
        factories.a_person("adam", Role.APPROVER),
    ]
    people.append(factories.a_person("ada", Role.TENANT_ADMIN))
    for place in scene.addresses:
        if place.name.startswith("admin:"):
            continue
        sent = fields_of(scene, place, scene.a)
        if not sent:
            continue
        extras = {name: value for name, value in more.items() if name not in OFFERED.get(place.name, ())}
        for person in people:
            changes, found = _compare(person, place.address, sent, extras)
            wrong += found
            if changes:
                acted.add(place.name)
    assert not wrong, "\n".join(wrong)
    assert {
        "executions:cancel",
        "executions:approve",
        "executions:turn_switch",
        "executions:reserve",
    } <= acted


def test_a_form_of_the_admin_takes_what_it_offers_and_nothing_else(scene: Scene) -> None:
    ada = factories.a_person("ada", Role.TENANT_ADMIN, is_staff=True)
    more, wrong, written = _every_name(scene), [], set()
    request = RequestFactory().get("/")
    request.user = ada
    for model, model_admin in admin.site._registry.items():
        keys = scene.rows_of_a.get(model._meta.db_table, [])
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for key in [*keys[-1:], None]:
            address = reverse(f"{name}_change", args=[key]) if key is not None else reverse(f"{name}_add")
            sent = form_of(scene, model_admin, key, scene.a, person=ada)
            row = model._base_manager.filter(pk=key).first() if key is not None else None
            may = model_admin.has_change_permission if row else model_admin.has_add_permission
            offered = model_admin.get_form(request, row, change=bool(row)).base_fields if may(request) else ()
            extras = {field: value for field, value in more.items() if field not in offered}
            changes, found = _compare(ada, address, sent, extras)
            wrong += found
            if changes:
                written.add(model._meta.model_name)
    assert not wrong, "\n".join(wrong)
    assert written >= WRITTEN, WRITTEN - written
