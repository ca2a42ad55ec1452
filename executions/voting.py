"""The votes on one approval: how many it needs, who gave one, and who still can."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import LiteralString

from django.contrib.auth.models import User

from executions.errors import Conflict
from executions.fresh import SignedIn
from executions.models import Approval, Execution, Vote
from safety.models import Membership, TenantRole
from safety.sql import fetch_one

NAMES_SHOWN = 12

# The clock of the database says whether it is open; a second vote of the same person is none, but who approved may
# still reject.
_CAST: LiteralString = """
INSERT INTO opsc_approval_vote (tenant_id, approval_id, person_id, decision, approval_hash, comment, signed_in_with,
                                     signed_in_at, address)
SELECT tenant_id, id, %(user)s, %(decision)s, %(hash)s, left(%(comment)s, 1000), left(%(with)s, 80),
       to_timestamp(%(at)s::float8), %(address)s::inet
FROM opsc_approval
WHERE execution_id = %(execution)s AND status = 'requested' AND expires_at > statement_timestamp()
ON CONFLICT (approval_id, person_id) DO UPDATE SET
    decision = EXCLUDED.decision, comment = EXCLUDED.comment, signed_in_with = EXCLUDED.signed_in_with,
    signed_in_at = EXCLUDED.signed_in_at, address = EXCLUDED.address, at = statement_timestamp()
WHERE EXCLUDED.decision = 'rejected'
RETURNING id
"""

MayDecide = Callable[[Execution, User], str]


@dataclass(frozen=True)
class Tally:
    """Where the votes on an execution's approval stand; `may_decide` says why somebody may not give one."""

    execution: Execution
    approval: Approval
    may_decide: MayDecide

    @cached_property
    def given(self) -> list[Vote]:
        """Every vote, the first one first."""
        return list(self.approval.votes.select_related("person").order_by("at", "pk"))

    @cached_property
    def counting(self) -> list[Vote]:
        """Those for it that count: while it is open, only of people who may still decide."""
        approving = [vote for vote in self.given if vote.decision == Vote.Decision.APPROVED]
        if self.approval.status != Approval.Status.REQUESTED:
            return approving
        return [vote for vote in approving if not self.may_decide(self.execution, vote.person)]

    @property
    def missing(self) -> int:
        """How many more it needs."""
        return max(0, self.approval.quorum - len(self.counting))

    @cached_property
    def may_still(self) -> list[str]:
        """Names of people who can still approve; the first of them where there are many."""
        roles = TenantRole.objects.holding("executions.approve_execution").values("name")
        members = Membership.objects.standing().filter(tenant_id=self.execution.tenant_id, role__in=roles)
        people = User.objects.filter(pk__in=members.values("user_id"), is_active=True).order_by("username")
        others = people.exclude(pk__in=[vote.person_id for vote in self.given])[: NAMES_SHOWN * 2]
        able = [user.get_username() for user in others if not self.may_decide(self.execution, user)]
        return able[:NAMES_SHOWN]

    @property
    def sentence(self) -> str:
        """`1 of 2 approvals: tom. Can still approve: ada, ben.`"""
        names = ", ".join(vote.person.get_username() for vote in self.counting)
        had = f"{len(self.counting)} of {self.approval.quorum} approvals{': ' if names else ''}{names}."
        if self.approval.status != Approval.Status.REQUESTED:
            return had
        able = (
            f"Can still approve: {', '.join(self.may_still)}."
            if self.may_still
            else "Nobody else can approve."
        )
        return f"{had} {able}"


def cast(
    execution: Execution, user: User, decision: Vote.Decision, comment: str, signed_in: SignedIn
) -> None:
    """Write the person's vote down. Raises Conflict when it is decided, over, or this person's second one."""
    parameters = {
        "execution": execution.pk,
        "decision": decision.value,
        "hash": execution.approval_hash,
        "user": user.pk,
        "comment": comment,
        "with": signed_in.how,
        "at": signed_in.at,
        "address": signed_in.address,
    }
    if fetch_one(_CAST, parameters) is not None:
        return
    if Vote.objects.filter(approval__execution=execution, approval__status="requested", person=user).exists():
        raise Conflict("You approved this already.", hint="Somebody else has to approve it too.")
    raise closed(execution)


def closed(execution: Execution) -> Conflict:
    """What to raise where nobody can decide any more."""
    standing = Approval.objects.filter(execution=execution).first()
    state = "expired" if standing and standing.status == "requested" else standing and standing.status
    return Conflict(f"This approval is already {state or 'gone'}.", hint="Look at the execution again.")
