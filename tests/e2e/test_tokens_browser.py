"""A token is made, copied and revoked in a real browser, by keyboard, without a complaint of its console."""

from collections.abc import Callable

import pytest

from safety.choices import Role
from safety.tokens import door
from tests import factories
from tests.e2e.test_pages_browser import Visit, visit  # noqa: F401  a fixture

Opens = Callable[..., Visit]


@pytest.mark.parametrize("width", [1200, 360])
def test_a_token_is_made_copied_and_revoked(visit: Opens, width: int) -> None:  # noqa: F811
    olga = factories.olga()
    factories.a_service_account(olga, Role.REQUESTER)
    seen = visit(olga, viewport={"width": width, "height": 900})
    page = seen.page
    seen.goto("/account/")
    page.get_by_role("link", name="New token").click()
    page.get_by_label("Name").fill("nightly")
    page.get_by_label("Acts as").select_option(label="robot in Acme")
    page.get_by_label("submit runs").check()
    page.get_by_label("Name").press("Enter")
    page.get_by_role("heading", name="Keep this token").wait_for()
    value = page.get_by_label("nightly")
    assert value.evaluate("field => field === document.activeElement")
    page.keyboard.press("Control+A")
    assert page.evaluate("window.getSelection().toString()").startswith("opsc_")
    assert door.enter(value.input_value(), address=None).username == "robot"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_text("Revoke", exact=True).last.click()
    page.get_by_role("button", name="Revoke nightly").click()
    page.get_by_text("The token is revoked.").wait_for()
    seen.is_clean()
