"""The page of a run says what RBAC was asked about it; the preview says beforehand what it would answer."""

import json
from typing import Any

import pytest
from django.test import Client

from safety.choices import Role
from safety.models import AccessDecision, Membership
from tests import factories
from tests.world import World, script

pytestmark = pytest.mark.usefixtures("live_db")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_page_of_a_run_shows_who_was_allowed_or_refused_what_and_why() -> None:
    user = factories.olga()
    execution, asset = factories.an_execution(user), factories.an_asset("web-01")
    asked = {"tenant_id": execution.tenant_id, "actor_id": user.pk, "execution_id": execution.pk}
    for allowed, reason in ((True, ""), (False, "the membership has ended")):
        AccessDecision.objects.create(
            **asked,
            question="run:modify",
            environment="prod",
            asset_id=asset.pk,
            allowed=allowed,
            reason=reason,
        )
    ada = factories.a_person("ada", Role.AUDITOR)
    page = signed_in(ada).get(f"/executions/{execution.pk}/").content.decode()
    told = page.partition('id="decisions"')[2].partition("</section>")[0]
    assert told.index("refused") < told.index("allowed")
    for word in ("run:modify in prod", "web-01", "olga", "the membership has ended"):
        assert word in told


def test_nothing_of_another_tenant_is_among_them() -> None:
    user, nina = factories.olga(), factories.nina()
    execution = factories.an_execution(user)
    foreign = factories.an_asset("host-of-other", tenant=factories.a_tenant("other"))
    ours = {"tenant_id": execution.tenant_id, "actor_id": user.pk, "asset_id": foreign.pk}
    theirs = {"tenant_id": foreign.tenant_id, "actor_id": nina.pk, "reason": "of another tenant"}
    for values in (ours, theirs):
        AccessDecision.objects.create(
            execution_id=execution.pk, question="run:read", environment="dev", allowed=False, **values
        )
    page = signed_in(user).get(f"/executions/{execution.pk}/").content.decode()
    assert "run:read" in page
    assert "host-of-other" not in page
    assert "of another tenant" not in page


def test_the_preview_says_which_right_is_missing_before_anything_is_stored() -> None:
    world = World.make()
    world.here("live-1", environment="prod")
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    plan = {"version": 1, "name": "p", "steps": [script("true", target="live-1")]}
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan)}
    page = signed_in(world.olga).post("/executions/new/preview/", form).content.decode()
    assert "You may not run this: the role operator is limited to dev, this is prod." in page
    assert not AccessDecision.objects.exists()
