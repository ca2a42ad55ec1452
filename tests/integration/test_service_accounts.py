"""A service account signs in nowhere, acts in its own tenant, approves nothing, and somebody answers for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse

from executions import api_tokens, approvals, authority, glass, service_accounts
from executions.api_tokens import Wanted
from executions.errors import NotAllowed, Refused
from executions.fresh import BY_COMMAND
from executions.models import Event, Execution
from executions.submission import submit
from executions.web import one_time
from safety.choices import Role
from safety.granting import may_grant
from safety.models import Membership, TenantRole
from safety.signin import entering, identities
from safety.signin.identities import NoAccount
from safety.signin.models import ExternalIdentity, SignInRecord
from safety.signin.provider import Said
from safety.tokens import door
from safety.tokens.door import TurnedAway
from safety.tokens.models import ServiceAccount
from tests import factories
from tests.factories import PASSWORD
from tests.integration.test_api_tokens import expired
from tests.world import World, runs_of, script, states_of, work_off

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def lead(live_db: None) -> Iterator[User]:
    """Administers Acme without limits, and may run nothing there."""
    TenantRole.objects.create(
        name="lead", permissions=["executions.view_execution", "safety.administer_tenant"]
    )
    yield factories.a_person("lead", "lead")
    Membership.objects.filter(role="lead").delete()
    TenantRole.objects.filter(name="lead").delete()


def robot_of(owner: User, role: Role | str = Role.OPERATOR) -> User:
    return factories.a_service_account(owner, role).user


def test_a_password_that_somebody_gave_it_opens_nothing() -> None:
    robot = robot_of(factories.olga())
    robot.set_password(PASSWORD)
    robot.save()
    answer = Client().post("/sign-in/", {"username": "robot", "password": PASSWORD})
    assert answer.status_code == 200
    assert "_auth_user_id" not in answer.client.session
    assert "service account" in SignInRecord.objects.get().detail


def test_a_one_time_link_is_not_printed_and_opens_nothing() -> None:
    olga = factories.olga()
    robot = factories.a_person("robot")
    link = reverse("once", args=[one_time.issue(robot)])
    ServiceAccount.objects.create(user=robot, tenant=factories.a_tenant(), owner=olga, purpose="x")
    answer = Client().post(link)
    assert answer.status_code == 410
    assert "_auth_user_id" not in answer.client.session
    with pytest.raises(SystemExit):
        call_command("sign_in_link", "robot")


def test_no_identity_is_linked_to_it_and_one_that_was_opens_nothing(settings: Any) -> None:
    settings.OIDC = django_settings.OIDC | {"ISSUER": "https://id.example", "EMAIL_DOMAINS": []}
    olga, root = factories.olga(), factories.a_person("root", is_superuser=True)
    robot = robot_of(olga)
    with pytest.raises(NoAccount, match="service account"):
        identities.link(robot, "42", by=root)
    with pytest.raises(SystemExit):
        call_command("link_identity", "robot", "42", user="root")
    assert not ExternalIdentity.objects.exists()
    ExternalIdentity.objects.create(user=robot, issuer="https://id.example", subject="42")
    said = Said(
        issuer="https://id.example",
        subject="42",
        name="robot",
        email="",
        is_email_verified=False,
        auth_time=0.0,
    )
    with pytest.raises(NoAccount, match="service account"):
        identities.user_of(said, address=None)


def test_no_session_begins_whichever_door_let_it_come_so_far() -> None:
    request = RequestFactory().post("/")
    with pytest.raises(PermissionDenied):
        entering.enter(request, robot_of(factories.olga()), "magic")


@pytest.mark.parametrize("permission", ["executions.approve_execution", "executions.break_glass"])
def test_what_takes_a_person_is_not_its_own_whatever_its_role_holds(lead: User, permission: str) -> None:
    TenantRole.objects.filter(name="lead").update(permissions=["executions.view_execution", permission])
    robot = robot_of(factories.olga(), "lead")
    assert lead.has_perm(permission, factories.a_tenant())
    assert robot.has_perm("executions.view_execution", factories.a_tenant())
    assert not robot.has_perm(permission, factories.a_tenant())


def test_whoever_stands_behind_it_reviews_no_glass_that_was_broken_for_it() -> None:
    ada = factories.a_person("ada", Role.APPROVER)
    robot = robot_of(ada)
    execution = factories.an_execution(robot, answers_for_it=ada, approval_level=2)
    assert "you asked for the run" in glass.may_review(execution, ada)
    assert glass.may_review(execution, factories.tom()) == ""


def test_it_acts_in_its_own_tenant_only() -> None:
    robot = robot_of(factories.olga(), Role.TENANT_ADMIN)
    other = factories.a_tenant("other")
    Membership.objects.create(user=robot, tenant=other, role=Role.TENANT_ADMIN)
    acme = factories.a_tenant()
    assert robot.has_perm("executions.submit_execution", acme)
    assert not robot.has_perm("executions.submit_execution", other)
    with pytest.raises(NotAllowed, match="its own tenant only"):
        submit(_plan(), user=robot, tenant=other)


def test_nobody_gives_it_a_membership_elsewhere_nor_one_to_their_own(lead: User) -> None:
    boss = factories.a_person("boss", Role.TENANT_ADMIN)
    robot, acme = robot_of(boss, ""), factories.a_tenant()
    root = factories.a_person("root", is_superuser=True)
    here = Membership(user=robot, tenant=acme, role=Role.VIEWER)
    there = Membership(user=robot, tenant=factories.a_tenant("other"), role=Role.VIEWER)
    assert "own service account" in may_grant(boss, here)
    assert "own tenant" in may_grant(root, there)
    assert may_grant(root, here) == may_grant(factories.a_person("peer", Role.TENANT_ADMIN), here) == ""
    too_much = Membership(user=robot, tenant=acme, role=Role.OPERATOR)
    assert "You cannot grant what you lack" in may_grant(lead, too_much)


def test_without_somebody_who_answers_for_it_it_does_nothing() -> None:
    olga = factories.olga()
    robot, acme = robot_of(olga), factories.a_tenant()
    assert robot.has_perm("executions.submit_execution", acme)
    Membership.objects.filter(user=olga).delete()
    assert not robot.has_perm("executions.submit_execution", acme)
    Membership.objects.create(user=olga, tenant=acme, role=Role.VIEWER)
    assert robot.has_perm("executions.submit_execution", acme)
    User.objects.filter(pk=olga.pk).update(is_active=False)
    with pytest.raises(NotAllowed, match="nobody of the tenant answers"):
        submit(_plan(), user=robot, tenant=acme)


def test_only_an_admin_makes_one_and_a_person_of_the_tenant_owns_it() -> None:
    acme, olga, nina = factories.a_tenant(), factories.olga(), factories.nina()
    boss = factories.a_person("boss", Role.TENANT_ADMIN)
    for by in (olga, nina):
        with pytest.raises(NotAllowed):
            service_accounts.create("robot", tenant=acme, owner=olga, purpose="deploys", by=by)
    for owner in (nina, robot_of(olga)):
        with pytest.raises(Refused, match="Its owner is a person"):
            service_accounts.create("robot2", tenant=acme, owner=owner, purpose="deploys", by=boss)
    for name in ("olga", "two words"):
        with pytest.raises(Refused):
            service_accounts.create(name, tenant=acme, owner=olga, purpose="deploys", by=boss)
    made = service_accounts.create("deployer", tenant=acme, owner=olga, purpose="deploys", by=boss)
    assert not made.user.has_usable_password()
    assert not Membership.objects.filter(user=made.user).exists()
    told = Event.objects.get(type="service_account.created")
    assert (told.actor, told.data["owner"], told.tenant_id) == ("boss", "olga", acme.pk)


def test_nobody_takes_one_over_that_may_more_than_they_do(lead: User) -> None:
    account = factories.a_service_account(factories.olga(), Role.OPERATOR)
    with pytest.raises(NotAllowed, match="You cannot hand over"):
        service_accounts.change(account, owner=lead, purpose="mine now", by=lead)
    Membership.objects.create(user=lead, tenant=account.tenant, role=Role.OPERATOR)
    service_accounts.change(account, owner=lead, purpose="mine now", by=lead)
    assert ServiceAccount.objects.get().owner == lead


def test_what_the_owner_before_knows_opens_nothing_for_the_next() -> None:
    olga, tom = factories.olga(), factories.tom()
    boss = factories.a_person("boss", Role.TENANT_ADMIN)
    account = factories.a_service_account(olga, Role.REQUESTER)
    _, value = factories.a_token(account.user)
    service_accounts.change(account, owner=olga, purpose="something else", by=boss)
    assert door.enter(value, address=None)
    service_accounts.change(account, owner=tom, purpose="something else", by=boss)
    with pytest.raises(TurnedAway, match="revoked"):
        door.enter(value, address=None)
    assert Event.objects.filter(type="token.revoked", actor="boss").count() == 1


def test_only_its_owner_makes_tokens_for_it() -> None:
    olga, tom = factories.olga(), factories.tom()
    account = factories.a_service_account(olga, Role.REQUESTER)
    wanted = Wanted(name="ci", tenant=account.tenant, scopes=["submit"], days=1)
    with pytest.raises(NotAllowed):
        api_tokens.create(wanted, by=tom, account=account, signed_in=BY_COMMAND)
    with pytest.raises(NotAllowed):
        api_tokens.create(wanted, by=account.user, signed_in=BY_COMMAND)
    token, value = api_tokens.create(wanted, by=olga, account=account, signed_in=BY_COMMAND)
    assert door.enter(value, address=None) == account.user == token.user
    assert list(api_tokens.tokens_of(olga)) == [token]
    assert api_tokens.revoke(token.pk, by=olga)


def _waiting(requester: User, **more: Any) -> Execution:
    execution = factories.an_execution(requester, status="pending_approval", approval_level=2, **more)
    factories.an_approval(execution)
    return execution


def test_its_owner_is_no_second_pair_of_eyes_and_neither_is_the_one_before_or_who_made_the_token() -> None:
    ada, ben, cleo, tom = (factories.a_person(name, Role.APPROVER) for name in ("ada", "ben", "cleo", "tom"))
    account = factories.a_service_account(ada, Role.OPERATOR)
    token, _ = factories.a_token(account.user, created_by=cleo)
    execution = _waiting(account.user, api_token=token, answers_for_it=ada)
    ServiceAccount.objects.update(owner=ben)
    for person in (ada, ben, cleo):
        assert "Your service account asked" in authority.may_decide(execution, person)
        with pytest.raises(NotAllowed):
            approvals.approve(
                execution.pk, user=person, approval_hash=execution.approval_hash, signed_in=BY_COMMAND
            )
    assert authority.may_decide(execution, tom) == ""
    approvals.approve(execution.pk, user=tom, approval_hash=execution.approval_hash, signed_in=BY_COMMAND)


@pytest.mark.parametrize("level", [1, 2])
def test_it_approves_for_nobody(level: int) -> None:
    olga = factories.olga()
    robot = robot_of(factories.tom(), Role.APPROVER)
    Membership.objects.create(user=robot, tenant=factories.a_tenant(), role=Role.OPERATOR)
    execution = factories.an_execution(olga, status="pending_approval", approval_level=level)
    assert authority.may_decide(execution, robot) == "A service account approves nothing; a person has to."


def _plan(**more: Any) -> dict[str, Any]:
    steps = [{"id": "wait", "kind": "wait", "with": {"seconds": 0.001}}]
    return {"version": 1, "name": "look", "mode": "background", "steps": steps} | more


def test_what_it_submits_keeps_who_answered_for_it_and_the_token() -> None:
    olga = factories.olga()
    account = factories.a_service_account(olga, Role.OPERATOR)
    token, value = factories.a_token(account.user, created_by=olga)
    submitted = submit(_plan(), user=door.enter(value, address=None), tenant=account.tenant)
    execution = Execution.objects.get(pk=submitted.execution_id)
    assert (execution.requested_by, execution.answers_for_it, execution.api_token) == (
        account.user,
        olga,
        token,
    )
    own = submit(_plan(name="other"), user=olga, tenant=account.tenant)
    execution = Execution.objects.get(pk=own.execution_id)
    assert (execution.answers_for_it, execution.api_token) == (None, None)


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize(("ends", "second"), [("revoked", "failed"), ("expired", "succeeded")])
def test_a_revoked_token_stops_the_next_step_and_one_that_ran_out_does_not(
    world: World, ends: str, second: str
) -> None:
    world.here()
    token, value = factories.a_token(world.olga)
    plan = _plan(targets=["here"], steps=[script("true", "one"), script("true", "two")])
    user = door.enter(value, address=None)
    submitted = submit(plan, user=user, tenant=world.acme, confirmed=True)
    if ends == "revoked":
        api_tokens.revoke(token.pk, by=world.olga)
    else:
        expired(token)
    work_off()
    assert states_of(submitted.execution_id)["two"] == ("skipped" if second == "failed" else second)
    detail = runs_of(submitted.execution_id)[0].detail
    assert ("the API token was revoked" in detail) is (ends == "revoked")
