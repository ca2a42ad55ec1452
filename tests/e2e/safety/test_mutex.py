"""One asset, many runs: from the page by way of RabbitMQ and workers to the target, never two at once."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from django.test import Client

from executions.models import Asset, Execution
from safety.choices import Role
from safety.models import Lease, LinePlace, Membership
from tests.commands import manage
from tests.fleet import Fleet
from tests.world import World, script, status_of, until

RUNS = 4
# Each run writes down when it comes and goes; the target itself tells whether two were there at once.
WORK = """
echo enter {name} >>{journal}
while test -e {gate}; do sleep 0.05; done
sleep 0.2
echo leave {name} >>{journal}
"""
SEEN = re.compile(r'name="seen_hash"\s+value="([0-9a-f]{64})"')


def signed_in(user: Any) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def run_from_page(world: World, name: str, folder: Path) -> UUID:
    """Olga pastes a plan for web-01, looks at the preview and confirms it."""
    text = WORK.format(name=name, journal=folder / "journal", gate=folder / "gate")
    plan = {"version": 1, "name": name, "mode": "background", "targets": ["web-01"]}
    step = script(text, timeout=60, estimate=40)
    form = {"tenant": world.acme.pk, "plan": json.dumps(plan | {"steps": [step]})}
    client = signed_in(world.olga)
    page = client.post("/executions/new/preview/", form).content.decode()
    found = SEEN.search(page)
    assert found, page
    answer = client.post("/executions/new/confirm/", form | {"seen_hash": found.group(1)})
    assert answer.status_code == 302
    return UUID(answer["Location"].split("/")[2])


def said(client: Client, address: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", client.get(address).content.decode()).split())


def test_runs_of_one_asset_come_one_after_the_other_in_the_order_they_asked(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    asset, gate, journal = world.here("web-01"), tmp_path / "gate", tmp_path / "journal"
    gate.touch()
    first = run_from_page(world, "run 0", tmp_path)
    until(journal.exists)
    others = []
    for number in range(1, RUNS):
        others.append(run_from_page(world, f"run {number}", tmp_path))
        until(lambda: LinePlace.objects.count() == len(others))
    client = signed_in(world.olga)
    assert "2nd in line for web-01, held by run 0 (olga, " in said(client, f"/executions/{others[1]}/")
    page = said(client, f"/assets/{asset.pk}/")
    assert "Held by run 0" in page
    assert page.index("run 1") < page.index("run 2") < page.index("run 3")
    listed = manage("locks", "--asset", "web-01", "--as", "olga", "--json").json["locks"][0]
    assert [waiter["name"] for waiter in listed["line"]] == ["run 1", "run 2", "run 3"]
    gate.unlink()
    until(lambda: {status_of(one) for one in (first, *others)} == {"succeeded"}, timeout_s=60)
    assert journal.read_text().splitlines() == [
        f"{what} run {number}" for number in range(RUNS) for what in ("enter", "leave")
    ]
    assert not Lease.objects.exists()


def test_what_an_admin_takes_away_by_force_goes_to_the_next_and_the_holder_is_stopped(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    asset, gate, journal = world.here("web-01"), tmp_path / "gate", tmp_path / "journal"
    gate.touch()
    holder = run_from_page(world, "run 0", tmp_path)
    until(journal.exists)
    waits = run_from_page(world, "run 1", tmp_path)
    until(LinePlace.objects.exists)
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    address = f"/assets/{asset.pk}/release/{holder}/"
    refused = signed_in(world.olga).post(address, {"force": "yes", "reason": "mine"})
    assert refused.status_code == 403
    done = signed_in(world.tom).post(address, {"force": "yes", "reason": "it hangs"})
    assert done.status_code == 302
    until(lambda: status_of(holder) == "cancelled", timeout_s=30)
    assert Execution.objects.get(pk=holder).cancel_reason == "web-01 was taken away from it: it hangs"
    gate.unlink()
    until(lambda: status_of(waits) == "succeeded", timeout_s=30)
    assert "leave run 0" not in journal.read_text()


def test_a_reservation_from_the_page_holds_up_others_and_ends_by_the_page(
    world: World, fleet: Fleet, tmp_path: Path
) -> None:
    asset: Asset = world.here("web-01")
    Membership.objects.filter(user=world.tom).update(role=Role.OPERATOR)
    toms = signed_in(world.tom)
    answer = toms.post(f"/assets/{asset.pk}/reserve/", {"minutes": "60", "reason": "firmware"})
    assert answer.status_code == 302
    olgas = run_from_page(world, "run 0", tmp_path)
    until(LinePlace.objects.exists)
    assert "reserved by tom until" in said(signed_in(world.olga), f"/executions/{olgas}/")
    assert not (tmp_path / "journal").exists()
    assert signed_in(world.olga).post(f"/assets/{asset.pk}/unreserve/").status_code == 403
    assert toms.post(f"/assets/{asset.pk}/unreserve/").status_code == 302
    until(lambda: status_of(olgas) == "succeeded", timeout_s=30)
