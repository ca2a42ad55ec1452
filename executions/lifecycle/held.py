"""What a standing switch keeps from beginning: one condition for the claim, the sweeper and the clock."""

from typing import LiteralString

# Of a step run `r` and its execution `e`. While no switch stands the first half is all that is looked at, once a
# statement. A switch without an environment or connector holds for all; one for a connector holds what that one does.
HELD: LiteralString = """
((SELECT EXISTS (SELECT FROM opsc_standing_switch)) AND EXISTS (
    SELECT FROM opsc_standing_switch w
    JOIN opsc_step switched ON switched.id = r.step_id LEFT JOIN opsc_asset there ON there.id = r.asset_id
    WHERE (w.mode <> 'no_new_runs' OR e.status <> 'running')
      AND (w.tenant_id IS NULL OR w.tenant_id = r.tenant_id)
      AND (w.environment = '' OR w.environment = coalesce(there.environment, e.environment))
      AND (w.connector = '' OR w.connector = CASE WHEN switched.kind IN ('command', 'script') THEN there.connection
                                                  ELSE switched.kind END)))
"""

# Of an execution `e` and a switch `w` for its tenant: whether it reaches what the execution still has to do.
REACHED: LiteralString = """
EXISTS (
    SELECT FROM opsc_step_run r JOIN opsc_step s ON s.id = r.step_id LEFT JOIN opsc_asset a ON a.id = r.asset_id
    WHERE r.execution_id = e.id AND r.finished_at IS NULL
      AND (w.environment = '' OR w.environment = coalesce(a.environment, e.environment))
      AND (w.connector = '' OR w.connector = CASE WHEN s.kind IN ('command', 'script') THEN a.connection
                                                  ELSE s.kind END))
"""
