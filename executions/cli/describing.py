"""An execution as data: what `--json` prints and what the tables are made of."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from executions.budget import budget_of
from executions.models import Approval, EffectRecord, Execution, OutputChunk, StepRun

COUNTED = ("succeeded", "failed", "timed_out", "cancelled", "skipped", "interrupted")


def describe(
    execution: Execution, *, output: bool = False, most_step_runs: int | None = None
) -> dict[str, Any]:
    """Everything about the execution as plain data; `output` adds what its steps said, masked as stored.

    `most_step_runs`: only the first so many of them (None: all).
    """
    return {
        "id": execution.pk,
        "name": execution.name,
        "status": execution.status,
        "status_reason": execution.status_reason,
        "mode": execution.mode,
        "shadow": execution.shadow,
        "sla": execution.sla,
        "action_class": execution.action_class,
        "environment": execution.environment,
        "tenant": execution.tenant.slug,
        "requested_by": execution.requested_by.get_username(),
        "retry_of": execution.retry_of_id,
        "plan_hash": execution.plan_hash,
        "approval": _approval(execution),
        "cancel": _cancel(execution),
        "created_at": _moment(execution.created_at),
        "started_at": _moment(execution.started_at),
        "finished_at": _moment(execution.finished_at),
        "elapsed_s": _seconds(execution),
        "budget": budget_of(execution).as_data(),
        "progress": {"percent": execution.percent, "total": execution.total_runs, "open": execution.open_runs}
        | {name: getattr(execution, f"{name}_runs") for name in COUNTED},
        "steps": [_step_run(run, output=output) for run in islice(step_runs(execution), most_step_runs)],
    }


def _approval(execution: Execution) -> dict[str, Any]:
    approval = Approval.objects.filter(execution=execution).select_related("decided_by").first()
    return {
        "level": execution.approval_level,
        "policy": approval.policy if approval else None,
        "quorum": approval.quorum if approval else None,
        "groups": approval.groups if approval else [],
        "votes": _votes(approval),
        "hash": execution.approval_hash,
        "status": approval.status if approval else None,
        "decided_by": approval.decided_by.get_username() if approval and approval.decided_by else None,
    }


def _votes(approval: Approval | None) -> list[dict[str, Any]]:
    votes = approval.votes.select_related("person").order_by("at", "pk") if approval else ()
    return [
        {"person": vote.person.get_username(), "decision": vote.decision, "at": _moment(vote.at)}
        for vote in votes
    ]


def _cancel(execution: Execution) -> dict[str, Any] | None:
    if execution.cancel_requested_at is None:
        return None
    return {
        "at": _moment(execution.cancel_requested_at),
        "kind": execution.cancel_kind,
        "reason": execution.cancel_reason,
        "by": execution.cancel_actor,
    }


def step_runs(execution: Execution) -> Iterator[StepRun]:
    """Its step runs in the order of the plan."""
    rows = StepRun.objects.filter(execution=execution).select_related("step", "asset")
    rows = rows.prefetch_related("effects")
    return rows.order_by("position", "asset__name", "pk").iterator(chunk_size=500)


def output_of(run: StepRun) -> Iterator[tuple[str, str]]:
    """(stream, masked text) of the last attempt, in order."""
    chunks = OutputChunk.objects.filter(step_run=run, attempt=run.attempt).order_by("sequence")
    return chunks.values_list("stream", "text").iterator(chunk_size=100)


def _step_run(run: StepRun, *, output: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": run.pk,
        "step": run.step.key,
        "name": run.step.name,
        "kind": run.step.kind,
        "target": run.asset.name if run.asset else None,
        "status": run.status,
        "attempt": run.attempt,
        "exit_code": run.exit_code,
        "category": run.category,
        "detail": run.detail,
        "waiting_for": run.waiting_for,
        "stop_confirmed": run.stop_confirmed,
        "cleaned_up": run.cleaned_up,
        "cleanup_detail": run.cleanup_detail,
        "started_at": _moment(run.started_at),
        "finished_at": _moment(run.finished_at),
        "elapsed_s": _seconds(run),
        "summary": run.summary,
        "effects": [_effect(effect) for effect in run.effects.all()],
    }
    if output:
        described["output"] = [{"stream": stream, "text": text} for stream, text in output_of(run)]
    return described


def _effect(effect: EffectRecord) -> dict[str, Any]:
    """What one attempt was about to do to its target, and how that ended; outcome is empty while unknown."""
    return {
        "attempt": effect.attempt,
        "worker": effect.worker,
        "begun_at": _moment(effect.begun_at),
        "ended_at": _moment(effect.ended_at),
        "outcome": effect.outcome,
    }


def _seconds(timed: Execution | StepRun) -> float | None:
    if timed.started_at is None or timed.finished_at is None:
        return None
    return round((timed.finished_at - timed.started_at).total_seconds(), 3)


def _moment(at: Any) -> str | None:
    return at.isoformat() if at else None
