"""The tables of the domain in the admin, one file each; history is read-only."""

from executions.admin import (  # noqa: F401  (each registers its table)
    approval,
    asset,
    asset_lease,
    dead_letter,
    event,
    execution,
    output_chunk,
    step,
    step_run,
    worker,
)
