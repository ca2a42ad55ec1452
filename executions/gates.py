"""What the guards ask the domain: has this effect begun, and is this still what was approved?"""

import logging
import time
from collections.abc import Callable
from typing import LiteralString

from django.db import InterfaceError, OperationalError, connection

from executions import backing, dispatch, letting_in, lifecycle
from executions.approved_run import CHANGED, approved_run
from executions.fresh import FROM_LEVEL
from executions.frozen_again import changed_since
from executions.holdings import HOLDINGS
from executions.lifecycle import ClaimedStep
from executions.plans.approved import gate_hash
from executions.plans.risk import STEP_BY_STEP
from safety import leases
from safety.cancellation import CancelToken, Wish
from safety.context import AssetTaken, LeaseLost
from safety.sql import Row, fetch, fetch_one

logger = logging.getLogger(__name__)

NO_LEASE = 0  # the token of none
FRESH_S = 0.1  # a look at the record is not repeated within so many seconds

_WISH: LiteralString = """
SELECT cancel_kind, cancel_actor, cancel_reason FROM opsc_execution
WHERE id = %(execution)s AND cancel_requested_at IS NOT NULL
"""

_OURS: LiteralString = """
SELECT id FROM opsc_step_run WHERE id = %(id)s AND status = 'running' AND lease_token = %(token)s FOR SHARE
"""

_APPROVED: LiteralString = """
SELECT e.approval_hash, e.approval_level, a.approval_hash AS approved_hash, a.level AS approved_level, a.status,
       s.gated, s.spec, s.position, s.predecessors, e.tenant_id, a.tenant_id AS approved_tenant, e.touches,
       EXISTS (SELECT FROM opsc_step b WHERE b.execution_id = e.id AND b.position = ANY(s.predecessors)
               AND NOT b.closed) AS too_early, g.status AS gate, g.gate_hash,
       encode(sha256(convert_to(e.plan, 'UTF8')), 'hex') AS plan_now, e.plan_hash
FROM opsc_execution e LEFT JOIN opsc_approval a ON a.execution_id = e.id
JOIN opsc_step s ON s.id = %(step)s AND s.execution_id = e.id LEFT JOIN opsc_step_gate g ON g.step_id = s.id
WHERE e.id = %(execution)s
"""

_ASKED: LiteralString = "SELECT level FROM opsc_approval WHERE execution_id = %(execution)s"

_CHECKED: LiteralString = "UPDATE opsc_execution SET targets_checked = true WHERE id = %(execution)s"


class StepEffects:
    """The EffectLog of one claimed step run."""

    def __init__(self, step: ClaimedStep, cancel: CancelToken) -> None:
        self._step, self._cancel = step, cancel
        self._claim = {"id": step.step_run_id, "token": step.token}
        self.begun = False
        self.asset_token: int | None = None

    def holds(self, asset_token: int | None) -> None:
        """From now on nothing may begin, or end well, without this lease on the step's own asset.

        Where the execution had to wait for its leases, its other step runs need not look for themselves.
        """
        self.asset_token = asset_token
        if self._step.waited:
            dispatch.wake(lifecycle.wake_rest(self._step.execution_id))

    def begin(self) -> bool:
        """Commit the intent; false when this attempt's effect had begun before. Raises LeaseLost, AssetTaken.

        Where it had begun under a lease that is gone, somebody else may have been there since: it cannot end well.
        A cancel that was committed before this moment is seen here, one that comes later reaches the holder
        by its heartbeat: nothing falls between.
        """
        try:
            is_new = self._commit_intent()
        except (OperationalError, InterfaceError):
            is_new = self._read_back()
        self.begun = True
        return is_new

    def _commit_intent(self) -> bool:
        step = self._step
        row = fetch_one(lifecycle.BEGIN_EFFECT, self._claim | {"asset_token": self.asset_token})
        if row is None:
            if not leases.holds(step.execution_id, step.asset_id, self.asset_token):
                raise AssetTaken(f"{step.asset_name} was given to somebody else before the step began")
            raise LeaseLost(f"step run {step.step_run_id}, token {step.token}")
        if row["lease_gone"]:
            self.asset_token = NO_LEASE
        if row["cancelling"]:
            wish = Wish.on_record(row["cancel_kind"], row["cancel_actor"], row["cancel_reason"])
            self._cancel.cancel(wish.reason, wish.detail)
        return not row["had_begun"]

    def _read_back(self) -> bool:
        """The answer to the commit was lost: the record may be there, and it may be ours.

        Asking again waits for the lost statement, should it still run, because that one has locked the row.
        """
        logger.warning("step run %s: no answer to its intent; reading it back", self._step.step_run_id)
        connection.close()
        return self._commit_intent() or fetch_one(lifecycle.EFFECT_IS_OURS, self._claim) is not None

    def still_ours(self) -> None:
        """Keep the claim as it is until the end of the transaction. Raises LeaseLost."""
        if fetch_one(_OURS, {"id": self._step.step_run_id, "token": self._step.token}) is None:
            raise LeaseLost(f"step run {self._step.step_run_id}, token {self._step.token}")


