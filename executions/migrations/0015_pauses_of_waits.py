"""A pause is no part of a wait for assets; and whose an asset or resource is."""

from django.db import migrations, models

PAUSED = """
CREATE FUNCTION opsc_paused_s(e opsc_execution) RETURNS float LANGUAGE sql STABLE AS $$
    SELECT e.pause_wait_s + CASE WHEN e.clock = 'pause'
        THEN extract(epoch FROM statement_timestamp() - e.clock_since) ELSE 0 END
$$
"""

OWNER = """
CREATE FUNCTION opsc_owner(lockable uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT tenant_id FROM opsc_asset WHERE id = lockable
    UNION ALL SELECT tenant_id FROM opsc_resource WHERE id = lockable LIMIT 1
$$
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0014_audit_link")]

    operations = [
        migrations.AddField("steprun", "paused_before_s", models.FloatField(db_default=0, default=0)),
        migrations.RunSQL(PAUSED, "DROP FUNCTION opsc_paused_s"),
        migrations.RunSQL(OWNER, "DROP FUNCTION opsc_owner"),
    ]
