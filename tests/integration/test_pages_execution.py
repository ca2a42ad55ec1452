"""The page of one execution tells how it stands, and only to those who may know."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from executions.models import Execution
from executions.web import matrix
from tests.factories import (
    a_dead_letter,
    a_lease,
    a_person,
    a_step,
    a_step_run,
    an_approval,
    an_asset,
    an_event,
    an_execution,
    nina,
    olga,
    output,
    tom,
)

pytestmark = pytest.mark.usefixtures("live_db")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_run_in_trouble(user: User) -> Execution:
    execution = an_execution(user, name="Rotate certificates", status="needs_attention")
    copy, reload = a_step(execution, "copy"), a_step(execution, "reload", predecessors=[0])
    first, second = an_asset("web-01"), an_asset("web-02")
    a_step_run(copy, first, status="succeeded", exit_code=0)
    a_step_run(copy, second, status="failed", exit_code=2, detail="exit code 2")
    unknown = a_step_run(reload, first, status="interrupted", detail="its worker was lost")
    a_step_run(reload, second, status="retrying", waiting_for="the secret store vault: unreachable")
    output(unknown, "half of the \x1b[31mwork\x1b[0m")
    a_dead_letter(unknown)
    a_lease(execution, first, under_review=True, reason="outcome unknown")
    an_event(execution, "step.interrupted", step_run=unknown, data={"detail": "worker lost"})
    return execution


def test_the_page_says_what_an_operator_needs_to_know() -> None:
    user = olga()
    execution = a_run_in_trouble(user)
    page = signed_in(user).get(f"/executions/{execution.pk}/").content.decode()
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    for said in (
        "Nothing goes on before a person decides.",
        "50 % – 2 of 4",
        "Asked for by olga,",
        execution.plan_hash[:12],
        "read, background, fast",
        "waiting: the secret store vault: unreachable",
        "exit code 2",
        "command, read , after Copy".replace(" ,", ","),
        "half of the work",
        "kept for a person: outcome unknown",
        "outcome unknown Reload on web-01",
        "Decide: Reload on web-01",
        "This run needed none.",
    ):
        assert said in text


def test_a_state_has_a_shape_and_a_word_besides_its_colour() -> None:
    user = olga()
    page = signed_in(user).get(f"/executions/{a_run_in_trouble(user).pk}/").content.decode()
    states = re.findall(
        r'<span class="state (\w+)">.*?href="#(shape-\w+)".*?</svg>([^<]+)</span>', page, re.S
    )
    assert ("warn", "shape-alarm", "outcome unknown") in states
    assert ("good", "shape-check", "succeeded") in states
    assert all(f'id="{shape}"' in page for _, shape, _ in states)


ADDRESSES = ["", "live/", "plan/", "events/"]
ACTS = ["cancel/", "retry/", "approve/", "reject/"]


def test_nothing_of_another_tenant_answers_at_any_address() -> None:
    execution = a_run_in_trouble(olga())
    run = execution.step_runs.get(status="interrupted")
    client = signed_in(nina())
    for address in ADDRESSES:
        assert client.get(f"/executions/{execution.pk}/{address}").status_code == 404
    for address in ACTS:
        data = {"reason": "x", "comment": "x", "approval_hash": execution.approval_hash}
        assert client.post(f"/executions/{execution.pk}/{address}", data).status_code == 404
    resolve = client.post(f"/step-runs/{run.pk}/resolve/", {"decision": "skip", "reason": "x"})
    assert resolve.status_code == 404
    for address in ("/executions/", "/approvals/", "/dead-letters/"):
        assert "Rotate certificates" not in client.get(address).content.decode()


def test_a_step_run_of_another_execution_is_not_shown_in_this_one() -> None:
    user = olga()
    other = a_step_run(a_step(an_execution(user)), status="failed")
    output(other, "from elsewhere")
    execution = an_execution(user)
    page = signed_in(user).get(f"/executions/{execution.pk}/?run={other.pk}").content.decode()
    assert "from elsewhere" not in page


def test_a_new_run_is_offered_to_who_may_ask_for_one() -> None:
    offer = 'href="/executions/new/"'
    assert offer in signed_in(olga()).get("/approvals/").content.decode()
    assert offer not in signed_in(tom()).get("/approvals/").content.decode()


def test_every_page_of_ours_asks_for_a_sign_in() -> None:
    """Also those that somebody adds later: only the sign-in pages and that behind an approval link may be open."""
    open_pages = {"login", "once", "decide"}
    seen = set()
    for name, (possibilities, *_) in _named_addresses():
        pattern, arguments = possibilities[0]
        filled = dict.fromkeys(arguments, "00000000-0000-4000-8000-000000000000") | {
            "switch_id": "7",
            "delegation_id": "7",
            "step": "work",
            "slug": "acme",
        }
        seen.add(name)
        answer = Client().get("/" + pattern % filled)
        if name not in open_pages:
            assert answer.status_code in (302, 405), name
            assert answer.status_code == 405 or answer["Location"].startswith("/sign-in/"), name
    assert {"list", "detail", "cancel", "login", "once"} <= seen


def _named_addresses() -> list[tuple[str, Any]]:
    ours = get_resolver("executions.web.urls").reverse_dict
    wired = get_resolver().reverse_dict
    return [(name, ours.getlist(name)[0]) for name in ours if isinstance(name, str)] + [
        (name, wired.getlist(name)[0]) for name in ("login", "once", "logout")
    ]


def test_live_answers_with_what_changed_and_with_nothing_when_nothing_did() -> None:
    user = olga()
    execution = a_run_in_trouble(user)
    client = signed_in(user)
    page = client.get(f"/executions/{execution.pk}/").content.decode()
    Execution.objects.filter(pk=execution.pk).update(started_at=None)
    address = _settled(client, _poll(page))
    output(execution.step_runs.get(status="interrupted"), "more")
    fragment = client.get(address).content.decode()
    assert "output" in re.findall(r'<section id="(\w+)"', fragment)
    assert "actions" not in re.findall(r'<section id="(\w+)"', fragment)
    assert "more" in fragment
    _settled(client, _poll(fragment))


def _settled(client: Client, address: str) -> str:
    """Ask until nothing changed; a relative time may go on in between."""
    for _ in range(50):  # on a busy machine every look may come in another second
        answer = client.get(address)
        if answer.status_code == 204:
            assert answer.content == b""
            return address
        address = _poll(answer.content.decode())
    raise AssertionError("something changes each time")


def _poll(page: str) -> str:
    found = re.search(r'hx-get="([^"]*)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_a_run_that_is_over_is_no_longer_asked_for() -> None:
    user = olga()
    execution = an_execution(user, status="succeeded")
    client = signed_in(user)
    for address in ("", "live/?seen=x"):
        page = client.get(f"/executions/{execution.pk}/{address}").content.decode()
        assert "hx-get" not in page
        assert "This run is over" in page


def test_a_page_that_polls_after_its_session_ended_is_told_to_reload() -> None:
    execution = an_execution(olga())
    answer = Client().get(f"/executions/{execution.pk}/live/", headers={"HX-Request": "true"}, follow=True)
    assert answer["HX-Refresh"] == "true"


def test_many_step_runs_come_in_pages_without_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "PAGE_SIZE", 7)
    user = olga()
    execution = an_execution(user, status="running")
    assets = [an_asset(f"web-{number:02}") for number in range(5)]
    for key in ("one", "two", "three"):
        step = a_step(execution, key)
        for asset in assets:
            a_step_run(step, asset, status="failed" if asset is assets[0] else "succeeded")
    client, found, query = signed_in(user), [], "?"
    while query:
        page = client.get(f"/executions/{execution.pk}/{query}").content.decode()
        found += re.findall(r'\?run=([0-9a-f-]{36})[^"]*#output"', page.partition('id="output"')[0])
        more = re.search(r'rel="next"\s+href="([^"]*)"', page)
        query = more[1] if more else ""
    assert len(found) == len(set(found)) == 15
    trouble = client.get(f"/executions/{execution.pk}/?show=trouble").content.decode()
    table = trouble.partition('id="output"')[0]
    assert len(re.findall(r'\?run=[0-9a-f-]{36}[^"]*#output"', table)) == 3


@pytest.mark.parametrize(
    "query", ["run=x", "run=%00", "after=1", "after=x.y", "after=9999999.x", "attempt=-1"]
)
def test_damaged_choices_are_no_error_of_ours(query: str) -> None:
    user = olga()
    answer = signed_in(user).get(f"/executions/{an_execution(user).pk}/?{query}")
    assert answer.status_code in (200, 400)


def test_the_number_of_queries_does_not_grow_with_steps_and_targets() -> None:
    user = olga()
    client = signed_in(user)
    execution = a_run_in_trouble(user)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(f"/executions/{execution.pk}/").status_code == 200
        assert not [query for query in seen.captured_queries if "COUNT(" in query["sql"].upper()]
        return len(seen)

    few = queries()
    step = a_step(execution, "more", predecessors=[1])
    for number in range(20):
        run = a_step_run(step, an_asset(f"more-{number}"), status="running")
        an_event(execution, "step.started", step_run=run)
    assert queries() == few


def test_events_have_pages_of_their_own() -> None:
    user = olga()
    execution = an_execution(user)
    for number in range(205):
        an_event(execution, f"step.started{number}")
    client = signed_in(user)
    page = client.get(f"/executions/{execution.pk}/events/").content.decode()
    older = re.search(r'href="(\?before=\d+)"', page)
    assert older
    rest = client.get(f"/executions/{execution.pk}/events/{older[1]}").content.decode()
    assert len(re.findall("<strong>step.started", page + rest)) == 205


def test_the_plan_page_hides_no_character() -> None:
    user = olga()
    execution = an_execution(user, name="a\u202eb", plan='{"name":"a\u202eb<script>"}')
    page = signed_in(user).get(f"/executions/{execution.pk}/plan/").content.decode()
    assert "U+202E" in page
    assert "b<script>" not in page


def test_a_viewer_is_offered_nothing_and_an_approver_only_the_decision() -> None:
    execution = an_execution(olga(), status="pending_approval", approval_level=2)
    an_approval(execution)
    viewer = signed_in(a_person("vera", "viewer")).get(f"/executions/{execution.pk}/").content.decode()
    assert "<form" not in viewer.partition("<main")[2]
    assert "Approving level 2 needs the role approver" in viewer
    approver = signed_in(tom()).get(f"/executions/{execution.pk}/").content.decode()
    assert execution.approval_hash in approver
    assert "/cancel/" not in approver
