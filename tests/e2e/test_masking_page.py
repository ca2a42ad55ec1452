"""A masking rule is tried in a real browser, with the keyboard alone, on a phone too, and leaves no trace."""

from collections.abc import Callable

import pytest

from safety.models import MaskingRule, Tenant
from tests import factories
from tests.e2e.test_pages_browser import Visit, visit  # noqa: F401  a fixture


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_rule_is_tried_with_the_keyboard_before_it_counts(
    visit: Callable[..., Visit],  # noqa: F811
    width: int,
    scheme: str,
) -> None:
    seen = visit(factories.nina(is_staff=True), color_scheme=scheme, viewport={"width": width, "height": 900})
    seen.goto("/admin/safety/maskingrule/add/")
    page = seen.page
    page.locator("#id_tenant").select_option(str(Tenant.objects.get(slug="other").pk))
    page.locator("#id_kind").fill("customer")
    page.locator("#id_pattern").focus()
    page.keyboard.type(r"customer (\S+)")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "sample":
            break
    page.keyboard.type("order of customer 4711-AB by jane@example.org\npassword=hunter22 " + "x" * 300)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("This rule masks 1 place, the built-in patterns 2 places.").wait_for()
    assert page.locator("mark.rule").inner_text() == "4711-AB"
    assert page.locator("mark.built-in").all_inner_texts() == ["jane@example.org", "hunter22"]
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not MaskingRule.objects.exists()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    assert MaskingRule.objects.get().pattern == r"customer (\S+)"
    seen.is_clean()
