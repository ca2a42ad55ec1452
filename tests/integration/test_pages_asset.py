"""The page of an asset and the command `locks`: who holds it, who waits, and what only some may do there."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from executions.models import Asset, Execution
from safety.choices import Role
from safety.models import Lease, Membership, Reservation
from tests import factories
from tests.commands import manage

pytestmark = pytest.mark.usefixtures("live_db")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def said(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())


def a_busy_asset() -> tuple[User, Asset, Execution, Execution]:
    """Patch staging holds web-01, Deploy waits for it."""
    user, asset = factories.olga(), factories.an_asset()
    began = timezone.now() - timedelta(seconds=60)
    holder = factories.an_execution(
        user, name="Patch staging", status="running", started_at=began, estimate_s=300
    )
    waits = factories.an_execution(user, name="Deploy", estimate_s=60)
    factories.a_lease(holder, asset)
    factories.a_place_in_line(waits, asset)
    factories.a_step_run(factories.a_step(holder, "patch"), asset, status="running")
    return user, asset, holder, waits


def test_the_page_says_who_holds_it_who_waits_how_long_and_what_was_done() -> None:
    user, asset, holder, waits = a_busy_asset()
    page = signed_in(user).get(f"/assets/{asset.pk}/")
    text = said(page)
    assert re.search(r"Held by Patch staging \(olga, about (4 min|3 min|[0-9]+ s)", text), text
    for expected in ("1 in line", "1st Deploy olga", "Patch"):
        assert expected in text
    assert f"/executions/{holder.pk}/" in page.content.decode()
    run = signed_in(user).get(f"/executions/{waits.pk}/").content.decode()
    assert "1st in line for web-01, held by Patch staging (olga, " in run
    assert f"/assets/{asset.pk}/" in run


def test_nobody_of_another_tenant_sees_the_page_or_acts_through_it() -> None:
    _, asset, holder, _ = a_busy_asset()
    nina = signed_in(factories.nina())
    assert nina.get(f"/assets/{asset.pk}/").status_code == 404
    data = {"reason": "mine", "minutes": "5", "force": "yes"}
    for act in ("reserve", "unreserve", f"release/{holder.pk}"):
        assert nina.post(f"/assets/{asset.pk}/{act}/", data).status_code == 404
    assert Lease.objects.count() == 1
    assert not Reservation.objects.exists()


def test_the_page_offers_each_person_what_they_may_do_and_says_what_follows() -> None:
    user, asset, holder, _ = a_busy_asset()
    tom = factories.tom()
    assert "Take away" not in said(signed_in(user).get(f"/assets/{asset.pk}/"))
    assert "Reserve" not in said(signed_in(tom).get(f"/assets/{asset.pk}/"))
    Membership.objects.filter(user=tom).update(role=Role.TENANT_ADMIN)
    page = said(signed_in(tom).get(f"/assets/{asset.pk}/"))
    assert "The holder is told to stop, all of it and not only here" in page
    answer = signed_in(tom).post(f"/assets/{asset.pk}/release/{holder.pk}/", {"force": "yes", "reason": ""})
    assert answer.status_code == 302
    assert Lease.objects.exists()
    signed_in(tom).post(f"/assets/{asset.pk}/release/{holder.pk}/", {"force": "yes", "reason": "hangs"})
    assert not Lease.objects.exists()


def test_an_asset_is_reserved_and_set_free_on_its_page() -> None:
    user, asset, _, _ = a_busy_asset()
    client = signed_in(user)
    assert client.post(f"/assets/{asset.pk}/reserve/", {"minutes": "0", "reason": "x"}).status_code == 302
    assert not Reservation.objects.exists()
    client.post(f"/assets/{asset.pk}/reserve/", {"minutes": "30", "reason": "firmware"})
    assert "Reserved by olga until" in said(client.get(f"/assets/{asset.pk}/"))
    client.post(f"/assets/{asset.pk}/unreserve/")
    assert "Reserved by" not in said(client.get(f"/assets/{asset.pk}/"))


def test_the_command_shows_holders_and_lines_and_changes_them() -> None:
    a_busy_asset()
    shown = manage("locks", "--as", "olga")
    assert shown.code == 0
    assert "held exclusive by Patch staging (olga, " in shown.out
    assert "1st in line: Deploy (olga, " in shown.out
    assert manage("locks", "reserve", "--asset", "web-01", "--as", "olga").code == 2  # no reason
    made = manage("locks", "reserve", "--asset", "web-01", "--reason", "firmware", "--as", "olga", "--json")
    assert made.json["locks"][0]["reserved"]["person"] == "olga"
    assert manage("locks", "unreserve", "--asset", "web-01", "--as", "olga").code == 0
    refused = manage("locks", "release", "--asset", "web-01", "--reason", "x", "--force", "--as", "olga")
    assert (refused.code, Lease.objects.count()) == (2, 1)
    factories.a_person("ada", Role.TENANT_ADMIN)
    assert "at work" in manage("locks", "release", "--asset", "web-01", "--reason", "x", "--as", "ada").err
    done = manage("locks", "release", "--asset", "web-01", "--reason", "x", "--force", "--as", "ada")
    assert (done.code, Lease.objects.count()) == (0, 0)
    factories.nina()
    assert manage("locks", "--asset", "web-01", "--as", "nina").code == 2
    assert "Nothing is held" in manage("locks", "--as", "nina").out
