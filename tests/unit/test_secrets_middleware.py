"""Promises about the innermost guard: values exist while the connector runs, and only then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from safety.cancellation import CancelToken
from safety.choices import ActionClass, Effect
from safety.context import Limits, Outcome, OutcomeStatus, StepContext
from safety.masking import MASK, Masker
from safety.secrets.middleware import SecretsMiddleware
from safety.secrets.values import SecretValue

DONE = Outcome(status=OutcomeStatus.SUCCEEDED)


class Anything:
    """An effect log and an approval that have nothing to say."""

    def begin(self) -> bool:
        return True

    def watch(self, token: CancelToken) -> Callable[[], None]:
        return lambda: None

    def objection(self) -> str:
        return ""


@pytest.fixture
def step(settings: Any, tmp_path: Path) -> StepContext:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "password").write_text("correct-horse\n")
    (tmp_path / "acme" / "pin").write_text("123")
    settings.OPSC = settings.OPSC | {"SECRETS_DIR": str(tmp_path)}
    return StepContext(
        tenant_id=1,
        tenant_slug="acme",
        execution_id=uuid4(),
        step_run_id=uuid4(),
        attempt=1,
        token=1,
        worker="w",
        actor_id=1,
        action_class=ActionClass.READ,
        effect=Effect.UNSAFE,
        environment="dev",
        asset_id=None,
        changes_assets=(),
        limits=Limits(policy="fast/read", step_s=5, execution_left_s=10, lease_s=15),
        resume=False,
        arguments={"command": "x", "env": {"PW": {"secret": "file:password"}}},
        credentials={"password": {"secret": "file:password"}},
        effects=Anything(),
        approval=Anything(),
        wishes=Anything(),
        masker=Masker(),
    )


def test_the_connector_gets_values_that_the_masker_knows_and_that_end_with_it(step: StepContext) -> None:
    seen: list[SecretValue] = []

    def connector(step: StepContext) -> Outcome:
        assert step.resolved_arguments is not None
        assert step.resolved_credentials is not None
        assert step.masker is not None
        seen.extend((step.resolved_arguments["env"]["PW"], step.resolved_credentials["password"]))
        assert [value.reveal() for value in seen] == ["correct-horse"] * 2
        assert step.masker.text("a correct-horse") == f"a {MASK}"
        return DONE

    assert SecretsMiddleware(connector)(step) is DONE
    assert step.resolved_arguments is None
    assert step.resolved_credentials is None
    for value in seen:
        with pytest.raises(ValueError, match="wiped"):
            value.reveal()


def test_values_are_wiped_when_the_connector_raises(step: StepContext) -> None:
    def connector(step: StepContext) -> Outcome:
        raise OSError("boom")

    with pytest.raises(OSError, match="boom"):
        SecretsMiddleware(connector)(step)

    assert step.resolved_arguments is None


@pytest.mark.parametrize(
    ("reference", "detail"),
    [
        ("file:nowhere", "secret.missing: file:nowhere does not exist"),
        ("not a reference", "secret.ref: "),
    ],
)
def test_without_its_secret_a_step_is_not_started(step: StepContext, reference: str, detail: str) -> None:
    step.arguments = {"x": {"secret": reference}}

    def connector(step: StepContext) -> Outcome:
        raise AssertionError("started")

    outcome = SecretsMiddleware(connector)(step)

    assert (outcome.status, outcome.category, outcome.retryable) == (OutcomeStatus.FAILED, "secret", False)
    assert outcome.detail.startswith(detail)


def test_a_store_that_may_come_back_is_worth_a_retry(
    step: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_TOKEN", "t")
    step.arguments = {"x": {"secret": "vault:kv/acme/x"}}

    outcome = SecretsMiddleware(lambda step: DONE)(step)

    assert outcome.retryable
    assert (
        outcome.detail == "secret.unreachable: vault: nobody answers at its address, or the connection broke"
    )


def test_without_a_masker_no_secret_is_fetched(step: StepContext) -> None:
    step.masker = None

    outcome = SecretsMiddleware(lambda step: DONE)(step)

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.detail.startswith("secret.unmasked: ")


def test_a_secret_too_short_to_be_masked_is_reported_by_name(
    step: StepContext, caplog: pytest.LogCaptureFixture
) -> None:
    step.arguments = {"pin": {"secret": "file:pin"}}

    SecretsMiddleware(lambda step: DONE)(step)

    assert "file:pin is shorter than 4 characters" in caplog.text
    assert "123" not in caplog.text.replace(str(step.step_run_id), "")
