"""The tables of the guards."""

from safety.models.approval_policy import ApprovalPolicy
from safety.models.approver import Delegation, GroupMember
from safety.models.decision import AccessDecision
from safety.models.lease import Lease, LeaseMode, LinePlace, Lockable
from safety.models.limit import Limit, LimitKind
from safety.models.masking_rule import MaskingRule
from safety.models.membership import Membership
from safety.models.policy import TimeoutPolicy
from safety.models.reservation import Reservation
from safety.models.resource import Resource
from safety.models.role import TenantRole
from safety.models.rollout import Phase, Rollout
from safety.models.secret_store import SecretStore
from safety.models.switch import Connector, Switch, SwitchMode
from safety.models.tenant import Tenant

__all__ = [
    "AccessDecision",
    "ApprovalPolicy",
    "Connector",
    "Delegation",
    "GroupMember",
    "Lease",
    "LeaseMode",
    "Limit",
    "LimitKind",
    "LinePlace",
    "Lockable",
    "MaskingRule",
    "Membership",
    "Phase",
    "Reservation",
    "Resource",
    "Rollout",
    "SecretStore",
    "Switch",
    "SwitchMode",
    "Tenant",
    "TenantRole",
    "TimeoutPolicy",
]
