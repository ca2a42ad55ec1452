"""The tables of the guards in the admin, one file each."""

from safety.admin import (  # noqa: F401  (each registers its table)
    access_decision,
    masking_rule,
    membership,
    secret_store,
    tenant,
    timeout_policy,
)
