"""The second wall: a page that forgot its filter shows nothing of other tenants, and whole pages stay as they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from executions.models import Event, Execution
from safety import wall
from tests import factories
from tests.app_account import app_account
from tests.commands import manage
from tests.integration.test_admin import a_bit_of_everything

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.fixture
def run_of_acme(settings: Any) -> Execution:
    settings.ROOT_URLCONF = "tests.integration.forgetful_urls"
    return a_bit_of_everything()


@pytest.fixture
def as_app(run_of_acme: Execution) -> Iterator[str]:
    with app_account() as role:
        yield role


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def counts(client: Client, method: str = "get") -> "dict[str, int]":
    said = getattr(client, method)("/forgetful/").json()
    assert said.pop("names") == ["Run of Acme"] * said["opsc_execution"]
    return dict(said)


def setting() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('opsc.tenants', true), '')")
        return str(cursor.fetchone()[0])


def test_a_forgotten_filter_shows_nothing_of_another_tenant(as_app: str) -> None:
    found = counts(signed_in(factories.nina()))
    assert set(found.values()) == {0}, found
    tom = counts(signed_in(factories.tom()))
    assert min(tom.values()) > 0, tom
    assert counts(signed_in(factories.a_person("nobody"))) == found
    assert counts(signed_in(User.objects.create_superuser("root"))) == tom


def test_who_acts_and_who_works_see_what_there_is(as_app: str) -> None:
    """A limit of the platform counts the runs of every tenant, and workers take whatever is ready."""
    nina = signed_in(factories.nina())
    assert min(counts(nina, "post").values()) > 0
    assert Execution.objects.count() == 1


def test_after_a_page_the_connection_sees_everything_again(as_app: str) -> None:
    nina = signed_in(factories.nina())
    for address in ("/forgetful/", "/streaming/", "/executions/", "/no/such/page"):
        nina.get(address)
        assert (setting(), Execution.objects.count()) == ("", 1), address
    with pytest.raises(ValueError, match=r"^0$"):
        nina.get("/failing/")
    assert (setting(), Execution.objects.count()) == ("", 1)


def test_a_connection_that_is_made_anew_amidst_a_page_is_told(run_of_acme: Execution) -> None:
    nina = factories.nina()
    other = nina.memberships.get().tenant_id
    wall.stand(nina)
    try:
        assert setting() == f"{{{other}}}"
        connection.close()
        assert setting() == f"{{{other}}}"
        with wall.lowered():
            assert setting() == ""
        assert setting() == f"{{{other}}}"
    finally:
        wall.fall()
    assert setting() == ""


def test_evidence_seals_the_history_of_every_tenant(as_app: str) -> None:
    nina = factories.nina()
    own = factories.an_execution(nina, tenant=nina.memberships.get().tenant, status="succeeded")
    factories.an_event(own)
    answer = signed_in(nina).get(f"/executions/{own.pk}/evidence.jsonl")
    assert b"".join(answer.streaming_content).count(b'"line":"event"') == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM opsc_audit_link WHERE kind = 'event' AND row_id > 0")
        assert cursor.fetchone()[0] == Event.objects.count() == 2


def test_health_says_whether_it_stands(as_app: str) -> None:
    def tenants() -> str:
        parts = manage("health", "--json").json["parts"]
        return next(part["detail"] for part in parts if part["name"] == "tenants")

    assert tenants() == "pages read behind row-level security, too"
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    assert "does not bind this database account" in tenants()
