"""What a step names to clean up: after it was stopped and began, bounded, masked, on record, and only then."""

from pathlib import Path
from typing import Any

import pytest

from executions import control, releasing, sweeper
from executions.holdings import HOLDINGS
from executions.models import DeadLetter, Event, StepRun
from executions.submission import Submitted
from safety.cancellation import CancelReason
from safety.choices import Role
from safety.masking import MASK
from safety.models import Lease, Membership
from tests.losing import let_leases_run_out
from tests.services.httpd import TargetHttp
from tests.stopping import while_working
from tests.world import World, events_of, output_of, runs_of, script, states_of, until, work_off

pytestmark = pytest.mark.usefixtures("working", "patient_reaper")


def clean(text: str, **more: Any) -> dict[str, Any]:
    return {"kind": "script", "with": {"script": text}} | more


def cancelled_midway(world: World, folder: Path, on_cancel: dict[str, Any], **more: Any) -> Submitted:
    """A script that was cancelled while it ran, and has this clean-up."""
    begun = folder / "begun"
    text = f"printf half; touch {begun}; sleep 60"
    submitted = world.submit(script(text, on_cancel=on_cancel, **more), targets=["here"])

    def cancel() -> None:
        until(begun.exists)
        control.request_cancel(submitted.execution_id, user=world.olga, reason="enough")

    while_working(cancel)
    return submitted


def test_it_runs_on_the_target_once_the_step_is_dead_and_its_output_is_a_section(
    world: World, tmp_path: Path
) -> None:
    world.here()
    cleaned = clean(f"[ -e {tmp_path}/begun ] && rm {tmp_path}/begun && echo tidied")
    submitted = cancelled_midway(world, tmp_path, cleaned)
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.stop_confirmed, run.cleaned_up, run.cleanup_detail) == (
        "cancelled",
        True,
        True,
        "",
    )
    assert output_of(run) == "half\n[clean-up (on_cancel)]\ntidied\n"
    assert not (tmp_path / "begun").exists()
    told = events_of(submitted.execution_id)
    assert told.index("step.cleaned_up") < told.index("step.cancelled")
    assert not Lease.objects.exists()
    assert not DeadLetter.objects.exists()


def test_after_a_timeout_too(world: World, tmp_path: Path) -> None:
    world.here()
    submitted = world.submit(
        script("sleep 60", timeout=1, on_cancel=clean(f"touch {tmp_path}/cleaned")), targets=["here"]
    )
    work_off()
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.cleaned_up) == ("timed_out", True)
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(
    ("on_cancel", "why"),
    [(clean("exit 3"), "exited with 3"), (clean("sleep 60", timeout=1), "did not end in time and was ended")],
)
def test_one_that_fails_or_hangs_is_a_dead_letter_and_delays_nothing(
    world: World, tmp_path: Path, on_cancel: dict[str, Any], why: str
) -> None:
    world.here()
    submitted = cancelled_midway(world, tmp_path, on_cancel)
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.cleaned_up) == ("cancelled", False)
    assert why in run.cleanup_detail
    assert "step.cleanup_failed" in events_of(submitted.execution_id)
    letter = DeadLetter.objects.get()
    assert (letter.category, why in letter.reason) == ("cleanup", True)
    assert not Lease.objects.exists()


def test_a_step_that_never_began_or_ended_by_itself_has_nothing_to_clean_up(
    world: World, tmp_path: Path
) -> None:
    world.here()
    mark = tmp_path / "cleaned"
    waits = world.submit(script("true", on_cancel=clean(f"touch {mark}")), targets=["here"])
    control.request_cancel(waits.execution_id, user=world.olga, reason="no")
    done = world.submit(script("exit 4", on_cancel=clean(f"touch {mark}")), targets=["here"])
    work_off()
    assert states_of(done.execution_id) == {"work": "failed"}
    assert set(StepRun.objects.values_list("cleaned_up", flat=True)) == {None}
    assert not mark.exists()


def test_its_secrets_reach_it_as_files_and_are_masked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSC_SECRET_ACME__WORD", "open-sesame-42")
    world.here()
    arguments = {
        "script": "cat $OPSC_SECRETS_DIR/w | tr a-z A-Z; echo; cat $OPSC_SECRETS_DIR/w",
        "secrets": {"w": {"secret": "env:WORD"}},
    }
    submitted = cancelled_midway(world, tmp_path, {"kind": "script", "with": arguments})
    said = output_of(runs_of(submitted.execution_id)[0])
    assert "OPEN-SESAME-42" in said
    assert MASK in said
    assert "open-sesame-42" not in said


