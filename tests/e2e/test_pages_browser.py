"""The pages in a real browser: live, without console errors, and deaf to what targets write."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, Request

from executions.models import Execution, StepRun
from tests import factories
from tests.pages_server import serving

HOSTILE = (
    "<script>document.title = 'pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "<svg onload=alert(1)><iframe src=http://evil.example/>",
    "\x1b]8;;http://evil.example/\x1b\\a link\x1b]8;;\x1b\\",
    "\x1b]0;pwned\x07\x1b[31mred\x1b[0m",
    "\x9b2J\x1bP+q\x1b\\",
    "\u202egnp.exe\u2066",
    "</pre></section><form action=http://evil.example/><input name=x>",
    "{{ 7 * 7 }} {% csrf_token %} <b hx-get=http://evil.example/ hx-trigger=load>",
)


@dataclass
class Visit:
    """A page with everything that went wrong on it."""

    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda said: self.troubles.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self.base):
            self.elsewhere.append(request.url)

    def goto(self, path: str) -> None:
        self.page.goto(self.base + path)

    def is_clean(self) -> None:
        assert (self.troubles, self.elsewhere) == ([], [])


@pytest.fixture
def visit(live_db: None, browser: Callable[..., Page]) -> Iterator[Callable[..., Visit]]:
    """Opens pages of a real server as a signed-in person."""
    with serving() as base:

        def make(user: Any, **settings: Any) -> Visit:
            client = Client()
            client.force_login(user)
            page = browser(**settings)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base}
            page.context.add_cookies([cookie])
            visit = Visit(page, base)
            visit.watch()
            return visit

        yield make


def a_running_execution(user: Any, **more: Any) -> tuple[Execution, StepRun]:
    execution = factories.an_execution(user, name="Restart web tier", status="running", **more)
    run = factories.a_step_run(factories.a_step(execution, "restart"), factories.an_asset(), status="running")
    return execution, run


def test_signing_in_with_the_form_and_out_with_the_button(visit: Callable[..., Visit]) -> None:
    user = factories.olga(password=factories.PASSWORD)
    seen = visit(user)
    seen.page.context.clear_cookies()
    seen.goto("/executions/")
    seen.page.get_by_label("Name").fill("olga")
    seen.page.get_by_label("Password").fill(factories.PASSWORD)
    seen.page.get_by_role("button", name="Sign in").click()
    seen.page.get_by_text("Nothing has run yet.").wait_for()
    seen.page.get_by_role("button", name="Sign out").click()
    seen.page.get_by_role("heading", name="Sign in").wait_for()
    seen.is_clean()


def test_a_run_is_followed_without_disturbing_what_a_person_types(visit: Callable[..., Visit]) -> None:
    user = factories.olga()
    execution, run = a_running_execution(user)
    seen = visit(user)
    seen.goto(f"/executions/{execution.pk}/")
    seen.page.locator("#cancel > summary").click()
    reason = seen.page.locator("#cancel input[name=reason]")
    reason.fill("wrong host")
    factories.output(run, "\x1b[32mthe first line\x1b[0m\n")
    seen.page.locator(".log .a-fg2", has_text="the first line").wait_for()
    factories.output(run, "the second line\n")
    seen.page.locator(".log", has_text="the second line").wait_for()
    assert reason.input_value() == "wrong host"
    assert seen.page.evaluate("document.activeElement.name") == "reason"
    StepRun.objects.filter(pk=run.pk).update(status="succeeded", finished_at=run.started_at)
    Execution.objects.filter(pk=execution.pk).update(
        status="succeeded", finished_at=run.started_at, open_runs=0, succeeded_runs=1
    )
    seen.page.get_by_text("This run is over").wait_for()
    assert seen.page.locator("#head .state").inner_text() == "succeeded"
    assert seen.page.locator("#poll[hx-get]").count() == 0
    assert seen.page.locator("#cancel").count() == 0
    seen.is_clean()


def test_the_page_says_so_when_the_server_no_longer_answers(visit: Callable[..., Visit]) -> None:
    user = factories.olga()
    execution, _ = a_running_execution(user)
    seen = visit(user)
    seen.goto(f"/executions/{execution.pk}/")
    seen.page.context.set_offline(True)
    seen.page.get_by_text("No answer from the server.").wait_for()
    seen.page.context.set_offline(False)
    seen.page.get_by_text("Live: looks for news").wait_for()


@pytest.mark.parametrize("width", [1280, 360])
def test_hostile_output_and_names_stay_text(visit: Callable[..., Visit], width: int) -> None:
    user = factories.olga()
    hostile = "".join(HOSTILE)
    execution = factories.an_execution(
        user, name=hostile[:200], status="needs_attention", status_reason=hostile[:500]
    )
    asset = factories.an_asset(hostile[:150])
    step = factories.a_step(execution, "step", name=hostile[:200])
    run = factories.a_step_run(step, asset, status="interrupted", detail=hostile)
    factories.output(run, *(f"{text}\n" for text in HOSTILE))
    factories.output(run, *HOSTILE, stream="stderr")
    factories.an_event(execution, step_run=run, actor=hostile[:150], data={"reason": hostile})
    factories.a_dead_letter(run, reason=hostile)
    factories.an_approval(execution, comment=hostile)
    seen = visit(user, viewport={"width": width, "height": 800})
    for path in (
        f"/executions/{execution.pk}/",
        f"/executions/{execution.pk}/events/",
        f"/executions/{execution.pk}/plan/",
        "/executions/",
        "/approvals/",
        "/dead-letters/",
    ):
        seen.goto(path)
        made = seen.page.locator("main script, main img, main iframe, main [onerror], main [onload], main b")
        assert made.count() == 0, path
        assert seen.page.title() != "pwned", path
        assert seen.page.locator("a[href*=evil], form[action*=evil], [hx-get*=evil]").count() == 0, path
        assert not seen.page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
    seen.goto(f"/executions/{execution.pk}/")
    text = seen.page.locator(".log").inner_text()
    assert "<script>document.title" in text
    assert "U+202E" in text
    assert not set(text) & set("\x1b\x9b\u202e\u2066")
    seen.is_clean()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_free_of_console_errors_and_fits_a_phone(
    visit: Callable[..., Visit], scheme: str
) -> None:
    user = factories.olga(is_staff=True)
    execution, run = a_running_execution(user)
    factories.output(run, "hello\n" * 50)
    seen = visit(user, color_scheme=scheme, viewport={"width": 360, "height": 740})
    for path in (
        "/executions/",
        "/executions/new/",
        f"/executions/{execution.pk}/",
        "/approvals/",
        "/dead-letters/",
    ):
        seen.goto(path)
        assert not seen.page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
    for path in (
        "/admin/",
        "/admin/executions/execution/",
        f"/admin/executions/execution/{execution.pk}/change/",
    ):
        seen.goto(path)
    seen.is_clean()


def test_the_keyboard_alone_gets_to_the_cancel_button(visit: Callable[..., Visit]) -> None:
    user = factories.olga()
    execution, _ = a_running_execution(user)
    seen = visit(user)
    seen.goto(f"/executions/{execution.pk}/")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    seen.page.keyboard.press("Enter")
    for _ in range(12):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement.closest('#cancel') !== null"):
            break
    seen.page.keyboard.press("Enter")
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.type("wrong host")
    seen.page.keyboard.press("Enter")
    seen.page.get_by_text("Cancel was asked. What has not begun").wait_for()
    seen.is_clean()
