"""A tenant's own row of the timeout policy wins, tightens only, and is on record with what it limited."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from executions.models import Execution
from safety.choices import ActionClass, SlaClass
from safety.models import Tenant, TimeoutPolicy
from safety.timeouts import policy_for
from tests import factories
from tests.world import World, wait_step

pytestmark = pytest.mark.usefixtures("live_db")

LONG_DEPLOY = {"step_s": 300, "execution_s": 1800, "lease_s": 2160, "approval_s": 7200, "attempts": 3}
TIGHT = {"step_s": 60, "execution_s": 600, "lease_s": 700, "approval_s": 900, "attempts": 2}


def own_row(slug: str = "acme", **more: Any) -> TimeoutPolicy:
    cell = {"sla": "long", "action_class": "deploy", "tenant": factories.a_tenant(slug)}
    return TimeoutPolicy.objects.create(**cell | TIGHT | more)


def deploys_of(slug: str) -> Any:
    return policy_for(SlaClass.LONG, ActionClass.DEPLOY, factories.a_tenant(slug).pk)


def address(page: str, *arguments: Any) -> str:
    return reverse(f"admin:safety_timeoutpolicy_{page}", args=arguments)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def nina() -> Client:
    """Admin of the tenant `other`."""
    return signed_in(factories.nina(is_staff=True))


@pytest.fixture
def root() -> Client:
    return signed_in(User.objects.create_superuser("root"))


def form(slug: str = "other", **more: Any) -> dict[str, Any]:
    return {"tenant": factories.a_tenant(slug).pk, "sla": "long", "action_class": "deploy", **TIGHT, **more}


def test_a_tenants_own_row_wins_for_it_alone_and_is_named_so() -> None:
    own_row("acme")
    assert (deploys_of("acme").name, deploys_of("acme").step_s) == ("long/deploy (acme)", 60)
    assert (deploys_of("other").name, deploys_of("other").step_s) == ("long/deploy", 300)


def test_a_row_that_has_become_looser_than_the_platforms_counts_as_the_platforms() -> None:
    own_row("acme", step_s=250, execution_s=1700)
    with transaction.atomic():
        TimeoutPolicy.objects.filter(tenant=None, sla="long", action_class="deploy").update(
            step_s=100, execution_s=500
        )
        held = deploys_of("acme")
        assert (held.step_s, held.execution_s, held.approval_s) == (100, 500, 900)
        TimeoutPolicy.objects.filter(tenant__slug="acme").update(may_exceed=True)
        assert (deploys_of("acme").step_s, deploys_of("acme").execution_s) == (250, 1700)
        transaction.set_rollback(True)


def test_the_policy_of_a_submission_costs_one_statement() -> None:
    own_row("acme")
    tenant = factories.a_tenant("acme").pk
    with CaptureQueriesContext(connection) as seen:
        policy_for(SlaClass.LONG, ActionClass.DEPLOY, tenant)
    assert len(seen) == 0  # none of Django's: a prepared statement beside it
    assert policy_for(SlaClass.LONG, ActionClass.DEPLOY, tenant).attempts == 2


def test_an_execution_keeps_the_limits_it_was_submitted_with(world: World) -> None:
    TimeoutPolicy.objects.create(
        tenant=world.acme,
        sla="fast",
        action_class="read",
        step_s=2,
        execution_s=4,
        lease_s=5,
        approval_s=60,
        attempts=1,
    )
    submitted = world.submit(wait_step())
    TimeoutPolicy.objects.filter(tenant=world.acme).delete()
    execution = Execution.objects.get(pk=submitted.execution_id)
    # A wait step's own second is no part of the policy's limit for work.
    assert (execution.policy, execution.step_limit_s, execution.limit_s) == ("fast/read (acme)", 2, 5)


def test_there_is_one_row_for_a_cell_and_a_tenant_and_one_for_everybody() -> None:
    own_row("acme")
    for tenant in (factories.a_tenant("acme"), None):
        with pytest.raises(IntegrityError), transaction.atomic():
            TimeoutPolicy.objects.create(tenant=tenant, sla="long", action_class="deploy", **LONG_DEPLOY)


def test_a_tenant_admin_tightens_their_own_tenant_and_no_other(nina: Client) -> None:
    acme = own_row("acme")
    assert nina.post(address("add"), form("acme")).status_code == 200  # not among the choices
    assert nina.post(address("add"), form(tenant="")).status_code == 200  # nobody adds one for everybody
    assert nina.post(address("add"), form()).status_code == 302
    mine = TimeoutPolicy.objects.get(tenant__slug="other")
    assert nina.post(address("change", mine.pk), TIGHT | {"step_s": 50}).status_code == 302
    mine.refresh_from_db()
    assert mine.step_s == 50
    assert nina.post(address("change", acme.pk), TIGHT | {"step_s": 1}).status_code == 302  # not there
    acme.refresh_from_db()
    assert acme.step_s == 60
    assert "Acme" not in nina.get(address("changelist")).content.decode()
    assert nina.post(address("delete", mine.pk), {"post": "yes"}).status_code == 302
    assert not TimeoutPolicy.objects.filter(tenant__slug="other").exists()


def test_a_tenant_admin_is_told_how_far_they_may_go(nina: Client) -> None:
    page = nina.post(address("add"), form(step_s=301, execution_s=1900)).content.decode()
    assert (
        "Must be at most 300, the platform&#x27;s limit for long/deploy; a superuser can allow more." in page
    )
    assert "Must be at most 1800" in page
    page = nina.post(address("add"), form(step_s=60, execution_s=30)).content.decode()
    assert "Must be no less than the limit of a step." in page
    # The box that lets a row exceed is not theirs to tick.
    assert nina.post(address("add"), form(step_s=301, may_exceed="on")).status_code == 200
    assert not TimeoutPolicy.objects.exclude(tenant=None).exists()


def test_only_a_superuser_lets_a_tenant_exceed_the_platforms_limits(nina: Client, root: Client) -> None:
    looser = form(step_s=900, execution_s=3600, may_exceed="on")
    assert root.post(address("add"), looser).status_code == 302
    row = TimeoutPolicy.objects.get(tenant__slug="other")
    assert (deploys_of("other").step_s, deploys_of("other").execution_s) == (900, 3600)
    assert nina.post(address("change", row.pk), TIGHT).status_code == 403
    assert nina.get(address("change", row.pk)).status_code == 200


def test_nobody_removes_a_row_of_the_platform(root: Client, nina: Client) -> None:
    row = TimeoutPolicy.objects.get(tenant=None, sla="long", action_class="deploy")
    assert root.post(address("delete", row.pk), {"post": "yes"}).status_code == 403
    assert nina.post(address("change", row.pk), TIGHT).status_code == 403
    assert "may_exceed" not in root.get(address("change", row.pk)).context["adminform"].form.fields


def test_the_list_says_whose_each_row_is(nina: Client, root: Client) -> None:
    own_row("other")
    page = nina.get(address("changelist")).content.decode()
    assert "platform default" in page
    assert "Other&#x27;s own" in page
    own_row("acme", may_exceed=True)
    assert "Acme&#x27;s own (may exceed)" in root.get(address("changelist")).content.decode()
    tenant = Tenant.objects.get(slug="acme")
    assert len(root.get(address("changelist"), {"whose": tenant.pk}).context["cl"].result_list) == 1
    assert len(root.get(address("changelist"), {"whose": "platform"}).context["cl"].result_list) == 9
    assert len(nina.get(address("changelist"), {"whose": tenant.pk}).context["cl"].result_list) == 10