class StepWishes:
    """The CancelWatch of one claimed step run: what its claim saw, then what its process hears."""

    def __init__(self, step: ClaimedStep) -> None:
        self._step = step
        self._looked = time.monotonic()  # the claim did

    def watch(self, token: CancelToken) -> Callable[[], None]:
        """See CancelWatch."""
        step = self._step
        if step.cancel_requested:
            wish = Wish.on_record(step.cancel_kind, step.cancel_actor, step.cancel_reason)
            token.cancel(wish.reason, wish.detail)
        return HOLDINGS.watch(step.token, token)

    def look(self, token: CancelToken) -> None:
        """See CancelWatch. A slow secret store or guard must not let a step begin after a cancel was accepted."""
        if token.is_cancelled or time.monotonic() - self._looked < FRESH_S:
            return
        self._looked = time.monotonic()
        row = fetch_one(_WISH, {"execution": self._step.execution_id})
        if row is not None:
            wish = Wish.on_record(row["cancel_kind"], row["cancel_actor"], row["cancel_reason"])
            token.cancel(wish.reason, wish.detail)


class StepApproval:
    """The ApprovalGate of one claimed step run."""

    def __init__(self, step: ClaimedStep) -> None:
        self._step = step

    def objection(self) -> str:
        """Why the step may not run; empty when it may. Resolves the targets anew until that was right once."""
        step = self._step
        if step.step_of != step.execution_id:
            return "this step was moved here from another run"
        if step.approval_level == 0:
            asked = fetch_one(_ASKED, {"execution": step.execution_id})
            return "the run's approval level was changed after an approval was asked for" if asked else ""
        row = fetch_one(_APPROVED, {"execution": step.execution_id, "step": step.step_id})
        if row is None or row["status"] not in ("approved", "break_glass"):
            return "the execution is not approved"
        if row["approved_hash"] != row["approval_hash"]:
            return "the approval is for something else than what would run"
        if row["approved_level"] != row["approval_level"]:
            return "the approval is for another level than the run's"
        if row["plan_now"] != row["plan_hash"]:
            return "the stored plan was changed after it was frozen"
        objection = _gate_objection(step, row) if row["gated"] else ""
        if not objection and step.approval_level >= FROM_LEVEL:
            objection = backing.run_objection(step.execution_id)
        if objection:
            return objection
        copy = approved_run(step.execution_id, row["approval_hash"], row["approval_level"])
        if copy is None:
            return CHANGED
        wrong = copy.objection(step, row) or _objection_to_place(step, row)
        if wrong or step.targets_checked:
            return wrong
        changed = changed_since(step.execution_id, copy)
        if not changed:
            fetch(_CHECKED, {"execution": step.execution_id})
        return changed

    def withdrawn(self) -> str:
        """Why the step, which was let in, has to be let in again before it begins; empty where it has not."""
        return letting_in.withdrawn(self._step.step_id) if self._is_gated else ""

    def begins(self) -> bool:
        """The step is about to begin: whether its letting in still counts. From then on it does, on every target."""
        return not self._is_gated or letting_in.use(self._step.step_id)

    @property
    def _is_gated(self) -> bool:
        return self._step.approval_level == STEP_BY_STEP and self._step.gated


def _gate_objection(step: ClaimedStep, row: Row) -> str:
    """What is wrong with the letting in of a gated step; one that was taken back by now is only waited for."""
    if row["gate"] == "requested" and step.approval_level == STEP_BY_STEP:
        return ""
    if row["gate"] != "approved":
        return "this step was not approved by itself"
    if row["gate_hash"] != gate_hash(row["approval_hash"], step.key, row["spec"]):
        return "the approval of this step is for something else than what would run"
    return ""


def _objection_to_place(step: ClaimedStep, row: Row) -> str:
    """Whether the step stands where the approval put it: in the tenant, the environment and the order of steps."""
    if not step.tenant_id == row["tenant_id"] == row["approved_tenant"]:
        return "this step was moved to another tenant"
    environment = step.asset_environment or step.environment
    if row["touches"] and f"{environment}:{step.action_class}" not in row["touches"]:
        return f"{step.asset_name or 'this step'} is in another environment ({environment}) than was approved"
    return "a step that has to come before this one is not over" if row["too_early"] else ""
