"""Linked identities in the admin: superusers link and unlink, on record; nobody edits one in place."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from safety.choices import Role
from safety.signin.models import ExternalIdentity, SignInRecord
from tests import factories
from tests.integration.test_admin_actions import ask, say_yes, staff

pytestmark = pytest.mark.usefixtures("live_db")
PAGE = "/admin/signin/externalidentity/"
ISSUER = "https://provider.example"


@pytest.fixture
def root() -> Client:
    return staff(User.objects.create_superuser("root"))


def identity(user: User, subject: str = "s1") -> ExternalIdentity:
    return ExternalIdentity.objects.create(user=user, issuer=ISSUER, subject=subject)


def test_a_superuser_links_an_account_on_record(root: Client) -> None:
    olga = factories.olga()
    answer = root.post(f"{PAGE}add/", {"user": "olga", "issuer": ISSUER, "subject": "s1"}, follow=True)
    assert "was added successfully" in answer.content.decode()
    made = ExternalIdentity.objects.get()
    assert (made.user, made.issuer, made.subject) == (olga, ISSUER, "s1")
    kept = SignInRecord.objects.get(what="linked")
    assert (kept.name, kept.detail, kept.by_id) == (
        "olga",
        f"s1 of {ISSUER}",
        User.objects.get(username="root").pk,
    )
    for text in ("olga", "s1", "provider.example"):
        assert "s1" in root.get(PAGE, {"q": text}).content.decode()
    assert "No external identities" not in root.get(PAGE, {"q": "olga"}).content.decode()
    assert ">s1<" not in root.get(PAGE, {"q": "nobody"}).content.decode()


def test_no_identity_has_two_accounts_and_no_account_two_of_one_issuer(root: Client) -> None:
    identity(factories.olga())
    factories.tom()
    for wrong in (
        {"user": "tom", "subject": "s1"},
        {"user": "olga", "subject": "s2"},
        {"user": "lost", "subject": "s3"},
    ):
        answer = root.post(f"{PAGE}add/", wrong | {"issuer": ISSUER})
        assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
    assert ExternalIdentity.objects.count() == 1
    assert not SignInRecord.objects.exists()


def test_unlinking_asks_why_is_on_record_and_ends_the_sessions(root: Client) -> None:
    olga = factories.olga()
    mine = Client()
    mine.force_login(olga)
    assert mine.get("/executions/").status_code == 200
    say_yes(root, PAGE, ask(root, PAGE, "unlink", identity(olga).pk))
    assert not ExternalIdentity.objects.exists()
    kept = SignInRecord.objects.get(what="unlinked")
    assert (kept.name, f"(s1 of {ISSUER})" in kept.detail) == ("olga", True)
    assert mine.get("/executions/").status_code == 302


def test_nothing_is_edited_in_place_or_removed_without_a_record(root: Client) -> None:
    found = identity(factories.olga())
    assert root.get(f"{PAGE}{found.pk}/change/").status_code == 200
    answer = root.post(f"{PAGE}{found.pk}/change/", {"user": "olga", "issuer": ISSUER, "subject": "s9"})
    assert answer.status_code == 403
    assert root.post(f"{PAGE}{found.pk}/delete/", {"post": "yes"}).status_code == 403
    found.refresh_from_db()
    assert found.subject == "s1"


def test_nobody_else_sees_or_links_any(root: Client) -> None:
    found = identity(factories.olga())
    ann = staff(factories.a_person("ann", Role.TENANT_ADMIN))
    record = SignInRecord.objects.create(user_id=1, name="olga", what="refused")
    there = (
        PAGE,
        f"{PAGE}add/",
        f"{PAGE}{found.pk}/change/",
        f"/admin/signin/signinrecord/{record.pk}/change/",
    )
    assert {ann.get(address).status_code for address in there} == {403}
    ann.post(f"{PAGE}add/", {"user": "ann", "issuer": ISSUER, "subject": "s2"})
    ann.post(PAGE, {"action": "unlink", "_selected_action": found.pk, "confirmed": "1", "reason": "x"})
    assert ExternalIdentity.objects.count() == 1
