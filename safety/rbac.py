"""Who may do what: one table of roles, asked by pages, commands, admin and workers."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from safety.choices import ActionClass, Role
from safety.sql import fetch_one

_EVERYONE = frozenset(Role)
_RUNNERS = frozenset({Role.OPERATOR, Role.TENANT_ADMIN})

# Which roles hold a permission; what is not listed is refused.
ROLES_BY_PERMISSION: dict[str, frozenset[Role]] = {
    "executions.view_execution": _EVERYONE,
    "executions.submit_execution": frozenset({Role.REQUESTER, Role.OPERATOR, Role.TENANT_ADMIN}),
    "executions.cancel_execution": frozenset({Role.REQUESTER, Role.OPERATOR, Role.TENANT_ADMIN}),
    "executions.retry_execution": frozenset({Role.REQUESTER, Role.OPERATOR, Role.TENANT_ADMIN}),
    "executions.approve_execution": frozenset({Role.APPROVER, Role.TENANT_ADMIN}),
    "executions.resolve_execution": _RUNNERS,
    "safety.release_assetlease": frozenset({Role.TENANT_ADMIN}),
    "safety.administer_tenant": frozenset({Role.TENANT_ADMIN}),
}

# Which roles may have a step of an action class run in their name.
ROLES_BY_ACTION: dict[ActionClass, frozenset[Role]] = {
    ActionClass.READ: frozenset({Role.REQUESTER, Role.OPERATOR, Role.TENANT_ADMIN}),
    ActionClass.MODIFY: frozenset({Role.REQUESTER, Role.OPERATOR, Role.TENANT_ADMIN}),
    ActionClass.DEPLOY: _RUNNERS,
}

_ANSWER: LiteralString = """
WITH person AS (
    SELECT m.role, u.is_active, (m.ends_at IS NULL OR m.ends_at > statement_timestamp()) AS current
    FROM auth_user u LEFT JOIN opsc_membership m ON m.user_id = u.id AND m.tenant_id = %(tenant)s
    WHERE u.id = %(actor)s
), answer AS (
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM person) THEN 'no such person'
        WHEN NOT (SELECT is_active FROM person) THEN 'the account is deactivated'
        WHEN (SELECT role FROM person) IS NULL THEN 'no membership in this tenant'
        WHEN NOT (SELECT current FROM person) THEN 'the membership has ended'
        WHEN (SELECT role FROM person) <> ALL (%(roles)s) THEN
            'the role ' || (SELECT role FROM person) || ' does not allow it'
        ELSE '' END AS objection
)
"""

_LOOK: LiteralString = _ANSWER + "SELECT objection = '' AS allowed, objection AS reason FROM answer"  # noqa: S608  constants only

# One statement: look at the person as of now, decide, write the answer down.
_DECIDE: LiteralString = (
    _ANSWER
    + """
INSERT INTO opsc_access_decision
    (tenant_id, actor_id, question, environment, asset_id, execution_id, step_run_id, allowed, reason)
SELECT %(tenant)s, %(actor)s, %(question)s, %(environment)s, %(asset)s, %(execution)s, %(step_run)s,
       objection = '', objection FROM answer
RETURNING allowed, reason
"""
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """May this actor do this, in this tenant, environment and on this asset?"""

    tenant_id: int
    actor_id: int | None
    action_class: ActionClass
    environment: str
    asset_id: UUID | None = None
    execution_id: UUID | None = None
    step_run_id: UUID | None = None


@dataclass(frozen=True)
class Answer:
    """`reason` says why not; empty when allowed."""

    allowed: bool
    reason: str


# For the statement that stores an execution: its permission is recorded with it, or not at all. It reads a row
# `execution` (id, tenant_id) and the parameters user, action_class and environment.
RECORD_ALLOWED: LiteralString = """
    INSERT INTO opsc_access_decision (tenant_id, actor_id, question, environment, execution_id, allowed, reason)
    SELECT tenant_id, %(user)s, 'run:' || %(action_class)s, %(environment)s, id, true, '' FROM execution
"""


def look(question: Question) -> Answer:
    """The same answer as `decide` gives, not written down: for those who record it with what they do."""
    return _asked(_LOOK, question)


def decide(question: Question) -> Answer:
    """Ask with a fresh look at the person, deny by default, and record the answer."""
    return _asked(_DECIDE, question)


def _asked(statement: LiteralString, question: Question) -> Answer:
    row = fetch_one(
        statement,
        {
            "tenant": question.tenant_id,
            "actor": question.actor_id,
            "roles": sorted(str(role) for role in ROLES_BY_ACTION[question.action_class]),
            "question": f"run:{question.action_class}",
            "environment": question.environment,
            "asset": question.asset_id,
            "execution": question.execution_id,
            "step_run": question.step_run_id,
        },
    )
    if row is None:
        return Answer(False, "no answer")
    return Answer(row["allowed"], row["reason"])
