"""The votes on one approval, or on one of its single steps: how many it needs, who gave one, and who still can."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import LiteralString

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from executions.authority import Authority, authority, groups_of, vote_objection
from executions.errors import Conflict
from executions.fresh import SignedIn
from executions.models import Approval, Execution, StepGate, Vote
from safety.models import Delegation, GroupMember, Membership, TenantRole
from safety.sql import fetch, fetch_one

NAMES_SHOWN = 12
MOST_ASKED = 60

# The clock of the database says whether it is open; a second vote of the same person is none, but who approved may
# still reject, and who took their vote back may give it again.
_CAST: LiteralString = """
INSERT INTO opsc_approval_vote (tenant_id, approval_id, gate_id, person_id, delegation_id, decision, approval_hash,
                                comment, signed_in_with, signed_in_at, address)
SELECT a.tenant_id, a.id, g.id, %(user)s, %(delegation)s, %(decision)s, %(hash)s, left(%(comment)s, 1000),
       left(%(with)s, 80), to_timestamp(%(at)s::float8), %(address)s::inet
FROM opsc_approval a LEFT JOIN opsc_step_gate g ON g.id = %(gate)s AND g.execution_id = a.execution_id
WHERE a.execution_id = %(execution)s AND CASE
    WHEN %(gate)s::bigint IS NULL THEN a.status = 'requested' AND a.expires_at > statement_timestamp()
    ELSE g.status = 'requested' AND g.expires_at > statement_timestamp() END
ON CONFLICT (approval_id, gate_id, person_id) DO UPDATE SET
    decision = EXCLUDED.decision, comment = EXCLUDED.comment, signed_in_with = EXCLUDED.signed_in_with,
    signed_in_at = EXCLUDED.signed_in_at, address = EXCLUDED.address, at = statement_timestamp(),
    delegation_id = EXCLUDED.delegation_id, approval_hash = EXCLUDED.approval_hash
WHERE EXCLUDED.decision = 'rejected' OR opsc_approval_vote.decision = 'withdrawn'
RETURNING id
"""


# A vote that does not count any more is in nobody's way.
_LAPSE: LiteralString = """
UPDATE opsc_approval_vote SET decision = 'withdrawn'
WHERE approval_id = %(approval)s AND gate_id IS NOT DISTINCT FROM %(gate)s::bigint AND person_id = %(user)s
  AND decision = 'approved'
RETURNING id
"""


@dataclass(frozen=True)
class Tally:
    """Where the votes stand on an execution's approval, or on that of one step of it (`gate`).

    wanted: the hash that a vote has to be for; that of the approval when empty.
    """

    execution: Execution
    approval: Approval
    gate: StepGate | None = None
    wanted: str = ""

    @cached_property
    def given(self) -> list[Vote]:
        """Every vote, the first one first."""
        votes = self.approval.votes.filter(gate=self.gate)
        return list(votes.select_related("person", "delegation__giver").order_by("at", "pk"))

    @cached_property
    def counting(self) -> list[Vote]:
        """Those for it that count as of now; of the votes that rest on one person's right, the first."""
        found: dict[int, Vote] = {}
        for vote in self.given:
            is_for = vote.decision == Vote.Decision.APPROVED and vote.approval_hash == self._hash
            if is_for and not vote_objection(self.execution, vote):
                found.setdefault(vote.rests_on_id, vote)
        return list(found.values())

    @cached_property
    def missing(self) -> int:
        """How many more it needs, at least."""
        quorum, groups = self.approval.quorum, self.approval.groups
        if self.approval.status == Approval.Status.BREAK_GLASS:
            quorum, groups = 1, []
        have = [groups_of(self.execution, vote.rests_on_id) for vote in self.counting] if groups else []
        by_group = [sum(group in one for one in have) for group in groups]
        return max(0, *(quorum - count for count in (len(self.counting), *by_group)))

    @property
    def is_open(self) -> bool:
        """Whether it still waits for votes."""
        return (self.gate or self.approval).status == Approval.Status.REQUESTED

    @cached_property
    def may_still(self) -> list[str]:
        """Names of people who can still approve; the first of them where there are many."""
        voted, used = {vote.person_id for vote in self.counting}, self.used_by_others(None)
        people = _could_approve(self.execution.tenant_id, self.approval.groups).exclude(pk__in=voted)
        able = (
            user.get_username()
            for user in people[:MOST_ASKED]
            if not authority(self.execution, user, used).objection
        )
        return list(islice(able, NAMES_SHOWN))

    def used_by_others(self, user: User | None) -> set[int]:
        """The ids of the people on whose right votes of others than this person rest."""
        return {vote.rests_on_id for vote in self.counting if user is None or vote.person_id != user.pk}

    @property
    def sentence(self) -> str:
        """`1 of 2 approvals: tom. Can still approve: ada, ben.`"""
        votes = self.counting if self.is_open else self._approving
        names = ", ".join(told(vote) for vote in votes)
        of = f" of the group {' and of '.join(self.approval.groups)}" if self.approval.groups else ""
        had = f"{len(votes)} of {self.approval.quorum} approvals{of}{': ' if names else ''}{names}."
        if not self.is_open:
            return had
        able = f"Can still approve: {', '.join(self.may_still)}."
        return f"{had} {able if self.may_still else 'Nobody else can approve.'}"

    @property
    def _approving(self) -> Sequence[Vote]:
        return [vote for vote in self.given if vote.decision == Vote.Decision.APPROVED]

    @property
    def _hash(self) -> str:
        return self.wanted or self.execution.approval_hash


