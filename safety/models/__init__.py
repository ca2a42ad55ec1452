"""The tables of the guards."""

from safety.models.decision import AccessDecision
from safety.models.lease import AssetLease
from safety.models.masking_rule import MaskingRule
from safety.models.membership import Membership
from safety.models.policy import TimeoutPolicy
from safety.models.secret_store import SecretStore
from safety.models.tenant import Tenant

__all__ = [
    "AccessDecision",
    "AssetLease",
    "MaskingRule",
    "Membership",
    "SecretStore",
    "Tenant",
    "TimeoutPolicy",
]
