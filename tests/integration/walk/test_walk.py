"""Every address of the web process, asked by people who must see nothing of it, or change nothing."""

from collections.abc import Iterator

import pytest

from tests.integration.walk import planting
from tests.integration.walk.asking import METHODS, Answer, Asker
from tests.integration.walk.fields import WHAT_IS_MISSING, fields_of
from tests.integration.walk.scene import Scene, elsewhere
from tests.leaks.walking import Filled

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(600)]

# Addresses that answer people who are not signed in, with something else than the way to the door.
OPEN = {"login", "once", "executions:decide", "logout", "sso", "sso_back", "second_step", "admin:jsi18n"}
IN_ADMIN = ("GET", "POST", "DELETE")  # where any method that is no POST is a GET
EVERYBODYS = ("admin:executions_worker", "admin:safety_tenantrole")  # tables of the platform
NO_IDS = {"token", "app_label"}  # what stands in an address and is of no tenant
NOT_ALLOWED = 405
NO_TOKEN = 401  # which is all that the API has for people; test_walk_tokens.py comes with one
GOES_TO_THE_DOOR = ("/sign-in/", "/admin/login/")


def _requests(scene: Scene) -> Iterator[tuple[Filled, str, dict[str, object] | None]]:
    for place in scene.addresses:
        in_admin = place.name.startswith("admin:")
        if place.is_first or not in_admin:
            fields = fields_of(scene, place, scene.a)
            yield from ((place, method, fields) for method in (IN_ADMIN if in_admin else METHODS))


def test_who_is_not_signed_in_is_sent_to_the_door_and_told_nothing(scene: Scene) -> None:
    nobody, wrong = Asker(scene, None), []
    for place, method, fields in _requests(scene):
        answer = nobody.ask(method, place.address, fields)
        door = answer.status == 302 and answer.location.startswith(GOES_TO_THE_DOOR)
        if not door and answer.status not in (401, 404, NOT_ALLOWED) and place.name not in OPEN:
            wrong.append(f"{method} {place.name}: {answer.status} {answer.location}")
        wrong += _faults(nobody, place, method, answer, fields)
    assert not wrong, "\n".join(wrong)


def test_a_person_of_another_tenant_learns_nothing_and_changes_nothing(scene: Scene) -> None:
    nina, wrong = Asker(scene, scene.nina), []
    for place, method, fields in _requests(scene):
        answer = nina.ask(method, place.address, fields)
        wrong += _faults(nina, place, method, answer, fields)
        if set(place.arguments) <= NO_IDS or place.name.startswith(EVERYBODYS):
            continue
        nothing = elsewhere(place)
        unknown = nina.ask(method, nothing.address, fields)
        if answer.alike(*place.arguments.values()) != unknown.alike(*nothing.arguments.values()):
            wrong.append(
                f"{method} {place.name}: {answer.status}, and an unknown id gets another {unknown.status}"
            )
        elif (
            not place.name.startswith("admin:")
            and answer.status not in (404, NOT_ALLOWED)
            and not (place.name.startswith("api:") and answer.status == NO_TOKEN)
            and place.name not in OPEN
        ):
            wrong.append(f"{method} {place.name}: {answer.status} instead of 404")
    assert not wrong, "\n".join(wrong)


def test_a_viewer_changes_nothing(scene: Scene) -> None:
    vera, wrong = Asker(scene, scene.vera), []
    for place, method, fields in _requests(scene):
        answer = vera.ask(method, place.address, fields)
        if answer.changed:
            wrong.append(f"{method} {place.name}: {answer.status} changed {', '.join(answer.changed)}")
        if method == "POST" and answer.status != NOT_ALLOWED and fields is None:
            wrong.append(WHAT_IS_MISSING.format(place.name))
    assert not wrong, "\n".join(wrong)


def test_the_marks_are_where_people_look(scene: Scene) -> None:
    """Else nothing that Nina does not see would prove anything."""
    seen = set()
    for person in (scene.vera, scene.root):
        asker = Asker(scene, person)
        for place in scene.addresses:
            seen |= asker.leaks(asker.ask("GET", place.address))
    assert {name for name in planting.columns() if planting.mark(name) not in seen} == set()


def _faults(asker: Asker, place: Filled, method: str, answer: Answer, fields: object) -> list[str]:
    asked = f"{method} {place.name}: {answer.status}"
    found = [f"{asked} tells {leak}" for leak in asker.leaks(answer, place.address, fields)]
    return [*found, f"{asked} changed {', '.join(answer.changed)}"] if answer.changed else found
