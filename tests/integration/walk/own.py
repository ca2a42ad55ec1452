"""The same addresses, filled with rows of the person's own tenant."""

from typing import Any

from django.contrib import admin
from django.urls import reverse

from executions.models import Step
from safety.models import Tenant
from tests.integration.walk.scene import Scene
from tests.leaks.walking import TABLES, Filled, Unfillable

WHAT_IS_MISSING = (
    "{}: make a row of tenant B for it in tests/integration/walk/scene.py, or say here what to put into {}"
)


def own_places(scene: Scene) -> list[Filled]:
    """One address of each pattern, about what is B's; those of the admin only where B has such a row."""
    found = {}
    for place in scene.addresses:
        if place.name in found:
            continue
        arguments = {name: _own(scene, place, name, value) for name, value in place.arguments.items()}
        if None not in arguments.values():
            found[place.name] = Filled(place.name, arguments, reverse(place.name, kwargs=arguments), True)
    return list(found.values())


def _own(scene: Scene, place: Filled, name: str, value: Any) -> Any:
    if name in TABLES:
        key = _row(scene, TABLES[name])
        if key is None:
            raise Unfillable(WHAT_IS_MISSING.format(place.name, name))
        return scene.run_of_b.pk if name == "execution_id" else key
    own = {
        "slug": lambda: Tenant.objects.get(pk=scene.b.pk).slug,
        "step": lambda: Step.objects.get(execution=scene.run_of_b).key,
        "token": lambda: value,
        "app_label": lambda: value,
        "content_type_id": lambda: value,
        "id": lambda: scene.nina.pk,
        "object_id": lambda: (
            scene.run_of_b.pk if "content_type_id" in place.arguments else _of_admin(scene, place)
        ),
    }
    if name not in own:
        raise Unfillable(WHAT_IS_MISSING.format(place.name, name))
    return own[name]()


def _of_admin(scene: Scene, place: Filled) -> Any:
    for model in admin.site._registry:
        if place.name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
            return _row(scene, model)
    return None


def _row(scene: Scene, model: Any) -> Any:
    taken = scene.rows_of_a.get(model._meta.db_table, [])
    return model._base_manager.exclude(pk__in=taken).order_by("-pk").values_list("pk", flat=True).first()