def told(vote: Vote) -> str:
    """Who gave it: `tom`, or `ben for tom`."""
    name = vote.person.get_username()
    return f"{name} for {vote.delegation.giver.get_username()}" if vote.delegation else name


def approve(tally: Tally, user: User, comment: str, signed_in: SignedIn) -> tuple[Authority, int]:
    """Add the person's vote for it. Returns: on whose right it rests, and how many more it needs.

    Who voted and counts no more, or counts again, may say so anew. Raises Conflict like `cast`, and where the right was
    used.
    """
    execution, own = tally.execution, [vote for vote in tally.counting if vote.person_id == user.pk]
    right = authority(execution, user, tally.used_by_others(user))
    if right.objection:
        raise Conflict(right.objection, hint="Somebody else has to approve it.")
    if not own or tally.missing:
        if not own:
            fetch(
                _LAPSE, {"approval": tally.approval.pk, "gate": tally.gate and tally.gate.pk, "user": user.pk}
            )
        approved = Vote.Decision.APPROVED
        cast(execution, user, approved, comment, signed_in, right, gate=tally.gate, seen_hash=tally.wanted)
    return right, Tally(execution, tally.approval, tally.gate, tally.wanted).missing


def cast(
    execution: Execution,
    user: User,
    decision: Vote.Decision,
    comment: str,
    signed_in: SignedIn,
    right: Authority,
    *,
    gate: StepGate | None = None,
    seen_hash: str = "",
) -> None:
    """Write the person's vote down. Raises Conflict when it is decided, over, or this person's second one."""
    parameters = {
        "execution": execution.pk,
        "gate": gate and gate.pk,
        "decision": decision.value,
        "hash": seen_hash or execution.approval_hash,
        "user": user.pk,
        "delegation": right.delegation and right.delegation.pk,
        "comment": comment,
        "with": signed_in.how,
        "at": signed_in.at,
        "address": signed_in.address,
    }
    if fetch_one(_CAST, parameters) is not None:
        return
    standing = Vote.objects.filter(approval__execution=execution, gate=gate, person=user)
    now = StepGate.objects.filter(pk=gate.pk).first() if gate else None
    asked = now or Approval.objects.filter(execution=execution).first()
    if standing.exists() and asked and asked.status == Approval.Status.REQUESTED:
        raise Conflict("You approved this already.", hint="Somebody else has to approve it too.")
    raise closed_gate(now) if gate else closed(execution)


def closed(execution: Execution) -> Conflict:
    """What to raise where nobody can decide any more."""
    standing = Approval.objects.filter(execution=execution).first()
    state = "expired" if standing and standing.status == "requested" else standing and standing.status
    return Conflict(f"This approval is already {state or 'gone'}.", hint="Look at the execution again.")


def closed_gate(gate: StepGate | None) -> Conflict:
    """The same for a single step; None where it was not asked about yet."""
    state = "not asked for yet" if gate is None else "expired" if gate.status == "requested" else gate.status
    return Conflict(f"The approval of this step is {state}.", hint="Look at the execution again.")


def _could_approve(tenant_id: int, groups: Collection[str]) -> QuerySet[User]:
    """People whose roles, or those of who named them, allow it at all; of these groups where there are some."""
    roles = TenantRole.objects.holding("executions.approve_execution").values("name")
    members = Membership.objects.standing().filter(tenant_id=tenant_id, role__in=roles)
    deputies = Delegation.objects.standing().filter(tenant_id=tenant_id)
    if groups:
        people = GroupMember.objects.filter(tenant_id=tenant_id, group__in=groups).values("user_id")
        members, deputies = members.filter(user__in=people), deputies.filter(giver__in=people)
    able = Q(pk__in=members.values("user_id")) | Q(pk__in=deputies.values("deputy_id"))
    return User.objects.filter(able, is_active=True).order_by("username")
