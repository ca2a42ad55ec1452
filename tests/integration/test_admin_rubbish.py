"""Addresses of the admin that no page offers: refused or asked again without what is wrong, never an error page."""

from contextlib import nullcontext

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from executions.models import Execution
from safety.choices import Role
from tests import factories
from tests.app_account import app_account
from tests.approving import signed_in

pytestmark = pytest.mark.usefixtures("live_db")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"name__regex": "("}, 400),
        ({"name__contains": "\0"}, 400),
        ({"requested_by__password__startswith": "argon2"}, 400),
        ({"created_at__year": "99999"}, 302),
        ({"created_at__year": "0"}, 302),
        ({"status__exact": "\0"}, 302),
        ({"id__exact": "no"}, 302),
        ({"q": "\0"}, 200),
        ({"created_at__gte": "2026-01-01 00:00:00+00:00"}, 200),
    ],
)
@pytest.mark.parametrize("behind_the_wall", [False, True])
def test_a_filter_that_nobody_offers(query: dict[str, str], status: int, behind_the_wall: bool) -> None:
    client = signed_in(factories.a_person("ada", Role.TENANT_ADMIN, is_staff=True))
    with app_account() if behind_the_wall else nullcontext():
        answer = client.get(reverse("admin:executions_execution_changelist"), query)
        assert answer.status_code == status
        if status == 302:
            assert client.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    "query", [{"pk__regex": "("}, {"pk__exact": "\0"}, {"q": "\0"}, {"id__year": "99999"}]
)
def test_every_list_answers(query: dict[str, str]) -> None:
    client = signed_in(User.objects.create_superuser("root"))
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert client.get(reverse(name), query).status_code in (200, 302, 400), name


def test_the_way_from_a_row_of_any_tenant_to_its_page_is_closed() -> None:
    run = factories.an_execution(factories.olga())
    kind = ContentType.objects.get_for_model(Execution).pk
    client = signed_in(User.objects.create_superuser("root"))
    for key in (run.pk, "1", "\0"):
        assert client.get(f"/admin/r/{kind}/{key}/").status_code == 404


@pytest.mark.parametrize(
    ("table", "query"),
    [("executions_vote", {"address": "127.0.0.1"}), ("executions_approval", {"address__gte": "10.0.0.0"})],
)
def test_a_column_that_is_for_auditors_is_no_filter_of_others(table: str, query: dict[str, str]) -> None:
    place = reverse(f"admin:{table}_changelist")
    viewer = factories.a_person("vera", Role.VIEWER, is_staff=True)
    auditor = factories.a_person("audi", Role.AUDITOR, is_staff=True)
    assert signed_in(viewer).get(place, query).status_code == 400
    assert signed_in(auditor).get(place, query).status_code == 200
