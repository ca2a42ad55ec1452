"""The page that says why: the same answer as the command, links that carry the question, and nothing for strangers."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Event
from safety.choices import Role
from safety.models import AccessDecision, Membership
from tests import factories
from tests.world import World

PAGE = "/why/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(asker: Any, person: str, question: str, **more: object) -> tuple[int, str]:
    asked = {"person": person, "question": question, "tenant": "acme"} | more
    answer = signed_in(asker).get(PAGE, asked)
    return answer.status_code, unescape(answer.content.decode())


@pytest.fixture
def ada(world: World) -> User:
    """Auditor of Acme."""
    return factories.a_person("ada", Role.AUDITOR, tenant=world.acme)


def test_everybody_asks_about_themselves_and_nothing_is_recorded(world: World) -> None:
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    before = AccessDecision.objects.count(), Event.objects.count()
    assert "Ask something else" not in signed_in(world.olga).get(PAGE).content.decode()
    status, page = ask(world.olga, "olga", "cancel_execution", environment="prod")
    assert status == 200
    assert "olga may not cancel runs (Acme, prod): the role operator is limited to dev, this is prod." in page
    assert "olga is operator in Acme, only dev" in page
    assert "it is limited to dev, this is prod" in page
    assert "Acme has no other tenant admin, so a superuser gives memberships." in page
    assert (
        "olga may cancel runs (Acme, dev)."
        in ask(world.olga, "olga", "cancel_execution", environment="dev")[1]
    )
    assert (AccessDecision.objects.count(), Event.objects.count()) == before


def test_the_unknown_the_foreign_and_the_one_beside_are_answered_alike(world: World, ada: User) -> None:
    def told(asker: Any, name: str, **more: str) -> tuple[int, str]:
        status, page = ask(asker, name, "view_execution", **more)
        page = re.sub(r'value="[^"]*"|nonce\S+', "", page)
        return status, page.replace(f"'{name}'", "NAME")

    for name in ("nina", "nobody"):
        status, page = told(ada, name)
        assert (status, "Nobody called NAME is or was a member of Acme." in page) == (400, True)
    for name in ("olga", "nina", "nobody"):
        status, page = told(world.tom, name)
        assert (status, "You may ask about yourself only." in page) == (400, True)
    assert told(ada, "nina") == told(ada, "nobody")
    assert told(world.tom, "olga") == told(world.tom, "nobody")
    assert ask(world.nina, "nina", "view_execution")[0] == 400  # Acme is none of the tenants she may choose
    assert "Acme" not in signed_in(world.nina).get(PAGE).content.decode()


def test_a_run_says_where_and_what_and_none_of_another_tenant_is_found(world: World, ada: User) -> None:
    run = factories.an_execution(world.olga, touches=["dev:read", "prod:deploy"], environment="prod")
    Membership.objects.filter(user=world.olga).update(environments=["dev"])
    _, page = ask(ada, "olga", "cancel_execution", execution=run.short_id)
    assert "olga may cancel runs (Acme, dev, read steps)." in page
    assert "olga may not cancel runs (Acme, prod, deploy steps)" in page
    assert "no modify step" in ask(ada, "olga", "run:modify", execution=run.pk)[1]
    assert (
        "says where and what already" in ask(ada, "olga", "run:read", execution=run.pk, environment="dev")[1]
    )
    foreign = factories.an_execution(world.nina, tenant=world.other)
    for text in (foreign.pk, "ffffffff", "no id"):
        assert "There is no run that you may see" in ask(ada, "ada", "view_execution", execution=text)[1]


def test_a_superuser_asks_about_every_tenant_without_being_a_member(world: World) -> None:
    root = User.objects.create_superuser("root")
    assert "olga may submit runs (Acme)." in ask(root, "olga", "submit_execution")[1]
    assert "root may submit runs (Acme), as a superuser." in ask(root, "root", "submit_execution")[1]


def test_a_refused_act_links_to_the_answer(world: World) -> None:
    run = factories.an_execution(world.olga, environment="prod", touches=["prod:read"])
    tom = signed_in(world.tom)
    refused = tom.post(f"/executions/{run.pk}/cancel/", {"reason": "x"})
    (link,) = re.findall(r'href="(/why/[^"]+)"', refused.content.decode())
    page = tom.get(unescape(link)).content.decode()
    assert refused.status_code == 403
    assert "tom may not cancel runs (Acme, prod, read steps): the role approver does not allow it." in page
    lost = signed_in(factories.a_person("lost")).get("/executions/")
    assert (lost.status_code, b"/why/" in lost.content) == (403, False)


def test_a_refused_decision_links_to_the_answer_for_those_who_may_ask(world: World, ada: User) -> None:
    run = factories.an_execution(world.olga)
    for question, allowed in (("run:modify", False), ("run:read", True), ("of old", False)):
        AccessDecision.objects.create(
            tenant_id=world.acme.pk,
            actor_id=world.olga.pk,
            execution_id=run.pk,
            question=question,
            environment="dev",
            allowed=allowed,
        )

    def links(person: User) -> list[str]:
        page = signed_in(person).get(f"/executions/{run.pk}/").content.decode()
        return [unescape(link) for link in re.findall(r'href="(/why/[^"]+)"', page)]

    expected = ["/why/?person=olga&question=run%3Amodify&tenant=acme&environment=dev"]
    own = [
        "/why/?person=olga&question=read_audit&tenant=acme"
    ]  # why the decisions about others are not shown
    assert (links(ada), links(world.olga)) == (expected, expected + own)
    assert not any("run%3A" in link for link in links(world.tom))
    assert "olga may have modify steps run" in signed_in(ada).get(expected[0]).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": "fly"},
        {"tenant": "none"},
        {"environment": "moon"},
        {"person": ""},
        {"person": "x\0"},
        {"execution": "x" * 99},
    ],
)
def test_a_damaged_question_is_shown_beside_its_field(world: World, wrong: dict[str, str]) -> None:
    asked = {"person": "olga", "question": "run:read", "tenant": "acme"} | wrong
    answer = signed_in(world.olga).get(PAGE, asked)
    assert answer.status_code == 400
    assert 'class="unproven"' in answer.content.decode()
