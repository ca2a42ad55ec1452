"""Every page as the database account of docs/security.md: behind the second wall it shows the same rows."""

import re

import pytest
from django.db import connection

from safety import wall
from tests.app_account import app_account
from tests.integration.walk.asking import Asker
from tests.integration.walk.own import own_places
from tests.integration.walk.scene import Scene
from tests.leaks.walking import Filled

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(600)]

_MARKS = re.compile(r"cnry[0-9a-f]{8}(?:ofa)?")
# A secret that is made anew each time; a file with the time in it, or a refusal that is written down.
ANEW = {"second_factor", "executions:evidence"}


def _pages(asker: Asker, places: list[Filled]) -> dict[str, tuple[int, set[str]]]:
    """The status of each page, and the marks of rows that it shows."""
    answers = {one.address: asker.ask("GET", one.address) for one in places if one.name not in ANEW}
    return {address: (answer.status, set(_MARKS.findall(answer.text))) for address, answer in answers.items()}


@pytest.mark.parametrize("who", ["nina", "vera", "root"])
def test_pages_show_the_same_rows_behind_the_wall(scene: Scene, who: str) -> None:
    asker = Asker(scene, getattr(scene, who))
    places = own_places(scene) if who == "nina" else [place for place in scene.addresses if place.is_first]
    plain = _pages(asker, places)
    with app_account():
        assert wall.stands()
        behind = _pages(asker, places)
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('opsc.tenants', true), '')")
            assert cursor.fetchone() == ("",)
    assert {address: behind[address] for address in plain if behind[address] != plain[address]} == {}
