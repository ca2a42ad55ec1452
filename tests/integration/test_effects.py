"""The intent of an attempt is on record before its effect, once, and is completed with the attempt's end."""

from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test import Client

from executions import gates, lifecycle, sweeper
from executions.gates import StepEffects
from executions.lifecycle import ClaimedStep
from executions.models import EffectRecord, StepRun
from executions.resolution import resolve
from safety.cancellation import CancelToken
from safety.context import LeaseLost, Outcome, OutcomeStatus
from tests.losing import WORKER, claim, let_leases_run_out, unsafe_step
from tests.world import World, in_threads

pytestmark = pytest.mark.usefixtures("patient_reaper")
DONE = Outcome(status=OutcomeStatus.SUCCEEDED)
NO = Outcome(status=OutcomeStatus.FAILED, category="exit_code", detail="no")
UNKNOWN = Outcome(status=OutcomeStatus.INTERRUPTED, category="no_answer", detail="nobody knows")


def begin(step: ClaimedStep) -> bool:
    return StepEffects(step, CancelToken()).begin()


def claimed(world: World, **more: object) -> ClaimedStep:
    world.submit(unsafe_step(**more))
    return claim()


def the_record() -> EffectRecord:
    return EffectRecord.objects.get()


def test_of_twenty_that_begin_the_same_attempt_at_once_one_may(world: World) -> None:
    step = claimed(world)
    answers = in_threads(20, lambda _: begin(step))
    assert sorted(answers) == [False] * 19 + [True]
    record = the_record()
    assert (record.attempt, record.token, record.worker, record.outcome) == (1, step.token, WORKER, "")


@pytest.mark.parametrize(
    ("end", "outcome", "is_over"),
    [
        (lambda step: lifecycle.finish(step, DONE, worker=WORKER), "succeeded", True),
        (lambda step: lifecycle.finish(step, NO, worker=WORKER), "failed", True),
        (lambda step: lifecycle.retry_later(step, NO, worker=WORKER, delay_s=0), "failed", True),
        (lambda step: lifecycle.interrupt(step, UNKNOWN, worker=WORKER), "unknown", False),
        (lambda step: lifecycle.hand_over(step, NO, worker=WORKER, resume=True), "", False),
        (lambda step: lifecycle.hand_over(step, NO, worker=WORKER, resume=False), "handed_over", True),
        (lambda step: lifecycle.hand_over(step, NO, worker=WORKER, resume=False, counts=True), "lost", True),
    ],
)
def test_the_record_says_how_the_attempt_ended(
    world: World, end: Callable[[ClaimedStep], object], outcome: str, is_over: bool
) -> None:
    step = claimed(world)
    begin(step)
    end(step)
    record = the_record()
    assert (record.outcome, record.ended_at is not None) == (outcome, is_over)


def test_what_a_worker_handed_over_by_itself_may_be_begun_again_by_the_next(world: World) -> None:
    step = claimed(world)
    begin(step)
    lifecycle.hand_over(step, NO, worker=WORKER, resume=False)
    again = claim(worker="other:1:1")
    assert begin(again)
    record = the_record()
    assert (record.attempt, record.token, record.worker) == (1, again.token, "other:1:1")
    assert (record.outcome, record.ended_at) == ("", None)


def test_each_attempt_has_a_record_of_its_own(world: World) -> None:
    step = claimed(world, retries=2, effect="idempotent")
    begin(step)
    lifecycle.retry_later(step, NO, worker=WORKER, delay_s=0)
    sweeper.tick()
    begin(claim())
    assert list(EffectRecord.objects.order_by("attempt").values_list("attempt", "outcome")) == [
        (1, "failed"),
        (2, ""),
    ]


def test_an_intent_whose_answer_was_lost_is_read_back_and_the_effect_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = claimed(world)
    lose_an_answer(monkeypatch)
    assert begin(step)
    assert the_record().token == step.token


def test_an_intent_whose_answer_was_lost_is_not_taken_for_that_of_another_holder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = claimed(world)
    begin(step)
    EffectRecord.objects.update(token=step.token - 1)
    lose_an_answer(monkeypatch)
    assert not begin(step)


def lose_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next statement is committed, and the connection breaks before its answer comes."""
    real, losses = gates.fetch_one, [True]

    def losing(*arguments: object) -> object:
        answer = real(*arguments)  # type: ignore[arg-type]
        if losses:
            losses.pop()
            connection.close()
            raise OperationalError("server closed the connection unexpectedly")
        return answer

    monkeypatch.setattr(gates, "fetch_one", losing)


def test_an_intent_that_is_committed_while_the_reaper_decides_is_seen_by_it(world: World) -> None:
    """A few rounds of a holder that begins at the end of its lease against a reaper."""
    for _ in range(15):
        step = claimed(world)
        StepRun.objects.filter(pk=step.step_run_id).update(lease_expires_at=soon())
        began, _ready = in_threads(
            2, lambda number, step=step: try_begin(step) if number else sweeper.tick()
        )[::-1]
        let_leases_run_out()
        sweeper.tick()
        run = StepRun.objects.get(pk=step.step_run_id)
        assert run.status == ("interrupted" if began else "ready")
        StepRun.objects.filter(status="ready").update(status="skipped", finished_at=Now())


def soon() -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() + interval '2 milliseconds'")
        return cursor.fetchone()[0]


def try_begin(step: ClaimedStep) -> bool:
    try:
        return begin(step)
    except LeaseLost:
        return False


def test_a_person_s_decision_about_an_unknown_outcome_is_kept_with_the_record(world: World) -> None:
    step = claimed(world)
    begin(step)
    let_leases_run_out()
    sweeper.tick()
    resolve(step.step_run_id, user=world.olga, decision="retry", reason="it never arrived")
    record = the_record()
    assert (record.outcome, record.ended_at is not None) == ("decided_retry", True)
    assert begin(claim(step_run_id=step.step_run_id))
    assert EffectRecord.objects.count() == 2


def test_the_page_says_when_and_where_an_attempt_began_and_what_is_known_of_it(world: World) -> None:
    step = claimed(world)
    begin(step)
    lifecycle.interrupt(step, UNKNOWN, worker=WORKER)
    client = Client()
    client.force_login(world.olga)
    page = client.get(f"/executions/{step.execution_id}/?run={step.step_run_id}").content.decode()
    text = " ".join(page.split())
    assert "Attempt 1 began to take effect" in text
    assert f"on worker <code>{WORKER}</code>: outcome unknown." in text
    assert not EffectRecord.objects.visible_to(world.nina).exists()
    assert EffectRecord.objects.visible_to(world.tom).count() == 1
