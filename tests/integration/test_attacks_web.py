"""Every address against a page of another site, a link that is only looked at, and a browser that believes too much."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.approving import signed_in
from tests.integration.test_admin import a_bit_of_everything
from tests.integration.walk.digest import Digests
from tests.leaks.walking import Filled, filled

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(900)]
LOOKED_AT_ONLY = ("GET", "HEAD")
REFUSED = 403


@pytest.fixture
def root() -> User:
    """A superuser, who may do everything: what is refused is not refused for want of a right."""
    a_bit_of_everything()
    return User.objects.create_superuser("root")


def places() -> Iterator[Filled]:
    """The first address of each pattern; not signing out, which would end the walk."""
    seen = set()
    for one in filled():
        if one.name not in seen and one.name != "logout":
            seen.add(one.name)
            yield one


def test_no_address_takes_a_form_of_another_site(root: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(root)
    answers = {
        place.name: browser.post(place.address, {"reason": "x"}).status_code
        for place in places()
        if not place.name.startswith("api:")
    }
    assert {"executions:cancel", "executions:break_glass", "admin:safety_membership_add"} <= set(answers)
    # 405: nothing is taken there.
    taken = {name: status for name, status in answers.items() if status not in (REFUSED, 405)}
    assert taken == {}


def test_the_api_takes_no_session_for_a_token(root: User) -> None:
    browser, found = signed_in(root), 0
    for place in places():
        if place.name.startswith("api:") and place.name != "api:nothing":
            found += 1
            assert browser.get(place.address).status_code in (401, 405), place
            assert browser.post(place.address, {}, content_type="application/json").status_code in (401, 405)
    assert found >= 4


def test_looking_changes_nothing_whoever_looks(root: User) -> None:
    digests, browser = Digests(), signed_in(root)
    before = digests.take(root)
    for place in places():
        for method in LOOKED_AT_ONLY:
            browser.generic(method, place.address)
    assert {table for table, one in digests.take(root).items() if one != before[table]} == set()


def test_every_answer_tells_the_browser_what_not_to_do(root: User) -> None:
    browser = signed_in(root)
    for place in places():
        answer = browser.get(place.address)
        assert answer["X-Content-Type-Options"] == "nosniff", place.name
        assert answer["X-Frame-Options"] == "DENY", place.name
        assert answer["Referrer-Policy"] in ("same-origin", "no-referrer"), place.name
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy, place.name
        assert "unsafe-inline" not in policy, place.name
        for cookie in filter(lambda one: one.value, answer.cookies.values()):  # others are being removed
            assert cookie["httponly"], (place.name, cookie.key)
            assert cookie["samesite"] == "Lax", (place.name, cookie.key)
        if "text/html" in answer.get("Content-Type", ""):
            assert "no-store" in answer.get("Cache-Control", "no-store"), place.name
