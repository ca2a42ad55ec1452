"""The tables of the domain in the admin, one file each; history is read-only."""

from executions.admin import (  # noqa: F401  (each registers its table)
    api_token,
    approval,
    approval_link,
    asset,
    audit_link,
    dead_letter,
    effect,
    event,
    execution,
    lease,
    output_chunk,
    reservation,
    service_account,
    step,
    step_gate,
    step_run,
    switch,
    vote,
    worker,
)
