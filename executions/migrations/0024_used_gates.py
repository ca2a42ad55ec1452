"""When a step that was let in began; a letting in that was not used comes to its end."""

from django.db import migrations, models

# What has begun goes on. The time of the answer becomes the time in which it counts.
ALREADY_USED = """
UPDATE opsc_step_gate g SET used_at = g.decided_at
WHERE g.status = 'approved' AND EXISTS (SELECT FROM opsc_step_run r WHERE r.step_id = g.step_id AND r.attempt > 0)
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0023_limits_count_what_began")]

    operations = [
        migrations.AddField("stepgate", "used_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "stepgate",
            models.Index(
                condition=models.Q(("status", "approved"), ("used_at__isnull", True)),
                fields=["execution"],
                name="gate_unused",
            ),
        ),
        migrations.RunSQL(ALREADY_USED, migrations.RunSQL.noop),
    ]
