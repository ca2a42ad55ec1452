"""The tables of the guards in the admin, one file each."""

from safety.admin import (  # noqa: F401  (each registers its table)
    access_decision,
    approval_policy,
    approver,
    limit,
    line_place,
    lockable,
    masking_rule,
    membership,
    resource,
    role,
    rollout,
    secret_store,
    tenant,
    timeout_policy,
)
