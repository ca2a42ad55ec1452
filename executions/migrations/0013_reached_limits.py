"""Which limits on runs at work are reached: nothing more begins in their scope."""

from django.db import migrations

REACHED = """
CREATE VIEW opsc_reached_limit AS
SELECT l.id FROM opsc_limit l
WHERE l.kind = 'running' AND l.most <= (
    SELECT count(*) FROM opsc_execution e
    WHERE e.status = 'running' AND e.finished_at IS NULL
      AND (l.tenant_id IS NULL OR e.tenant_id = l.tenant_id)
      AND (l.environment = ''
           OR EXISTS (SELECT FROM unnest(e.touches) t WHERE split_part(t, ':', 1) = l.environment))
      AND (l.connector = '' OR EXISTS (
            SELECT FROM opsc_step_run r
            JOIN opsc_step s ON s.id = r.step_id LEFT JOIN opsc_asset a ON a.id = r.asset_id
            WHERE r.execution_id = e.id AND r.finished_at IS NULL
              AND l.connector = CASE WHEN s.kind IN ('command', 'script') THEN a.connection ELSE s.kind END)))
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0012_append_only"), ("safety", "0013_limits")]

    operations = [migrations.RunSQL(REACHED, "DROP VIEW opsc_reached_limit")]
