"""A person has an unproven end looked at again: proven, it frees what was kept; unproven, it says why."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from executions import lifecycle
from executions.confirming import confirm
from executions.errors import Conflict, NotAllowed, NotFound, Refused
from executions.models import DeadLetter, Event, StepRun
from executions.resolution import resolve
from safety import leases
from safety.context import Outcome, OutcomeStatus
from safety.models import AccessDecision, Lease
from tests import factories
from tests.commands import manage
from tests.jobs import kill_marked, marked
from tests.losing import HERE, WORKER, claim_all
from tests.services.openssh import Sshd
from tests.stopping import cancelled, hurry, something_that_does_not_end, ssh_asset
from tests.world import World, events_of, in_threads, script, status_of, work_off

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def unproven(
    world: World, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], StepRun]:
    """Makes a step run that was cancelled while its host was gone; it goes on there."""
    hurry(monkeypatch)
    asset = ssh_asset(world, sshd, monkeypatch)

    def make() -> StepRun:
        run = cancelled(world, tmp_path, asset, lambda _: sshd.stop())
        assert (run.status, run.stop_confirmed) == ("cancelled", False)
        assert marked(f"{run.pk}-1")
        return run

    return make


def an_unproven_run(world: World, **more: object) -> StepRun:
    """Straight in the tables: a cancelled run on this machine whose end is not proven, its asset kept."""
    asset = world.here()
    execution = factories.an_execution(world.olga, tenant=world.acme, status="cancelled")
    step = factories.a_step(execution, survives_worker=True)
    values = {"status": "cancelled", "stop_confirmed": False, "begun_by": "elsewhere:1:1"} | more
    run = factories.a_step_run(step, asset, **values)
    factories.a_lease(execution, asset, under_review=True)
    factories.a_dead_letter(run, category="cancelled")
    return run


def test_a_host_that_is_back_proves_the_end_and_everything_kept_for_it_is_free(
    world: World, sshd: Sshd, unproven: Callable[[], StepRun]
) -> None:
    run = unproven()
    waits = world.submit(script("true"), targets=["web-1"]).execution_id
    work_off()
    assert "lock.waiting" in events_of(waits)

    look = confirm(run.pk, user=world.olga)
    assert not look.confirmed
    assert look.sentence.startswith("Its end is still not proven: it could not be asked: web-1")
    assert Lease.objects.get().under_review
    assert events_of(run.execution_id)[-1] == "step.stop_not_confirmed"

    sshd.start()
    look = confirm(run.pk, user=world.olga)
    assert (look.confirmed, look.sentence) == (
        True,
        "Its end is proven: nothing of it is left there. web-1 is not held by its run any more.",
    )
    assert not marked(f"{run.pk}-1")
    run.refresh_from_db()
    assert (run.status, run.stop_confirmed) == ("cancelled", True)
    letter = DeadLetter.objects.get()
    assert (letter.closed_by, letter.resolution) == ("olga", "nothing of it is left there")
    told = Event.objects.get(type="step.stop_confirmed")
    assert (told.actor_kind, told.actor, told.step_run_id) == ("user", "olga", run.pk)
    assert not Lease.objects.filter(execution_id=run.execution_id).exists()
    work_off()
    assert status_of(waits) == "succeeded"
    with pytest.raises(Conflict):
        confirm(run.pk, user=world.olga)


def test_what_ended_by_itself_meanwhile_is_proven_too(
    world: World, sshd: Sshd, unproven: Callable[[], StepRun]
) -> None:
    run = unproven()
    kill_marked(f"{run.pk}-1")
    sshd.start()
    look = confirm(run.pk, user=world.olga)
    assert look.confirmed
    assert not Lease.objects.exists()


def test_what_does_not_end_is_named(world: World, sshd: Sshd, unproven: Callable[[], StepRun]) -> None:
    run = unproven()
    sshd.start()
    with something_that_does_not_end(run):
        look = confirm(run.pk, user=world.olga)
    assert not look.confirmed
    assert "what watches over it does not end" in look.sentence
    assert Lease.objects.get().under_review
    assert DeadLetter.objects.get().closed_at is None
    assert confirm(run.pk, user=world.olga).confirmed


def test_on_the_page_and_by_command(world: World, sshd: Sshd, unproven: Callable[[], StepRun]) -> None:
    run = unproven()
    client = Client()
    client.force_login(world.olga)
    page = client.get(f"/executions/{run.execution_id}/").content.decode()
    assert f'href="#confirm-{run.pk}"' in page
    address = f"/step-runs/{run.pk}/confirm/"
    assert address in page
    assert client.get(address).status_code == 405
    told = client.post(address, follow=True).content.decode()
    assert "Its end is still not proven: it could not be asked" in told
    sshd.start()
    answer = manage("confirm", str(run.pk)[:8], "--as", "olga", "--json")
    assert (answer.code, answer.json["confirmed"]) == (0, True)
    page = client.get(f"/executions/{run.execution_id}/").content.decode()
    assert "end not proven" not in page
    assert client.post(address).status_code == 409
    assert manage("confirm", run.pk, "--as", "olga").code == 2


def test_only_who_may_decide_about_it_looks(world: World) -> None:
    run = an_unproven_run(world)
    with pytest.raises(NotFound):
        confirm(run.pk, user=world.nina)
    with pytest.raises(NotAllowed):
        confirm(run.pk, user=world.tom)
    assert AccessDecision.objects.filter(allowed=False).exists()
    client = Client()
    client.force_login(world.nina)
    assert client.post(f"/step-runs/{run.pk}/confirm/").status_code == 404
    client.force_login(world.tom)
    assert client.post(f"/step-runs/{run.pk}/confirm/").status_code == 403
    page = client.get(f"/executions/{run.execution_id}/").content.decode()
    assert f"/step-runs/{run.pk}/confirm/" not in page


def test_what_cannot_be_looked_at_from_here_is_refused_with_the_reason(world: World) -> None:
    run = an_unproven_run(world)
    with pytest.raises(Refused, match="It ran on the machine elsewhere, and this is another"):
        confirm(run.pk, user=world.olga)
    run.asset.tenant = world.other
    run.asset.save()
    with pytest.raises(Refused, match="belongs to another tenant now"):
        confirm(run.pk, user=world.olga)
    run.step.survives_worker = False
    run.step.save()
    with pytest.raises(Refused, match="what it set off at its far end cannot be looked at"):
        confirm(run.pk, user=world.olga)


def test_two_do_not_look_at_one_moment(world: World, sshd: Sshd, unproven: Callable[[], StepRun]) -> None:
    run = unproven()
    sshd.start()
    answers = in_threads(2, lambda _: confirm(run.pk, user=world.olga))
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (len(answers), len(refused)) == (2, 1)
    assert Event.objects.filter(type="step.stop_confirmed").count() == 1


@pytest.mark.parametrize("other", [{"stop_confirmed": False}, {"status": "interrupted", "finished_at": None}])
def test_while_more_of_the_run_is_in_doubt_there_the_asset_stays_kept(
    world: World, other: dict[str, object]
) -> None:
    run = an_unproven_run(world, begun_by="")
    execution = run.execution
    second = factories.a_step(execution, "second", survives_worker=True)
    factories.a_step_run(second, run.asset, **{"status": "cancelled"} | other)
    StepRun.objects.filter(pk=run.pk).update(begun_by=f"{HERE}:1:1")
    look = confirm(run.pk, user=world.olga)
    assert look.confirmed
    assert "here stays held by its run" in look.sentence
    assert Lease.objects.get().under_review


def test_a_clean_up_that_did_not_run_still_waits_for_a_person(world: World) -> None:
    run = an_unproven_run(world, begun_by=f"{HERE}:1:1")
    DeadLetter.objects.update(category="cleanup", created_at=timezone.now())
    assert confirm(run.pk, user=world.olga).confirmed
    assert DeadLetter.objects.get().closed_at is None
    assert not Lease.objects.exists()


def test_a_decision_about_one_target_frees_none_whose_end_is_not_proven(world: World) -> None:
    assets = [world.here(name).pk for name in "abc"]
    submitted = world.submit(script("true", on_failure="continue"), targets=["a", "b", "c"])
    unknown, unproven, failed = claim_all(submitted)
    execution = submitted.execution_id
    leases.acquire(tenant_id=world.acme.pk, execution_id=execution, assets=assets, worker="w", ttl_s=300)
    timed_out = Outcome(status=OutcomeStatus.TIMED_OUT, stop_confirmed=False)
    lifecycle.finish(unproven, timed_out, worker=WORKER)
    lifecycle.finish(failed, Outcome(status=OutcomeStatus.FAILED), worker=WORKER)
    lifecycle.interrupt(unknown, Outcome(status=OutcomeStatus.INTERRUPTED), worker=WORKER)
    assert Lease.objects.filter(under_review=True).count() == 3

    resolve(unknown.step_run_id, user=world.olga, decision="succeeded", reason="seen on a")

    assert status_of(execution) == "partial"
    kept = Lease.objects.get()
    assert (kept.lockable_id, kept.under_review) == (unproven.asset_id, True)
