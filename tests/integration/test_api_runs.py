"""Runs by way of the API: submitted, listed, looked at, cancelled and retried as on the pages."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from executions.models import Event, Execution
from safety.choices import Role
from safety.models import AccessDecision, Membership
from tests import factories
from tests.programs import a_plan, asked, error_of, sent

pytestmark = pytest.mark.usefixtures("live_db")

NOBODYS = UUID("00000000-0000-4000-8000-000000000000")


def test_what_is_another_tenants_is_not_there_even_if_the_person_is_a_member() -> None:
    olga = factories.olga()
    other = factories.a_tenant("other")
    Membership.objects.create(user=olga, tenant=other, role=Role.OPERATOR)
    theirs = factories.an_execution(olga, tenant=other, name="theirs", status="failed")
    ours = factories.an_execution(olga, name="ours", status="failed")
    _, value = factories.a_token(olga)
    for execution, status in ((theirs, 404), (ours, 200)):
        assert asked(value, f"executions/{execution.pk}").status_code == status
    for act, body in (("cancel", {"reason": "x"}), ("retry", {})):
        assert error_of(sent(value, f"executions/{theirs.pk}/{act}", body)) == (404, "not_found")
    assert [one["name"] for one in asked(value, "executions").json()["executions"]] == ["ours"]
    assert sent(value, "executions", a_plan()).json()["execution"]["requested_by"] == "olga"
    assert Execution.objects.latest("created_at").tenant.slug == "acme"


def test_it_may_no_more_than_its_person_at_that_moment() -> None:
    olga = factories.olga()
    execution = factories.an_execution(olga)
    _, value = factories.a_token(olga)
    Membership.objects.update(role=Role.VIEWER)
    assert error_of(sent(value, "executions", a_plan())) == (403, "not_allowed")
    assert error_of(sent(value, f"executions/{execution.pk}/cancel", {"reason": "x"})) == (403, "not_allowed")
    assert error_of(sent(value, f"executions/{execution.pk}/retry", {})) == (403, "not_allowed")
    refused = AccessDecision.objects.filter(allowed=False, actor_id=olga.pk).values_list(
        "question", flat=True
    )
    assert set(refused) == {f"executions.{one}_execution" for one in ("submit", "cancel", "retry")}


def test_submitting_is_the_same_as_on_the_page_and_answers_twice_with_one_run() -> None:
    olga = factories.olga()
    token, value = factories.a_token(olga)
    first = sent(value, "executions", a_plan(), headers={"Idempotency-Key": "release-42"})
    second = sent(value, "executions", a_plan(), headers={"Idempotency-Key": "release-42"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first["Location"] == second["Location"] == f"/api/v1/executions/{first.json()['execution']['id']}"
    assert asked(value, first["Location"].removeprefix("/api/v1/")).json()["steps"][0]["step"] == "wait"
    execution = Execution.objects.get()
    assert (execution.api_token, execution.requested_by) == (token, olga)
    assert Event.objects.get(type="execution.created").actor == f"olga (token {token.name})"
    other = sent(value, "executions", a_plan(name="x"), headers={"Idempotency-Key": "release-42"})
    assert error_of(other) == (422, "idempotency.mismatch")
    assert error_of(sent(value, "executions", a_plan(), headers={"Idempotency-Key": "x" * 256})) == (
        400,
        "idempotency.format",
    )
    assert sent(value, "executions?again=true", a_plan()).status_code == 201


def test_a_run_is_cancelled_and_retried_in_the_persons_name_with_the_token_beside_it() -> None:
    olga = factories.olga()
    token, value = factories.a_token(olga)
    run = sent(value, "executions", a_plan()).json()["execution"]["id"]
    for body in ({}, {"reason": " "}, {"reason": "x" * 301}):
        assert error_of(sent(value, f"executions/{run}/cancel", body)) == (422, "reason.required")
    answer = sent(value, f"executions/{run}/cancel", {"reason": "not now"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert Execution.objects.get(pk=run).cancel_actor == f"olga (token {token.name})"
    again = sent(value, f"executions/{run}/retry", {"failed_only": False})
    assert again.status_code == 201
    assert Execution.objects.get(pk=again.json()["execution"]["id"]).api_token == token
    assert error_of(sent(value, f"executions/{again.json()['execution']['id']}/retry", {})) == (
        409,
        "conflict",
    )


def test_the_list_is_newest_first_page_by_page() -> None:
    olga = factories.olga()
    for number in range(5):
        factories.an_execution(olga, name=f"run {number}")
    _, value = factories.a_token(olga)
    names, address = [], "executions?limit=2"
    while address:
        page = asked(value, address).json()
        names += [one["name"] for one in page["executions"]]
        address = page["next"] and f"executions?limit=2&after={page['next']}"
    assert names == [f"run {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=-1", "page.limit"),
        ("limit=0", "page.limit"),
        ("limit=1000000000", "page.limit"),
        ("limit=²", "page.limit"),
        ("after=garbage", "page.cursor"),
        ("after=%00", "page.cursor"),
        ("state=DROP", "query.unknown"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: str, code: str) -> None:
    _, value = factories.a_token(factories.olga())
    assert error_of(asked(value, f"executions?{query}")) == (400, code)


def test_what_http_says_about_a_request_is_said() -> None:
    _, value = factories.a_token(factories.olga())
    client = Client(headers={"Authorization": f"Bearer {value}"})
    put = client.put("/api/v1/executions", {}, content_type="application/json")
    assert (error_of(put), put["Allow"]) == ((405, "method.not_allowed"), "GET, POST, HEAD")
    assert client.head("/api/v1/token").status_code == 200
    assert error_of(client.delete(f"/api/v1/executions/{NOBODYS}/cancel"))[0] == 405
    assert error_of(client.get("/api/v1/token", headers={"Accept": "text/xml"})) == (406, "accept.json_only")
    assert error_of(sent(value, "executions", "a=b", content_type="text/plain")) == (415, "body.json_only")
    for path in ("executions/not-an-id", f"executions/{uuid4()}", "../", "v2", "executions/"):
        assert error_of(client.get(f"/api/v1/{path}")) == (404, "not_found"), path


def test_what_is_too_large_is_not_read(settings: Any) -> None:
    settings.OPSC = settings.OPSC | {"PLAN_MAX_BYTES": 2000}
    _, value = factories.a_token(factories.olga())
    assert error_of(sent(value, "executions", "x" * 2001)) == (413, "body.too_large")
    assert error_of(sent(value, f"executions/{NOBODYS}/cancel", "x" * 16_385)) == (413, "body.too_large")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "plan.empty"),
        ("{", 400, "plan.syntax"),
        (b"\xff", 400, "plan.encoding"),
        ("[]", 400, "plan.not_object"),
        ("[" * 5000, 422, "plan.too_deep"),
    ],
)
def test_what_is_no_plan_is_refused(body: Any, status: int, code: str) -> None:
    _, value = factories.a_token(factories.olga())
    assert error_of(sent(value, "executions", body)) == (status, code)


def test_every_problem_of_a_plan_is_named_with_its_place() -> None:
    _, value = factories.a_token(factories.olga())
    bad = a_plan(name="", steps=[{"id": "one", "kind": "magic"}])
    answer = sent(value, "executions", bad)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["path"] == error["problems"][0]["path"]
    assert {"steps[0].kind"} <= {problem["path"] for problem in error["problems"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "body.syntax"),
        ("[" * 5000, 400, "body.syntax"),
        ("[]", 400, "body.not_object"),
        ('{"reason": 1}', 422, "body.value"),
        (r'{"reason": "a\ud800b"}', 422, "body.value"),
        ('{"reason": "x", "state": "succeeded"}', 422, "body.unknown"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(body: str, status: int, code: str) -> None:
    olga = factories.olga()
    _, value = factories.a_token(olga)
    execution = factories.an_execution(olga)
    assert error_of(sent(value, f"executions/{execution.pk}/cancel", body)) == (status, code)


def test_the_page_of_a_run_says_whose_program_asked_for_it_and_with_which_token() -> None:
    olga = factories.olga()
    robot = factories.a_service_account(olga, Role.OPERATOR).user
    token, value = factories.a_token(robot)
    run = sent(value, "executions", a_plan()).json()["execution"]["id"]
    client = Client()
    client.force_login(olga)
    page = " ".join(client.get(f"/executions/{run}/").content.decode().split())
    assert f"robot (a service account of olga) with the token <bdi>{token.name}</bdi>" in page
