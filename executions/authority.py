"""On whose right a decision about an approval rests: one's own, or that of somebody who made one their deputy."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from executions.four_eyes import same_hands
from executions.models import Approval, Execution, Vote
from safety import rbac
from safety.auth_backend import question_about
from safety.choices import Permission
from safety.glance import glanced
from safety.models import Delegation, GroupMember

APPROVE = Permission.APPROVE.value
BREAK_GLASS = Permission.BREAK_GLASS.value
USED = "The right that this would rest on was used already, by a deputy or by who named you. It counts once."


@dataclass(frozen=True)
class Authority:
    """Why somebody may not decide (empty: they may), or on which delegation their right rests (None: their own)."""

    objection: str = ""
    delegation: Delegation | None = None

    def as_data(self) -> dict[str, str]:
        """What history says of it; nothing of one's own right."""
        return {"for": self.delegation.giver.get_username()} if self.delegation else {}


def authority(execution: Execution, user: Any, used: Collection[int] = ()) -> Authority:
    """Whether this person may approve or reject it now; `used`: ids of people on whose right somebody else did.

    Level 1: whoever may run it, the requester included. Above: an approver of that level, of a group that is asked for,
    who did not ask for the run; or the deputy of one. Where somebody broke the glass, also who may do that.
    """
    if _glass_is_broken(execution) and user.has_perm(BREAK_GLASS, execution):
        return Authority()
    if objection := same_hands(execution, user):
        return Authority(objection)
    if execution.approval_level <= 1:
        return Authority(_may_confirm(execution, user))
    objection = _may_approve(execution, user)
    if not objection and user.pk not in used:
        return Authority()
    if not _sees(execution, user):
        return Authority(objection or USED)
    for delegation in _delegations(execution.tenant_id, user.pk):
        if not _lends(execution, delegation):
            if delegation.giver_id not in used:
                return Authority(delegation=delegation)
            objection = USED
    return Authority(objection or USED)


def may_decide(execution: Execution, user: Any) -> str:
    """Why this person may not approve or reject it, as a sentence; empty when they may."""
    return authority(execution, user).objection


def vote_objection(execution: Execution, vote: Vote) -> str:
    """Why a vote that was given does not count by now; empty when it does.

    A delegation that came to its end leaves what was decided under it; one that was taken back does not.
    """
    if execution.approval_level <= 1:
        lost = _may_confirm(execution, vote.person)
        return f"{vote.person} may not run such steps any more" if lost else ""
    if _glass_is_broken(execution) and vote.person.has_perm(BREAK_GLASS, execution):
        return ""
    if same_hands(execution, vote.person):
        return f"{vote.person} asked for the run"
    if vote.delegation is None:
        lost = _may_approve(execution, vote.person)
        return f"{vote.person} may not approve it any more" if lost else ""
    if vote.delegation.ended_at is not None:
        return f"{vote.person} is not the deputy of {vote.delegation.giver} any more"
    if not _sees(execution, vote.person):
        return f"{vote.person} has no part in the tenant any more"
    return _lends(execution, vote.delegation)


def groups_of(execution: Execution, person_id: int) -> frozenset[str]:
    """The groups that its approval asks for and that the person is in."""
    wanted = _groups(execution)
    if not wanted:
        return frozenset()
    mine = GroupMember.objects.filter(tenant_id=execution.tenant_id, user_id=person_id)
    names = mine.values_list("group", flat=True)
    found = glanced(("groups", execution.tenant_id, person_id), lambda: frozenset(names))
    return found.intersection(wanted)


def _delegations(tenant_id: int, deputy_id: int) -> list[Delegation]:
    standing = Delegation.objects.standing().filter(tenant_id=tenant_id, deputy_id=deputy_id)
    rows = standing.select_related("giver").order_by("pk")
    return glanced(("delegations", tenant_id, deputy_id), lambda: list(rows))


def _glass_is_broken(execution: Execution) -> bool:
    approval = getattr(execution, "approval", None)
    return approval is not None and approval.status == Approval.Status.BREAK_GLASS


def _groups(execution: Execution) -> list[str]:
    approval = getattr(execution, "approval", None)
    return approval.groups if approval else []


def _may_confirm(execution: Execution, user: Any) -> str:
    touches = rbac.touched_by(execution)
    running = rbac.Question(tenant_id=execution.tenant_id, actor_id=user.pk, wants=rbac.to_run(touches))
    may_run = rbac.look(running).allowed or user.has_perm(APPROVE, execution)
    return "" if may_run else "You may not run such steps, so you cannot confirm them."


def _may_approve(execution: Execution, user: Any) -> str:
    """By their own memberships and groups, whoever asked for the run."""
    if not user.has_perm(APPROVE, execution):
        where = ", ".join(dict.fromkeys(environment for environment, _ in rbac.touched_by(execution)))
        level = execution.approval_level
        return (
            f"Approving level {level} needs the role approver or tenant admin up to that level, in {where}."
        )
    wanted = _groups(execution)
    if wanted and not groups_of(execution, user.pk):
        named = " or ".join(wanted)
        return f"Approving this needs somebody of the group {named}, which you are not in."
    return ""


def _lends(execution: Execution, delegation: Delegation) -> str:
    """Why the giver of it has nothing to lend here; empty when they have. Being a superuser is not lent."""
    giver = delegation.giver
    if same_hands(execution, giver):
        return f"{giver} asked for the run"
    if not rbac.look(question_about(giver, APPROVE, execution)).allowed or _may_approve(execution, giver):
        return f"{giver} may not approve it"
    return ""


def _sees(execution: Execution, user: Any) -> bool:
    """Whether the person has a part in the tenant; a superuser's right to all is none."""
    return rbac.look(question_about(user, Permission.VIEW.value, execution)).allowed
