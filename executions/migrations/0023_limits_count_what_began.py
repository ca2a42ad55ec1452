"""What has only waited for an asset is not at work: it counts for no limit, and is held by one."""

from django.db import migrations

REACHED = """
CREATE OR REPLACE VIEW opsc_reached_limit AS
SELECT l.id FROM opsc_limit l
WHERE l.kind = 'running' AND l.most <= (
    SELECT count(*) FROM opsc_execution e
    WHERE e.finished_at IS NULL
      AND ((e.status = 'running' AND EXISTS (
                SELECT FROM opsc_step_run b WHERE b.execution_id = e.id AND b.attempt > 0))
           OR (e.status = 'needs_attention' AND EXISTS (
                SELECT FROM opsc_step_run w WHERE w.execution_id = e.id AND w.status = 'running')))
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
    dependencies = [("executions", "0022_limits_count_what_works")]

    operations = [migrations.RunSQL(REACHED, migrations.RunSQL.noop)]
