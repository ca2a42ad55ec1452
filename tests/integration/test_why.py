"""Why somebody can or can't do something: the same answer as the decision, and a word about each membership."""

from datetime import timedelta
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from safety.choices import ActionClass, Environment, Role
from safety.explaining import explain
from safety.models import Membership, TenantRole
from tests import factories
from tests.commands import manage
from tests.world import World


@pytest.fixture
def ada(world: World) -> User:
    """Auditor of Acme."""
    return factories.a_person("ada", Role.AUDITOR, tenant=world.acme)


def test_it_names_each_membership_and_which_one_allows(world: World, ada: User) -> None:
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.VIEWER)
    over = timezone.now() - timedelta(days=1)
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.TENANT_ADMIN, ends_at=over)
    asked = ("why", "olga", "run:deploy", "--as", "ada")
    yes = manage(*asked, "--environment", "dev")
    assert yes.code == 0
    assert "olga may have deploy steps run (Acme, dev, deploy steps)." in yes.out
    assert "olga is operator in Acme, only dev: yes" in yes.out
    assert "olga is viewer in Acme: no, the role viewer does not allow it" in yes.out
    assert "olga is tenant admin in Acme: no, it ended on " in yes.out
    no = manage(*asked, "--environment", "prod", "--json")
    assert (no.code, no.json["allowed"]) == (1, False)
    assert no.json["answers"][0]["reason"] == "the role operator is limited to dev, this is prod"
    assert {each["allows"] for each in no.json["answers"][0]["memberships"]} == {False}


@pytest.mark.parametrize("role", Role.values)
def test_its_words_about_memberships_never_differ_from_the_decision(world: World, role: str) -> None:
    limits = {"environments": ["staging"], "action_classes": ["modify", "read"]}
    Membership.objects.filter(user=world.olga).update(role=role, **limits)
    Membership.objects.create(tenant=world.acme, user=world.olga, role=Role.REQUESTER, environments=["dev"])
    pairs = tuple(product(["", *Environment.values], ["", *ActionClass.values]))
    for question in TenantRole.objects.get(name="tenant_admin").permissions:
        for one in explain(world.olga, world.acme, question, pairs):
            assert one.answer.allowed is any(not each.objection for each in one.verdicts), one


def test_about_an_execution_it_asks_for_all_that_it_touches(world: World) -> None:
    run = factories.an_execution(world.olga, touches=["dev:read", "prod:deploy"], environment="prod")
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    asked = ("why", "olga", "executions.cancel_execution", "--execution", run.pk, "--as", "olga")
    answers = manage(*asked, "--json").json["answers"]
    assert [(one["environment"], one["allowed"]) for one in answers] == [("dev", True), ("prod", False)]
    assert manage(*asked, "--tenant", "acme").code == 2
    other = manage("why", "olga", "run:modify", "--execution", run.pk, "--as", "olga")
    assert (other.code, "no modify step" in other.err) == (2, True)


def test_only_auditors_and_tenant_admins_ask_about_others_and_only_of_their_tenant(
    world: World, ada: User
) -> None:
    asked = ("why", "olga", "view_execution", "--as")
    assert manage(*asked, "tom").code == 2
    assert "about yourself only" in manage(*asked, "tom").err
    assert manage("why", "tom", "view_execution", "--as", "tom").code == 0
    foreign, unknown = manage(*asked, "nina"), manage("why", "nobody", "view_execution", "--as", "nina")
    assert (foreign.code, foreign.err.replace("olga", "nobody")) == (unknown.code, unknown.err)
    assert "does not belong to a tenant 'acme'" in manage(*asked, "nina", "--tenant", "acme").err
    run = factories.an_execution(world.olga)
    assert "There is no execution" in manage(*asked, "nina", "--execution", run.pk).err
    Membership.objects.filter(user=ada).update(role=Role.VIEWER)
    assert manage(*asked, "ada").code == 2


def test_a_question_that_nobody_is_asked_lists_those_there_are(world: World) -> None:
    answer = manage("why", "olga", "fly", "--as", "olga")
    assert (answer.code, "run:deploy" in answer.err) == (2, True)


def test_a_deactivated_account_is_told_as_such(world: World, ada: User) -> None:
    User.objects.filter(pk=world.olga.pk).update(is_active=False)
    answer = manage("why", "olga", "run:read", "--as", "ada")
    assert (answer.code, ": the account is deactivated." in answer.out) == (1, True)


def test_a_superuser_without_membership_asks_about_everybody_and_hears_what_being_one_gives(
    world: World,
) -> None:
    User.objects.create_superuser("root")
    run = factories.an_execution(world.olga, environment="prod", touches=["prod:deploy"])
    assert manage("why", "olga", "run:deploy", "--tenant", "acme", "--as", "root").code == 0
    assert manage("why", "tom", "run:deploy", "--execution", run.pk, "--as", "root").code == 1
    own = manage("why", "root", "cancel_execution", "--execution", run.pk, "--as", "root")
    assert (own.code, "may cancel runs (Acme, prod, deploy steps), as a superuser." in own.out) == (0, True)
    runs = manage("why", "root", "run:deploy", "--execution", run.pk, "--as", "root")
    assert (runs.code, "no membership in this tenant" in runs.out) == (1, True)
    several = manage("why", "olga", "run:deploy", "--as", "root")
    assert (several.code, "Give --tenant, one of: acme, other." in several.err) == (2, True)


def test_it_says_who_could_change_it_but_not_the_person_asked_about(world: World) -> None:
    factories.a_person("ann", Role.TENANT_ADMIN, tenant=world.acme)
    asked = ("why", "ann", "release_lease", "--as", "ann")
    Membership.objects.filter(user__username="ann").update(environments=["dev"])
    told = manage(*asked, "--environment", "prod")
    assert (told.code, "Acme has no other tenant admin" in told.out) == (1, True)
    factories.a_person("ben", Role.TENANT_ADMIN, tenant=world.acme)
    told = manage(*asked, "--environment", "prod", "--json")
    assert told.json["advice"] == [
        "A membership that reaches this far, with one of these roles, allows it: tenant admin.",
        "Tenant admins of Acme give memberships: ben.",
    ]
    assert manage(*asked, "--environment", "dev", "--json").json["advice"] == []


def test_whoever_is_no_longer_a_member_hears_why_but_no_names(world: World) -> None:
    factories.a_person("ben", Role.TENANT_ADMIN, tenant=world.acme)
    Membership.objects.filter(user=world.olga).update(ends_at=timezone.now() - timedelta(days=1))
    told = manage("why", "olga", "view_execution", "--as", "olga")
    assert (told.code, "the membership has ended" in told.out) == (1, True)
    assert "Tenant admins give memberships." in told.out
    assert "ben" not in told.out


def test_nobody_approves_their_own_run_whatever_their_role_holds(world: World) -> None:
    ann = factories.a_person("ann", Role.TENANT_ADMIN, tenant=world.acme)
    run = factories.an_execution(ann, approval_level=2)
    told = manage("why", "ann", "approve_execution", "--execution", run.pk, "--as", "ann")
    assert (told.code, "ann asked for this run, and somebody else has to" in told.out) == (1, True)
    assert manage("why", "tom", "approve_execution", "--execution", run.pk, "--as", "ann").code == 0
