"""What keeps a step run from beginning: a gate, a switch, a limit. One condition for claim, sweeper and clock."""

from typing import LiteralString

# Each of these looks at nothing more than once a statement while no switch stands and no such limit is set.
# A switch or limit without an environment or connector is about all of them.

# Of an execution `e`: something of it began. What was only claimed to wait for an asset, and put back, did not.
BEGUN: LiteralString = """
(e.status = 'running' AND EXISTS (SELECT FROM opsc_step_run b WHERE b.execution_id = e.id AND b.attempt > 0))
"""

# Of a step run `r` and its execution `e`.
_SWITCHED_OFF: LiteralString = (
    """
((SELECT EXISTS (SELECT FROM opsc_standing_switch)) AND EXISTS (
    SELECT FROM opsc_standing_switch w
    JOIN opsc_step switched ON switched.id = r.step_id LEFT JOIN opsc_asset there ON there.id = r.asset_id
    WHERE (w.mode <> 'no_new_runs' OR NOT """  # noqa: S608  constants only
    + BEGUN
    + """)
      AND (w.tenant_id IS NULL OR w.tenant_id = r.tenant_id)
      AND (w.environment = '' OR w.environment = coalesce(there.environment, e.environment))
      AND (w.connector = '' OR w.connector = CASE WHEN switched.kind IN ('command', 'script') THEN there.connection
                                                  ELSE switched.kind END
           OR (r.verify_first AND w.connector = CASE WHEN switched.spec->'verify'->>'kind' IN ('command', 'script')
                                                     THEN there.connection ELSE switched.spec->'verify'->>'kind' END))))
"""
)

# Of an execution `e` and a switch or limit `w` for its tenant: whether it reaches what is still to be done.
REACHED: LiteralString = """
EXISTS (
    SELECT FROM opsc_step_run x JOIN opsc_step s ON s.id = x.step_id LEFT JOIN opsc_asset a ON a.id = x.asset_id
    WHERE x.execution_id = e.id AND x.finished_at IS NULL
      AND (w.environment = '' OR w.environment = coalesce(a.environment, e.environment))
      AND (w.connector = '' OR w.connector = CASE WHEN s.kind IN ('command', 'script') THEN a.connection
                                                  ELSE s.kind END))
"""

# The same of a switch `w` that names a connector: whether it reaches a probe that is to be asked first.
PROBE_REACHED: LiteralString = """
EXISTS (
    SELECT FROM opsc_step_run x JOIN opsc_step s ON s.id = x.step_id LEFT JOIN opsc_asset a ON a.id = x.asset_id
    WHERE x.execution_id = e.id AND x.finished_at IS NULL AND x.verify_first
      AND (w.environment = '' OR w.environment = coalesce(a.environment, e.environment))
      AND w.connector = CASE WHEN s.spec->'verify'->>'kind' IN ('command', 'script') THEN a.connection
                             ELSE s.spec->'verify'->>'kind' END)
"""

# Of an execution `e`: it would be one run too many at work.
ONE_TOO_MANY: LiteralString = (
    """
((SELECT EXISTS (SELECT FROM opsc_limit WHERE kind = 'running')) AND NOT """  # noqa: S608  constants only
    + BEGUN
    + """ AND EXISTS (
    SELECT FROM opsc_limit w WHERE w.id = ANY(ARRAY(SELECT id FROM opsc_reached_limit))
      AND (w.tenant_id IS NULL OR w.tenant_id = e.tenant_id) AND """
    + REACHED
    + "))"
)

# Of a step run `r` and its execution `e`: nobody has allowed its step yet, or it did not begin in time.
NOT_LET_IN: LiteralString = """
(e.approval_level = 3 AND EXISTS (
    SELECT FROM opsc_step g WHERE g.id = r.step_id AND g.gated AND NOT EXISTS (
        SELECT FROM opsc_step_gate o WHERE o.step_id = g.id AND o.status = 'approved'
          AND (o.used_at IS NOT NULL OR o.expires_at > statement_timestamp()))))
"""

HELD: LiteralString = "(" + NOT_LET_IN + " OR " + _SWITCHED_OFF + " OR " + ONE_TOO_MANY + ")"
