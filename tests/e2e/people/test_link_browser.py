"""A one-time link in a real browser, which says of a form where it comes from."""

from collections.abc import Callable

import pytest

from executions import decision_links
from executions.models import Approval, Execution
from safety.choices import Role
from tests import factories
from tests.e2e.test_pages_browser import Visit, visit  # noqa: F401  a fixture


@pytest.mark.parametrize(("button", "status"), [("Confirm", "approved"), ("Reject for good", "rejected")])
def test_the_link_alone_decides_at_level_1(
    visit: Callable[..., Visit],  # noqa: F811
    button: str,
    status: str,
) -> None:
    olga = factories.olga()
    run = factories.an_execution(olga, status="pending_approval", approval_level=1, touches=["dev:read"])
    factories.an_approval(run)
    address = f"/decide/{decision_links.issue(Execution.objects.get(pk=run.pk), olga)}/"
    seen = visit(factories.a_person("vera", Role.VIEWER))
    seen.page.context.clear_cookies()
    seen.goto(address)
    if status == "rejected":
        seen.page.get_by_label("Reason for rejecting").fill("not now")
    seen.page.get_by_role("button", name=button).click()
    seen.page.wait_for_load_state()
    assert Approval.objects.get().status == status


def test_at_level_2_its_person_signs_in_and_approves(visit: Callable[..., Visit]) -> None:  # noqa: F811
    tom = factories.tom(password=factories.PASSWORD)
    more = {"approval_level": 2, "touches": ["prod:modify"], "environment": "prod"}
    run = factories.an_execution(factories.olga(), status="pending_approval", **more)
    factories.an_approval(run)
    address = f"/decide/{decision_links.issue(Execution.objects.get(pk=run.pk), tom)}/"
    seen = visit(tom)
    seen.page.context.clear_cookies()
    seen.goto(address)
    seen.page.get_by_role("link", name="Sign in to approve").click()
    seen.page.get_by_label("Name").fill("tom")
    seen.page.get_by_label("Password").fill(factories.PASSWORD)
    seen.page.get_by_role("button", name="Sign in").click()
    seen.page.get_by_role("button", name="Approve").click()
    seen.page.wait_for_load_state()
    assert Approval.objects.get().status == "approved"
