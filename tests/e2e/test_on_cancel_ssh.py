"""Clean-up after a cancel over SSH: it runs on the host, and never while the step may still be alive there."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from executions.models import DeadLetter, StepRun
from safety.models import Lease
from tests.jobs import kill_marked, marked
from tests.services.openssh import Sshd
from tests.stopping import cancelled, hurry, something_that_does_not_end, ssh_asset
from tests.world import World, events_of, output_of

pytestmark = pytest.mark.usefixtures("working")


def tidies(folder: Path) -> dict[str, Any]:
    return {"kind": "script", "with": {"script": f"rm {folder}/begun; echo tidied >{folder}/tidied; echo ok"}}


def nothing(run: StepRun) -> None:
    """The host stays as it is."""


def test_it_runs_over_ssh_once_the_step_is_dead(
    world: World, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = ssh_asset(world, sshd, monkeypatch)
    run = cancelled(world, tmp_path, asset, nothing, on_cancel=tidies(tmp_path))
    assert (run.status, run.stop_confirmed, run.cleaned_up) == ("cancelled", True, True)
    assert (tmp_path / "tidied").exists()
    assert not (tmp_path / "begun").exists()
    assert output_of(run) == "half\n[clean-up (on_cancel)]\nok\n"
    assert not marked(f"{run.pk}-1")
    assert not Lease.objects.exists()


def test_it_never_runs_when_the_host_cannot_be_reached_and_says_so(
    world: World, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    asset = ssh_asset(world, sshd, monkeypatch)
    run = cancelled(world, tmp_path, asset, lambda _: sshd.stop(), on_cancel=tidies(tmp_path))
    assert (run.status, run.stop_confirmed, run.cleaned_up) == ("cancelled", False, False)
    assert run.cleanup_detail.startswith("not run: cannot stop it: ")
    assert not (tmp_path / "tidied").exists()
    assert (DeadLetter.objects.get().category, Lease.objects.get().under_review) == ("cleanup", True)
    assert "step.cleanup_failed" in events_of(run.execution_id)
    assert marked(f"{run.pk}-1")  # which is why nothing was tidied under it
    kill_marked(f"{run.pk}-1")


def test_it_never_runs_while_the_end_of_the_step_is_not_proven(
    world: World, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    asset = ssh_asset(world, sshd, monkeypatch)
    with ExitStack() as stack:
        run = cancelled(
            world,
            tmp_path,
            asset,
            lambda run: stack.enter_context(something_that_does_not_end(run)),
            on_cancel=tidies(tmp_path),
        )
    assert (run.stop_confirmed, run.cleaned_up) == (False, False)
    assert run.cleanup_detail.startswith("not run: what watches over it does not end")
    assert not (tmp_path / "tidied").exists()
