"""Signing in with a second factor in a real browser: set up, signed out, in again, without console errors."""

import time
from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import Page

from tests import factories
from tests.pages_server import serving


@pytest.mark.parametrize("width", [1280, 360])
def test_the_whole_way_in(live_db: None, browser: Callable[..., Page], width: int) -> None:
    factories.olga(password=factories.PASSWORD)
    page, troubles = browser(viewport={"width": width, "height": 800}), []
    page.on("console", lambda said: troubles.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    with serving() as base:
        page.goto(f"{base}/account/second-factor/")
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(factories.PASSWORD)
        page.keyboard.press("Enter")
        secret = page.locator("code.hash").inner_text().replace(" ", "")
        assert page.locator(".picture svg").bounding_box()["width"] > 150  # type: ignore[index]
        page.get_by_label("The code that it shows").fill(pyotp.TOTP(secret).at(int(time.time()) - 30))
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Keep these recovery codes").wait_for()
        page.get_by_role("link", name="I have kept them").click()
        page.get_by_text("10 recovery codes left").wait_for()
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(factories.PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_label("Code of your authenticator").fill("000000")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.evaluate("document.activeElement.name") == "code"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_label("Code of your authenticator").fill(pyotp.TOTP(secret).now())
        page.keyboard.press("Enter")
        page.get_by_text("Nothing has run yet.").wait_for()
    assert troubles == []
