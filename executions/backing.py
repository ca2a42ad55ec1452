"""Whether those who approved a run, or one of its steps, still stand behind it; asked before every step."""

from uuid import UUID

from executions.authority import BREAK_GLASS, vote_objection
from executions.models import Approval, Execution, StepGate
from executions.plans.approved import gate_hash
from executions.voting import Tally


def run_objection(execution_id: UUID) -> str:
    """Why the approval of a run at level 2 or 3 does not carry it any more; empty when it does."""
    execution = _with_approval(execution_id)
    approval = execution.approval
    if approval.status != Approval.Status.BREAK_GLASS:
        return _too_few(Tally(execution, approval), "it")
    if approval.decided_by is None or not approval.decided_by.has_perm(BREAK_GLASS, execution):
        return f"{approval.decided_by} broke the glass and may not do that any more"
    return ""


def step_objection(gate: StepGate) -> str:
    """Why the letting in of a step does not carry it any more; empty when it does."""
    execution = _with_approval(gate.execution_id)
    wanted = gate_hash(execution.approval_hash, gate.step.key, gate.step.spec)
    return _too_few(Tally(execution, execution.approval, gate, wanted), "this step")


def _with_approval(execution_id: UUID) -> Execution:
    rows = Execution.objects.select_related("approval__decided_by", "requested_by").defer("plan")
    return rows.get(pk=execution_id)


def _too_few(tally: Tally, what: str) -> str:
    if not tally.missing:
        return ""
    gone = [said for vote in tally.given if (said := vote_objection(tally.execution, vote))]
    return f"fewer people than it needs stand behind {what}{': ' if gone else ''}{', '.join(gone)}"
