"""Every address of the API, asked with a token of another tenant: it learns nothing and changes nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from safety.models import Membership
from safety.tokens.models import ApiToken
from tests import factories
from tests.integration.walk.asking import METHODS, Asker
from tests.integration.walk.fields import fields_of
from tests.integration.walk.scene import Scene, elsewhere
from tests.leaks.walking import Filled

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(600)]


def _token(scene: Scene, tenant: Any, **more: Any) -> dict[str, Any]:
    """What goes with a request; its use is not written down, which would look like a change."""
    token, value = factories.a_token(scene.nina, tenant=tenant, **more)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() + timedelta(days=1))
    return {"headers": {"Authorization": f"Bearer {value}"}}


def _requests(scene: Scene) -> Iterator[tuple[Filled, str, dict[str, object] | None, dict[str, str]]]:
    for place in scene.addresses:
        if place.name.startswith("api:"):
            for method in METHODS:
                kind = {"content_type": "application/json"} if method == "POST" else {}
                fields = fields_of(scene, place, scene.a) if method == "POST" else None
                yield place, method, fields, kind


def test_a_token_of_another_tenant_tells_and_changes_nothing(scene: Scene) -> None:
    """Also when its person is a member of both tenants."""
    Membership.objects.create(tenant=scene.a, user=scene.nina, role="tenant_admin")
    came_with = _token(scene, scene.b)
    nina, wrong, seen = Asker(scene, None), [], set()
    for place, method, fields, kind in _requests(scene):
        answer = nina.ask(method, place.address, fields, **came_with, **kind)
        seen.add((place.name, answer.status))
        asked = f"{method} {place.name}: {answer.status}"
        wrong += [f"{asked} tells {leak}" for leak in nina.leaks(answer, place.address, fields)]
        if not place.arguments:
            continue
        nothing = elsewhere(place)
        unknown = nina.ask(method, nothing.address, fields, **came_with, **kind)
        if answer.status not in (404, 405) or answer.changed:
            wrong.append(f"{asked} changed {answer.changed}")
        if answer.alike(*place.arguments.values()) != unknown.alike(*nothing.arguments.values()):
            wrong.append(f"{asked}, and an unknown id gets another {unknown.status}")
    assert not wrong, "\n".join(wrong)
    assert {("api:token", 200), ("api:executions", 200), ("api:executions", 422)} <= seen


def test_the_walk_would_see_it(scene: Scene) -> None:
    """A token of the tenant itself is told what there is."""
    Membership.objects.create(tenant=scene.a, user=scene.nina, role="tenant_admin")
    came_with, nina, told = _token(scene, scene.a), Asker(scene, None), set()
    for place, method, fields, kind in _requests(scene):
        told |= nina.leaks(nina.ask(method, place.address, fields, **came_with, **kind))
    assert len(told) > 3
