"""Promises about the outermost guard: nothing secret gets past it, and logs know every value in use."""

import traceback
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from safety.cancellation import CancelToken
from safety.choices import ActionClass, Effect
from safety.context import LeaseLost, Limits, Outcome, OutcomeStatus, StepContext
from safety.masking import MASK, Masker, MaskingError, live
from safety.masking.live import mask_for_logs
from safety.masking.middleware import WITHHELD, FailureMasked, MaskingMiddleware
from safety.middleware.timeout import TimeoutMiddleware

SECRET = "correct-horse-9"


class Anything:
    """An effect log and an approval that have nothing to say."""

    def begin(self) -> bool:
        return True

    def watch(self, token: CancelToken) -> Callable[[], None]:
        return lambda: None

    def objection(self) -> str:
        return ""


def new_step() -> StepContext:
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
        arguments={},
        credentials={},
        effects=Anything(),
        approval=Anything(),
        wishes=Anything(),
    )


def run(connector: Callable[[Masker], Outcome], step: StepContext | None = None) -> Outcome:
    def proceed(step: StepContext) -> Outcome:
        assert step.masker is not None
        step.masker.add(SECRET)
        return connector(step.masker)

    return MaskingMiddleware(proceed)(step or new_step())


@pytest.fixture(autouse=True)
def _no_values_of_others() -> Iterator[None]:
    live._lingering.clear()
    yield
    live._lingering.clear()


def test_detail_and_summary_of_an_outcome_are_masked() -> None:
    outcome = run(
        lambda masker: Outcome(
            status=OutcomeStatus.FAILED,
            detail=f"cannot use {SECRET}",
            summary=f"{SECRET}\npassword=x",
            exit_code=3,
        )
    )

    assert outcome == Outcome(
        status=OutcomeStatus.FAILED,
        detail=f"cannot use {MASK}",
        summary=f"{MASK}\npassword=[masked:password]",
        exit_code=3,
    )


def test_what_cannot_be_masked_is_withheld() -> None:
    def connector(masker: Masker) -> Outcome:
        masker.wipe()
        return Outcome(status=OutcomeStatus.SUCCEEDED, summary=SECRET)

    assert run(connector) == Outcome(status=OutcomeStatus.SUCCEEDED, summary=WITHHELD)


def test_an_exception_with_a_secret_is_replaced_and_not_chained() -> None:
    def connector(masker: Masker) -> Outcome:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as cause:
            raise RuntimeError(f"bad {SECRET}") from cause

    with pytest.raises(FailureMasked, match=r"^RuntimeError: bad \[masked\]$") as failure:
        run(connector)

    assert failure.value.__cause__ is None
    assert failure.value.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize("hiding", ["cause", "context", "note", "group"])
def test_a_secret_hidden_in_what_an_exception_carries_is_found(hiding: str) -> None:
    def connector(masker: Masker) -> Outcome:
        inner = ValueError(SECRET)
        outer = RuntimeError("harmless")
        if hiding == "group":
            raise ExceptionGroup("harmless", [inner])
        if hiding == "note":
            outer.add_note(SECRET)
        if hiding == "cause":
            outer.__cause__ = inner
        if hiding == "context":
            outer.__context__ = inner
        raise outer

    with pytest.raises(FailureMasked):
        run(connector)


@pytest.mark.parametrize("error", [LeaseLost(), OSError("no secret in here"), KeyboardInterrupt()])
def test_other_exceptions_pass_as_they_are(error: BaseException) -> None:
    def connector(masker: Masker) -> Outcome:
        raise error

    with pytest.raises(type(error)) as failure:
        run(connector)

    assert failure.value is error


def test_logs_are_masked_while_the_step_runs_and_for_a_minute_after(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mask_for_logs(SECRET) == SECRET

    run(lambda masker: Outcome(status=OutcomeStatus.SUCCEEDED, detail=mask_for_logs(f"now {SECRET}")))

    assert mask_for_logs(f"later {SECRET} jane@example.com") == "later [masked] [masked:email]"
    monkeypatch.setattr(live.time, "monotonic", lambda: live.LINGER_S + 1e9)
    live.forget_expired()
    assert mask_for_logs(SECRET) == SECRET


def test_the_masker_is_wiped_and_gone_after_the_step() -> None:
    step, kept = new_step(), []
    run(lambda masker: kept.append(masker) or Outcome(status=OutcomeStatus.SUCCEEDED), step)

    assert step.masker is None
    with pytest.raises(MaskingError):
        kept[0].text("x")


def test_steps_with_the_same_secrets_do_not_pile_up() -> None:
    before = list(live._active)  # what this process masks for longer than a step, such as its own token
    for _ in range(5):
        run(lambda masker: Outcome(status=OutcomeStatus.SUCCEEDED))

    assert len(live._lingering) == 1
    assert live._active == before


def test_the_masker_learns_when_the_step_has_to_be_over() -> None:
    def proceed(step: StepContext) -> Outcome:
        assert step.masker is not None
        assert step.masker.deadline == step.deadline > 0
        return Outcome(status=OutcomeStatus.SUCCEEDED)

    assert MaskingMiddleware(TimeoutMiddleware(proceed))(new_step()).status is OutcomeStatus.SUCCEEDED
