"""What an admin of one environment cannot do to another: free its leases, loosen its guards, vouch for its plans."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executions import releasing, reservations, submission
from executions.errors import NotAllowed
from executions.models import Asset, Event, Execution
from safety.choices import Role
from safety.models import AccessDecision, Lease, MaskingRule, Membership, Reservation, TimeoutPolicy
from safety.models.policy import LIMITS
from tests import factories
from tests.commands import manage
from tests.world import script

pytestmark = pytest.mark.usefixtures("live_db")

ALL_OF_IT = "You administer this tenant, but not without limits, and this holds in all of it."


@pytest.fixture
def dev() -> User:
    """An admin of Acme, for dev only."""
    return an_admin("dev", environments=["dev"])


def an_admin(name: str, **limits: Any) -> User:
    user = factories.a_person(name, is_staff=True)
    Membership.objects.create(tenant=factories.a_tenant(), user=user, role=Role.TENANT_ADMIN, **limits)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def held(environment: str, *touches: str, **more: Any) -> tuple[Asset, Execution, Lease]:
    """An asset of this environment, held by a run that touches all these."""
    asset = factories.an_asset(environment=environment)
    run = factories.an_execution(
        factories.olga(), status="running", touches=list(touches), started_at=timezone.now()
    )
    factories.a_step_run(factories.a_step(run), asset, status="interrupted" if more else "running")
    return asset, run, factories.a_lease(run, asset, **more)


def untouched(run: Execution) -> bool:
    run.refresh_from_db()
    return Lease.objects.exists() and run.cancel_requested_at is None


def test_an_admin_of_dev_takes_nothing_away_from_a_run_in_prod(dev: User) -> None:
    asset, run, lease = held("prod", "prod:deploy")
    page = {"reason": "x", "force": "yes"}
    assert signed_in(dev).post(f"/assets/{asset.pk}/release/{run.pk}/", page).status_code == 403
    ticked = {"action": "force_release", "_selected_action": [lease.pk], "confirmed": "1", "reason": "x"}
    asked = ticked | {f"seen-{lease.pk}": str(lease.token)}
    assert signed_in(dev).post(reverse("admin:safety_lease_changelist"), asked).status_code == 302
    command = ("locks", "release", "--asset", asset.name, "--reason", "x", "--force", "--as", "dev")
    assert "limited to dev, this is prod" in manage(*command).err
    assert untouched(run)
    refused = Event.objects.filter(type="rbac.violation", execution_id=run.pk)
    assert {event.data["environment"] for event in refused} == {"prod"}
    assert signed_in(an_admin("all")).post(reverse("admin:safety_lease_changelist"), asked).status_code == 302
    assert not untouched(run)


def test_force_on_an_asset_in_dev_needs_the_right_to_all_that_its_holder_touches(dev: User) -> None:
    asset, run, _ = held("dev", "dev:modify", "prod:deploy")
    page = {"reason": "x", "force": "yes"}
    signed_in(dev).post(f"/assets/{asset.pk}/release/{run.pk}/", page)
    with pytest.raises(NotAllowed, match="tenant admin"):
        releasing.release_lease(asset.pk, user=dev, reason="x", force=True)
    assert untouched(run)
    Execution.objects.update(touches=["dev:modify"])
    releasing.release_lease(asset.pk, user=dev, reason="x", force=True)
    assert not untouched(run)


def test_what_was_kept_for_review_is_released_by_an_admin_of_its_environment(dev: User) -> None:
    asset, _, _ = held("prod", "dev:modify", "prod:deploy", under_review=True)
    with pytest.raises(NotAllowed) as refused:
        releasing.release_lease(asset.pk, user=dev, reason="x")
    assert "limited to dev, this is prod" in refused.value.hint
    Asset.objects.update(environment="dev")
    releasing.release_lease(asset.pk, user=dev, reason="I looked")
    assert not Lease.objects.exists()


def test_an_admin_of_dev_neither_reserves_an_asset_in_prod_nor_ends_its_reservation(dev: User) -> None:
    asset = factories.an_asset(environment="prod")
    with pytest.raises(NotAllowed):
        reservations.reserve(asset.pk, user=dev, reason="mine", lasts_s=60)
    factories.a_reservation(asset, factories.olga())
    with pytest.raises(NotAllowed):
        reservations.end_reservation(asset.pk, user=dev)
    assert Reservation.objects.standing().count() == 1


def test_guards_of_the_whole_tenant_are_written_only_by_an_admin_without_limits(dev: User) -> None:
    acme = factories.a_tenant().pk
    platform = TimeoutPolicy.objects.get(tenant=None, sla="long", action_class="deploy")
    limits = {name: getattr(platform, name) for name in LIMITS}
    rows: dict[str, dict[str, Any]] = {
        "maskingrule": {"tenant": acme, "kind": "customer", "pattern": r"CUST-\d{6}", "is_active": "on"},
        "timeoutpolicy": {"tenant": acme, "sla": "long", "action_class": "deploy"} | limits,
        "approvalpolicy": {
            "tenant": acme,
            "environment": "dev",
            "action_class": "read",
            "level": 1,
            "quorum": 1,
        },
        "resource": {"tenant": acme, "name": "pool", "capacity": 3},
    }
    for model, row in rows.items():
        page = signed_in(dev).post(reverse(f"admin:safety_{model}_add"), row)
        assert ALL_OF_IT in page.content.decode(), model
    everywhere = signed_in(an_admin("all"))
    for model, row in rows.items():
        assert everywhere.post(reverse(f"admin:safety_{model}_add"), row).status_code == 302, model


def test_an_admin_of_dev_neither_changes_nor_removes_a_guard_of_the_tenant(dev: User) -> None:
    rule = MaskingRule.objects.create(tenant=factories.a_tenant(), kind="customer", pattern=r"CUST-\d{6}")
    pool = factories.a_resource(capacity=3)
    client = signed_in(dev)
    changed = {"kind": "customer", "pattern": "x{9}", "is_active": ""}
    for act, data in (("change", changed), ("delete", {"post": "yes"})):
        url = reverse(f"admin:safety_maskingrule_{act}", args=[rule.pk])
        assert client.post(url, data).status_code == 403
    listed = {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"}
    client.post(reverse("admin:safety_maskingrule_changelist"), listed)
    url = reverse("admin:safety_resource_change", args=[pool.pk])
    assert client.post(url, {"capacity": 1, "description": ""}).status_code == 403
    pool.refresh_from_db()
    assert (pool.capacity, MaskingRule.objects.get().pattern) == (3, r"CUST-\d{6}")


def test_what_looks_like_a_secret_is_let_through_only_with_the_right_wherever_the_plan_touches(
    dev: User,
) -> None:
    acme = factories.a_tenant()
    Membership.objects.create(tenant=acme, user=dev, role=Role.OPERATOR)
    for environment in ("dev", "prod"):
        factories.an_asset(f"{environment}-db", environment=environment)
    step = script("echo sk7Qw2Xz9Rt4Lm8Vb3Nc6Hj1Pd5")

    def submit(user: User, *targets: str) -> submission.Submitted:
        plan = {"version": 1, "name": "p", "mode": "background", "targets": list(targets), "steps": [step]}
        return submission.submit(plan, user=user, tenant=acme, confirmed=True, allow_likely_secret="sample")

    with pytest.raises(NotAllowed) as refused:
        submit(dev, "dev-db", "prod-db")
    assert "limited to dev, this is prod" in refused.value.hint
    assert not Execution.objects.exists()
    submit(dev, "dev-db")
    both = submit(an_admin("all"), "dev-db", "prod-db").execution_id
    asked = AccessDecision.objects.filter(question="safety.override_secret_check", execution_id=both)
    assert set(asked.values_list("environment", "allowed")) == {("dev", True), ("prod", True)}


def test_a_membership_outlives_the_right_of_nobody_who_gives_it() -> None:
    acme, now = factories.a_tenant(), timezone.now()
    client = signed_in(an_admin("temp", ends_at=now + timedelta(hours=1)))
    friend = factories.a_person("friend")
    row = {"tenant": acme.pk, "user": "friend", "role": "tenant_admin", "reason": "x"}
    add = reverse("admin:safety_membership_add")

    def until(moment: Any) -> dict[str, Any]:
        day, hour = (moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S")) if moment else ("", "")
        return row | {"ends_at_0": day, "ends_at_1": hour}

    for moment in (None, now + timedelta(hours=2)):
        said = client.post(add, until(moment)).content.decode()
        assert "Your own right to give it ends before that." in said
    assert client.post(add, until(now + timedelta(minutes=30))).status_code == 302
    made = Membership.objects.get(user=friend)
    longer = client.post(reverse("admin:safety_membership_change", args=[made.pk]), until(None))
    assert longer.status_code == 200
    made.refresh_from_db()
    assert made.ends_at is not None
    Membership.objects.filter(pk=made.pk).update(ends_at=None)
    gone = client.post(reverse("admin:safety_membership_delete", args=[made.pk]), {"post": "yes"})
    assert (gone.status_code, Membership.objects.filter(user=friend).exists()) == (302, False)
