"""Every table in the admin: search, filters, actions, autocomplete and forms about rows of somebody else."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import RequestFactory
from django.urls import reverse

from tests.integration.walk.asking import Asker
from tests.integration.walk.fields import form_of
from tests.integration.walk.planting import beginning, columns
from tests.integration.walk.scene import Scene
from tests.leaks.walking import Filled

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(600)]

HIGH = 10**6
MOST_KEYS = 3


def _tables() -> Iterator[tuple[Any, Any, str]]:
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield model, model_admin, name


def _queries(model: Any, model_admin: Any, scene: Scene) -> Iterator[dict[str, Any]]:
    """Searches for what stands in A's rows, each filter, and lookups that nobody offered."""
    table = model._meta.db_table
    for name in columns():
        if name.startswith(f"{table}."):
            yield {"q": beginning(name)}
    yield from ({"q": str(key)} for key in scene.rows_of_a.get(table, [])[:1])
    values = (scene.a.pk, scene.olga.pk, "cnry", "platform")
    for one in model_admin.list_filter:
        given = one[0] if isinstance(one, tuple) else one
        name = given if isinstance(given, str) else given.parameter_name
        yield from ({name: value} for value in values)
    for field in model._meta.concrete_fields:
        if field.is_relation:
            yield {f"{field.name}__id__exact": scene.a.pk}
    yield from ({"o": "1"}, {"all": ""}, {"_popup": "1", "_to_field": model._meta.pk.name})


@pytest.mark.parametrize("who", ["nina", "nobody"])
def test_no_search_and_no_filter_finds_rows_of_somebody_else(scene: Scene, who: str) -> None:
    person = scene.nina if who == "nina" else None
    asker, wrong = Asker(scene, person), []
    for model, model_admin, name in _tables():
        address = reverse(f"{name}_changelist")
        for query in _queries(model, model_admin, scene):
            answer = asker.ask("GET", address, query)
            said = f"{name} with {query}: {answer.status}"
            if person is None and answer.status != 302:
                wrong.append(said)
            wrong += [f"{said} tells {leak}" for leak in asker.leaks(answer, *query.values())]
    assert not wrong, "\n".join(wrong)


def _actions(scene: Scene, model: Any, model_admin: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    request = RequestFactory().get("/")
    request.user = scene.root
    names = {*model_admin.get_actions(request), *(model_admin.actions or ()), "delete_selected"}
    for key in scene.rows_of_a.get(model._meta.db_table, [])[:MOST_KEYS]:
        for name in sorted(names):
            sent = {"action": name, "confirmed": "yes", "reason": "because", "post": "yes"}
            row = model._base_manager.get(pk=key)
            seen = {
                f"seen-{key}": getattr(row, field, "")
                for field in ("approval_hash", "token")
                if hasattr(row, field)
            }
            yield name, key, sent | seen


@pytest.mark.parametrize("who", ["nina", "vera", "nobody"])
def test_no_action_reaches_rows_of_somebody_else(scene: Scene, who: str) -> None:
    """Vera may look at them; but she may not act."""
    person = {"nina": scene.nina, "vera": scene.vera, "nobody": None}[who]
    asker, wrong, tried = Asker(scene, person), [], 0
    for model, model_admin, name in _tables():
        address = reverse(f"{name}_changelist")
        for action, key, sent in _actions(scene, model, model_admin):
            tried += 1
            answer = asker.ask("POST", address, {**sent, ACTION_CHECKBOX_NAME: str(key)})
            said = f"{action} of {name} {key}: {answer.status}"
            wrong += [f"{said} changed {change}" for change in answer.changed]
            if who != "vera":
                wrong += [f"{said} tells {leak}" for leak in asker.leaks(answer, key)]
    assert tried > len(admin.site._registry)
    assert not wrong, "\n".join(wrong)


def test_autocomplete_offers_nobody_elses_rows(scene: Scene) -> None:
    nina, wrong = Asker(scene, scene.nina), []
    for model, _, name in _tables():
        for field in model._meta.concrete_fields:
            if not field.is_relation:
                continue
            asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
            answer = nina.ask(
                "GET", reverse("admin:autocomplete"), asked | {"field_name": field.name, "term": "cnry"}
            )
            wrong += [f"{name} {field.name}: {answer.status} tells {leak}" for leak in nina.leaks(answer)]
    assert not wrong, "\n".join(wrong)


def _foreign(scene: Scene, name: str) -> list[tuple[Any, Any]]:
    """What to put into this field that is A's, and what is nothing."""
    values: list[tuple[Any, Any]] = [(scene.a.pk, scene.a.pk + HIGH), (scene.olga.pk, scene.olga.pk + HIGH)]
    return [(scene.olga.username, "nobody-9"), *values] if name in ("user", "person") else values


def test_no_form_of_the_admin_takes_an_id_of_somebody_else(scene: Scene) -> None:
    """Nina gives a membership to Olga by name, which she may: only then an account is told from none."""
    nina, wrong = Asker(scene, scene.nina, about_a=True), []
    for model, model_admin, name in _tables():
        place = Filled(f"{name}_add", {}, reverse(f"{name}_add"), True)
        sent = form_of(scene, model_admin, None, scene.b)
        for field in sorted(
            {"id", "tenant", *(one.name for one in model._meta.concrete_fields if one.is_relation)}
        ):
            for value, nothing in _foreign(scene, field):
                answer = nina.ask("POST", place.address, {**sent, field: value})
                unknown = nina.ask("POST", place.address, {**sent, field: nothing})
                said = f"{place.name} with {field}={value}: {answer.status}"
                wrong += [f"{said} tells {leak}" for leak in nina.leaks(answer, value)]
                wrong += [f"{said} changed {change}" for change in answer.changed]
                is_name = (name, field) == ("admin:safety_membership", "user")
                if not is_name and answer.alike(value) != unknown.alike(nothing):
                    wrong.append(f"{said}, and what nothing is gets another {unknown.status}")
    assert not wrong, "\n".join(wrong)
