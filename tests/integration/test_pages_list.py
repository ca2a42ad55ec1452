"""The list shows what the person may see, in pages that never skip or repeat a row."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import Execution
from executions.web import listing
from tests.factories import a_person, a_tenant, an_execution, nina, olga

pytestmark = pytest.mark.usefixtures("live_db")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def names(page: str) -> list[str]:
    return re.findall(r'<td class="name">\s*<a href="[^"]*"><bdi>([^<]*)</bdi>', page)


def all_pages(client: Client, query: str = "") -> list[str]:
    found, address = [], f"/executions/?{query}"
    while address:
        page = client.get(address).content.decode()
        found += names(page)
        older = re.search(r'rel="next"\s+href="([^"]*)"', page)
        address = f"/executions/{older[1].replace('&amp;', '&')}" if older else ""
    return found


def test_every_page_asks_for_a_sign_in_and_comes_back_afterwards() -> None:
    answer = Client().get("/executions/?state=failed")
    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/?next=/executions/%3Fstate%3Dfailed"


def test_nothing_of_another_tenant_is_listed() -> None:
    an_execution(olga(), name="Ours")
    assert names(signed_in(nina()).get("/executions/").content.decode()) == []


def test_a_person_without_a_tenant_is_told_whom_to_ask() -> None:
    answer = signed_in(a_person("nobody")).get("/executions/")
    assert answer.status_code == 403
    assert "A tenant admin can add you." in answer.content.decode()


def test_an_empty_list_says_what_to_do_next() -> None:
    page = signed_in(olga()).get("/executions/").content.decode()
    assert "Nothing has run yet." in page
    assert 'href="/executions/new/"' in page


def test_pages_hold_every_row_once_although_many_share_their_time() -> None:
    user, now = olga(), timezone.now()
    for number in range(listing.PAGE_SIZE * 2 + 7):
        an_execution(user, name=f"run {number}", created_at=now - timedelta(seconds=number // 30))
    found = all_pages(signed_in(user))
    assert len(found) == len(set(found)) == listing.PAGE_SIZE * 2 + 7


def test_rows_of_several_tenants_come_in_one_order() -> None:
    user, now = olga(), timezone.now()
    second = a_tenant("second")
    user.memberships.create(tenant=second, role="viewer")
    for number in range(60):
        tenant = second if number % 2 else None
        an_execution(user, tenant=tenant, name=f"{number:02}", created_at=now - timedelta(minutes=number))
    assert all_pages(signed_in(user)) == [f"{number:02}" for number in range(60)]


def test_filters_narrow_the_list_and_stay_in_the_links() -> None:
    user, now = olga(), timezone.now()
    for number in range(60):
        status = "failed" if number % 3 else "succeeded"
        environment = "prod" if number < 55 else "dev"
        an_execution(
            user,
            name=f"run {number}",
            status=status,
            environment=environment,
            created_at=now - timedelta(minutes=number),
        )
    client = signed_in(user)
    page = client.get("/executions/?state=failed&environment=prod&q=RUN+4").content.decode()
    assert names(page) == [f"run {number}" for number in (4, 40, 41, 43, 44, 46, 47, 49)]
    first = client.get("/executions/?environment=prod").content.decode()
    assert "environment=prod&amp;after=" in first
    assert len(all_pages(client, "environment=prod")) == 55
    assert len(all_pages(client, "state=trouble")) == 40


def test_the_text_finds_names_people_and_the_beginning_of_an_id() -> None:
    user = olga()
    wanted = an_execution(user, name="Rotate certificates")
    an_execution(a_person("peter", "operator"), name="Something else")
    client = signed_in(user)
    for text in ("certif", wanted.short_id, str(wanted.pk), "olga"):
        assert names(client.get("/executions/", {"q": text}).content.decode()) == ["Rotate certificates"]
    assert "Nothing matches" in client.get("/executions/?q=%25").content.decode()


def test_a_search_looks_at_a_bounded_number_of_rows_and_offers_the_older_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "SEARCH_DEPTH", 10)
    user, now = olga(), timezone.now()
    for number in range(25):
        name = "wanted" if number in (3, 12, 24) else "other"
        an_execution(user, name=name, created_at=now - timedelta(minutes=number))
    client = signed_in(user)
    page = client.get("/executions/?q=wanted").content.decode()
    assert names(page) == ["wanted"]
    assert "looked at the newest 10 executions" in page
    assert all_pages(client, "q=wanted") == ["wanted"] * 3


@pytest.mark.parametrize("cursor", ["x", "%00", "MjAyNg", "a" * 500, "MjAyNi0wMS0wMXx4"])
def test_a_damaged_page_address_is_refused_with_words(cursor: str) -> None:
    answer = signed_in(olga()).get(f"/executions/?after={cursor}")
    assert answer.status_code == 400
    assert "Start again from the first page." in answer.content.decode()


@pytest.mark.parametrize("query", ["state=nonsense", "environment=%3Cscript%3E", "q=%00%3Cimg+src%3Dx%3E"])
def test_odd_filters_count_as_not_given_or_as_text(query: str) -> None:
    page = signed_in(olga()).get(f"/executions/?{query}").content.decode()
    assert "<img src=x>" not in page
    assert "<script>" not in page


def test_the_number_of_queries_does_not_grow_with_the_rows() -> None:
    user = olga()
    client = signed_in(user)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client.get("/executions/")
        assert not [query for query in seen.captured_queries if "COUNT(" in query["sql"].upper()]
        return len(seen)

    an_execution(user)
    few = queries()
    for _ in range(30):
        an_execution(user)
    assert queries() == few
    assert Execution.objects.count() == 31
