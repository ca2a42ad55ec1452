"""Each guard is in the running path: with it a run is safe, and what it prevents happens when it is taken out."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.utils import timezone
from pytest_django import Settings

from executions import engine, lifecycle
from executions.models import Approval, EffectRecord, Execution
from executions.submission import Submitted
from safety import chain, leases
from safety.models import AccessDecision, Membership
from tests.world import World, output_of, runs_of, script, status_of, work_off

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Exists once the step has touched its target."""
    return tmp_path / "touched"


def run(world: World, marker: Path, before: Callable[[Submitted], object] = lambda _: None) -> bool:
    """Submit a step that touches the target, let `before` interfere, work; whether the target was touched."""
    world.here()
    submitted = world.submit(script(f"touch {marker}"), targets=["here"])
    before(submitted)
    work_off()
    return marker.exists()


def unplug(settings: Settings, name: str) -> None:
    left = [path for path in settings.SAFETY_MIDDLEWARE if not path.endswith(name)]
    assert len(left) == len(settings.SAFETY_MIDDLEWARE) - 1
    settings.SAFETY_MIDDLEWARE = left


def revoke(_: Submitted) -> None:
    Membership.objects.update(ends_at=timezone.now() - timedelta(seconds=1))


def tamper_with_the_approval(_: Submitted) -> None:
    Approval.objects.update(approval_hash="0" * 64)


def hold_its_asset(submitted: Submitted) -> None:
    execution = Execution.objects.get(pk=submitted.execution_id)
    leases.acquire(
        tenant_id=execution.tenant_id,
        execution_id=uuid4(),
        assets=[run.asset_id for run in runs_of(submitted.execution_id)],
        worker="elsewhere",
        ttl_s=30,
    )


@pytest.mark.parametrize(
    ("guard", "before"),
    [
        ("RbacMiddleware", revoke),
        ("ApprovalMiddleware", tamper_with_the_approval),
        ("MutexMiddleware", hold_its_asset),
    ],
)
@pytest.mark.parametrize("plugged", [True, False])
def test_a_guard_that_says_no_keeps_the_target_untouched_and_nothing_else_does(
    world: World,
    marker: Path,
    settings: Settings,
    guard: str,
    before: Callable[[Submitted], object],
    plugged: bool,
) -> None:
    if not plugged:
        unplug(settings, guard)
    assert run(world, marker, before) is not plugged


@pytest.mark.parametrize("guard", ["MaskingMiddleware", "SecretsMiddleware", "TimeoutMiddleware"])
def test_without_a_masker_secrets_or_a_deadline_nothing_is_run_to_its_end(
    world: World, marker: Path, settings: Settings, guard: str
) -> None:
    unplug(settings, guard)
    run(world, marker)
    assert status_of(Execution.objects.get().pk) != "succeeded"


@pytest.mark.parametrize("plugged", [True, False])
def test_cancellation_stops_a_step_before_any_other_question_is_asked(
    world: World, marker: Path, settings: Settings, plugged: bool
) -> None:
    if not plugged:
        unplug(settings, "CancellationMiddleware")
    world.here()
    world.submit(script(f"touch {marker}"), targets=["here"])
    step = lifecycle.claim_from("fast", worker="w", ttl_s=30)
    assert step is not None
    asked = AccessDecision.objects.count()
    Execution.objects.update(cancel_requested_at=timezone.now(), cancel_kind="user")
    engine.run(step.__class__(**{**vars(step), "cancel_requested": True}), 0.0)
    assert (AccessDecision.objects.count() == asked) is plugged


@pytest.mark.parametrize("plugged", [True, False])
def test_idempotency_commits_the_intent_before_the_effect(
    world: World, marker: Path, settings: Settings, plugged: bool
) -> None:
    if not plugged:
        unplug(settings, "IdempotencyMiddleware")
    run(world, marker)
    assert EffectRecord.objects.exists() is plugged


def test_masking_and_secrets_hand_the_value_to_the_target_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSC_SECRET_ACME__WORD", "open-sesame-42")
    world.here()
    reads = {"id": "read", "kind": "script", "estimate": 1, "action_class": "read"}
    told = {"script": "cat $OPSC_SECRETS_DIR/w | tr a-z A-Z; echo; cat $OPSC_SECRETS_DIR/w", "secrets": {}}
    told["secrets"] = {"w": {"secret": "env:WORD"}}
    submitted = world.submit(reads | {"with": told}, targets=["here"])
    work_off()
    printed = output_of(runs_of(submitted.execution_id)[0])
    assert "OPEN-SESAME-42" in printed  # another value than the secret: the target really had it
    assert "open-sesame-42" not in printed


@pytest.mark.parametrize("missing", range(len(chain.REQUIRED_ORDER)))
def test_the_system_does_not_start_with_a_guard_missing_or_moved(settings: Settings, missing: int) -> None:
    order = list(chain.REQUIRED_ORDER)
    settings.SAFETY_MIDDLEWARE = order[:missing] + order[missing + 1 :]
    assert "safety.E001" in [problem.id for problem in run_checks()]
    settings.SAFETY_MIDDLEWARE = list(reversed(order))
    assert "safety.E001" in [problem.id for problem in run_checks()]
    settings.SAFETY_MIDDLEWARE = order
    assert "safety.E001" not in [problem.id for problem in run_checks()]
