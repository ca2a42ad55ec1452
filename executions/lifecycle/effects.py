"""The record of an attempt's effect: the intent before it, and the end that is written with the attempt's own."""

from typing import LiteralString

# The intent. Only by the holder, whose row stays locked until it is committed: a reaper that takes the step run
# over comes either before, and then this finds nothing, or after, and then it sees the record. Where a cancel was
# asked before, nothing may begin and nothing is recorded. What its holder
# handed over by itself may be begun again under the same number. `lease_id` is that of the lease on the step's asset:
# it stays the same while the execution holds the asset, also when the time had run out and nobody else came.
BEGIN_EFFECT: LiteralString = """
WITH held AS (
    SELECT r.id, r.attempt, r.worker, e.cancel_requested_at IS NOT NULL AS cancelling,
           e.cancel_kind, e.cancel_actor, e.cancel_reason, l.id AS lease_id
    FROM opsc_step_run r JOIN opsc_execution e ON e.id = r.execution_id
    LEFT JOIN opsc_lease l ON l.lockable_id = r.asset_id AND l.execution_id = r.execution_id
    WHERE r.id = %(id)s AND r.status = 'running' AND r.lease_token = %(token)s
      AND r.lease_expires_at > statement_timestamp()
      AND (%(asset_token)s::bigint IS NULL OR l.token = %(asset_token)s)
    FOR UPDATE OF r
), intent AS (
    INSERT INTO opsc_effect AS f (step_run_id, attempt, token, worker, begun_at, asset_lease_id)
    SELECT id, attempt, %(token)s, worker, statement_timestamp(), lease_id FROM held WHERE NOT cancelling
    ON CONFLICT (step_run_id, attempt) DO UPDATE SET token = EXCLUDED.token, worker = EXCLUDED.worker,
        begun_at = EXCLUDED.begun_at, asset_lease_id = EXCLUDED.asset_lease_id, ended_at = NULL, outcome = ''
        WHERE f.outcome = 'handed_over'
    RETURNING f.step_run_id
)
SELECT intent.step_run_id IS NULL AND (NOT cancelling OR before.token IS NOT NULL) AS had_begun,
       coalesce(intent.step_run_id IS NULL AND before.asset_lease_id <> coalesce(lease_id, 0), false) AS lease_gone,
       cancelling, cancel_kind, cancel_actor, cancel_reason
FROM held LEFT JOIN intent ON true
LEFT JOIN opsc_effect before ON before.step_run_id = held.id AND before.attempt = held.attempt
"""

# Read back by key: whether the record is the one that this very claim wrote.
EFFECT_IS_OURS: LiteralString = """
SELECT f.step_run_id FROM opsc_effect f
JOIN opsc_step_run r ON (r.id, r.attempt, r.lease_token, r.worker) = (f.step_run_id, f.attempt, f.token, f.worker)
WHERE f.step_run_id = %(id)s AND f.token = %(token)s AND f.outcome = ''
"""


def ends_effect(
    attempts: LiteralString, outcome: LiteralString, condition: LiteralString = "true"
) -> LiteralString:
    """A part of a WITH that completes the records of the attempts (`id`, `attempt`) in another part.

    `outcome` and `condition` are SQL over that part.
    """
    return f""", effect AS (
    UPDATE opsc_effect f SET outcome = {outcome},
        ended_at = CASE WHEN {outcome} <> 'unknown' THEN statement_timestamp() END
    FROM {attempts} a WHERE f.step_run_id = a.id AND f.attempt = a.attempt AND {condition}
)"""  # noqa: S608  constants only