def test_a_request_that_was_cut_is_called_off_by_another(world: World, target_http: TargetHttp) -> None:
    begin = {"method": "POST", "url": target_http.on("/deploy", hang=True)}
    call_off = {"kind": "http", "with": {"method": "DELETE", "url": target_http.on("/deploy/1")}}
    submitted = world.submit(
        {"id": "deploy", "kind": "http", "with": begin, "estimate": 1, "on_cancel": call_off}
    )

    def cancel() -> None:
        target_http.wait_for("/deploy")
        control.request_cancel(submitted.execution_id, user=world.olga, reason="wrong release")

    while_working(cancel)
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.stop_confirmed, run.cleaned_up) == ("cancelled", False, True)
    assert [request.method for request in target_http.requests("/deploy/1")] == ["DELETE"]


def test_it_survives_the_worker_that_began_it_and_is_not_begun_twice(world: World, tmp_path: Path) -> None:
    world.here()
    begun, cleaning = tmp_path / "begun", tmp_path / "cleaning"
    text = f"touch {begun}; sleep 60"
    tidy = f"echo x >>{cleaning}; until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo tidied"
    submitted = world.submit(script(text, on_cancel=clean(tidy)), targets=["here"])

    def cancel_and_lose() -> None:
        until(begun.exists)
        control.request_cancel(submitted.execution_id, user=world.olga, reason="enough")
        until(cleaning.exists)
        HOLDINGS.cancel_all(CancelReason.LEASE_LOST, "the worker is gone")

    while_working(cancel_and_lose)
    assert runs_of(submitted.execution_id)[0].status == "running"
    let_leases_run_out()
    (tmp_path / "go").touch()

    def over() -> bool:
        sweeper.tick()
        work_off()
        return runs_of(submitted.execution_id)[0].status == "cancelled"

    until(over)
    (run,) = runs_of(submitted.execution_id)
    assert (run.cleaned_up, run.attempt) == (True, 1)
    assert cleaning.read_text() == "x\n"
    assert "tidied" in output_of(run)
    assert Event.objects.filter(type="step.cleaned_up").count() == 1


@pytest.mark.parametrize("worker_lost", [False, True])
def test_it_does_not_run_on_an_asset_that_was_taken_away(
    world: World, tmp_path: Path, worker_lost: bool
) -> None:
    """Whoever has the asset now is not disturbed, whether the step's own worker stops it or the next one."""
    asset, begun, mark = world.here(), tmp_path / "begun", tmp_path / "cleaned"
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    work = script(f"touch {begun}; sleep 60", on_cancel=clean(f"touch {mark}"))
    submitted = world.submit(work, targets=["here"])

    def take_away() -> None:
        until(begun.exists)
        if worker_lost:
            HOLDINGS.cancel_all(CancelReason.LEASE_LOST, "the worker is gone")
            return
        releasing.release_lease(asset.pk, user=world.tom, reason="mine now", force=True)

    while_working(take_away)
    if worker_lost:
        let_leases_run_out()
        sweeper.tick()
        releasing.release_lease(asset.pk, user=world.tom, reason="mine now", force=True)
        work_off()
    (run,) = runs_of(submitted.execution_id)
    assert (run.status, run.stop_confirmed, run.cleaned_up) == ("cancelled", True, False)
    assert run.cleanup_detail.startswith("not run")
    assert run.cleanup_detail.endswith("the asset was taken away from its execution")
    assert DeadLetter.objects.get().category == "cleanup"
    assert not mark.exists()


def test_it_does_not_run_when_its_author_lost_the_right_meanwhile(world: World, tmp_path: Path) -> None:
    world.here()
    Membership.objects.filter(user=world.tom).update(role=Role.TENANT_ADMIN)
    submitted = world.submit(
        script(f"touch {tmp_path}/begun; sleep 60", on_cancel=clean(f"touch {tmp_path}/cleaned")),
        targets=["here"],
    )

    def dismiss() -> None:
        until((tmp_path / "begun").exists)
        Membership.objects.filter(user=world.olga).delete()
        control.request_cancel(submitted.execution_id, user=world.tom, reason="olga left")

    while_working(dismiss)
    (run,) = runs_of(submitted.execution_id)
    assert not (tmp_path / "cleaned").exists()
    assert (run.status, run.stop_confirmed, run.cleaned_up) == ("cancelled", True, False)
    assert run.cleanup_detail == "not run: olga may not do this any more, no membership in this tenant"
    assert DeadLetter.objects.get().category == "cleanup"
    assert events_of(submitted.execution_id).count("rbac.violation") == 1
