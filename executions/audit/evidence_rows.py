"""The rows of one execution as documents for its evidence, read piece by piece."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, LiteralString
from uuid import UUID

from executions.models import Approval, EffectRecord, Execution, OutputChunk, Step, StepRun
from executions.plans.approved import approval_hash
from safety.sql import fetch

RUNS_AT_ONCE = 200
CHUNKS_AT_ONCE = 16

Document = dict[str, Any]

_NOW: LiteralString = "SELECT statement_timestamp() AS now"


def now() -> str:
    """The database's time."""
    return str(moment(fetch(_NOW)[0]["now"]))


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def steps_of(execution: Execution) -> list[Document]:
    """A line for each step, with the ids of its targets (null: none), as it was frozen."""
    targets: dict[int, list[str | None]] = {}
    runs = StepRun.objects.filter(execution=execution).order_by("position", "asset_id")
    for step_id, asset_id in runs.values_list("step_id", "asset_id").iterator(chunk_size=5_000):
        targets.setdefault(step_id, []).append(str(asset_id) if asset_id else None)
    return [
        {
            "line": "step",
            "id": step.key,
            "targets": targets.get(step.pk, []),
            "action_class": step.action_class,
            "effect": step.effect,
            "timeout": step.timeout_s,
            "retries": step.retries,
            "spec": step.spec,
            "name": step.name,
        }
        for step in Step.objects.filter(execution=execution).order_by("position")
    ]


def execution_line(execution: Execution, steps: Sequence[Document]) -> Document:
    """What it is and how it ended. `approval_hash_is`: over the whole plan, or the part that a retry runs."""
    names = (
        "name",
        "status",
        "status_reason",
        "mode",
        "sla",
        "action_class",
        "environment",
        "policy",
        "trace_id",
    )
    return {
        "line": "execution",
        "id": execution.pk,
        **{name: getattr(execution, name) for name in names},
        "requested_by": execution.requested_by.get_username(),
        "retry_of": execution.retry_of_id,
        "plan_hash": execution.plan_hash,
        "approval_level": execution.approval_level,
        "approval_hash": execution.approval_hash,
        "approval_hash_is": _bound_to(execution, steps),
        "cancel": [execution.cancel_kind, execution.cancel_actor, execution.cancel_reason],
        "step_runs": execution.total_runs,
        **{
            name: moment(getattr(execution, name))
            for name in ("created_at", "started_at", "cancel_requested_at", "finished_at")
        },
    }


def decided(step: Document) -> Document:
    """The part of a step's line that its approval covers."""
    names = ("id", "targets", "action_class", "effect", "timeout", "retries", "spec")
    return {name: step[name] for name in names}


def _bound_to(execution: Execution, steps: Sequence[Document]) -> str:
    """Whether the approval hash covers these steps as the whole plan, or as a retry that leaves something out."""
    for words, is_part in (("whole", False), ("part", True)):
        if (
            approval_hash(execution.plan_hash, map(decided, steps), is_part=is_part)
            == execution.approval_hash
        ):
            return words
    return "not rebuilt"


def approval_lines(execution: Execution) -> Iterator[Document]:
    """The approval, where one was needed."""
    for approval in Approval.objects.filter(execution=execution).select_related("decided_by"):
        yield {
            "line": "approval",
            "status": approval.status,
            "level": approval.level,
            "approval_hash": approval.approval_hash,
            "decided_by": approval.decided_by.get_username() if approval.decided_by else None,
            "comment": approval.comment,
            "signed_in_with": approval.signed_in_with,
            "address": approval.address,
            **{
                name: moment(getattr(approval, name)) for name in ("requested_at", "expires_at", "decided_at")
            },
        }


def run_lines(execution: Execution) -> Iterator[Document]:
    """Some step runs at a time: the pieces of their masked output, then each with the hash of each attempt's output."""
    rows = (
        StepRun.objects.filter(execution=execution).select_related("step", "asset").order_by("position", "pk")
    )
    runs = rows.iterator(chunk_size=RUNS_AT_ONCE)
    while some := list(islice(runs, RUNS_AT_ONCE)):
        said: dict[tuple[UUID, int], Any] = {}
        ids = [run.pk for run in some]
        chunks = OutputChunk.objects.filter(step_run__in=ids).order_by("step_run", "attempt", "sequence")
        for chunk in chunks.iterator(chunk_size=CHUNKS_AT_ONCE):
            said.setdefault((chunk.step_run_id, chunk.attempt), sha256()).update(chunk.text.encode())
            yield _output(chunk)
        effects: dict[UUID, list[Document]] = {}
        for effect in EffectRecord.objects.filter(step_run__in=ids).order_by("step_run", "attempt"):
            effects.setdefault(effect.step_run_id, []).append(_effect(effect))
        for run in some:
            outputs = {attempt: digest.hexdigest() for (of, attempt), digest in said.items() if of == run.pk}
            yield _step_run(run, effects.get(run.pk, []), outputs)


def _output(chunk: OutputChunk) -> Document:
    names = ("attempt", "sequence", "stream", "text")
    return {
        "line": "output",
        "step_run": chunk.step_run_id,
        **{name: getattr(chunk, name) for name in names},
        "at": moment(chunk.at),
    }


def _effect(effect: EffectRecord) -> Document:
    names = ("attempt", "worker", "outcome")
    return {name: getattr(effect, name) for name in names} | {
        name: moment(getattr(effect, name)) for name in ("begun_at", "ended_at")
    }


def _step_run(run: StepRun, effects: list[Document], outputs: dict[int, str]) -> Document:
    names = ("status", "attempt", "exit_code", "category", "detail", "worker", "stop_confirmed", "cleaned_up")
    return {
        "line": "step_run",
        "id": run.pk,
        "step": run.step.key,
        "target": {"id": run.asset.pk, "name": run.asset.name} if run.asset else None,
        **{name: getattr(run, name) for name in (*names, "cleanup_detail", "summary")},
        **{name: moment(getattr(run, name)) for name in ("started_at", "finished_at")},
        "effects": effects,
        "output_sha256": outputs,
    }
