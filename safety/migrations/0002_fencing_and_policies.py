"""The sequence of fencing tokens, and the nine default policies."""

from django.db import migrations

# SLA class, action class, step, execution, lease, approval (all seconds), attempts
DEFAULTS = [
    ("fast", "read", 5, 10, 15, 300, 3),
    ("fast", "modify", 8, 15, 20, 600, 3),
    ("fast", "deploy", 10, 20, 30, 900, 3),
    ("medium", "read", 15, 30, 45, 600, 5),
    ("medium", "modify", 20, 45, 60, 900, 5),
    ("medium", "deploy", 30, 60, 90, 1800, 5),
    ("long", "read", 60, 300, 360, 1800, 3),
    ("long", "modify", 120, 600, 720, 3600, 3),
    ("long", "deploy", 300, 1800, 2160, 7200, 3),
]


def seed(apps, schema_editor):
    policy = apps.get_model("safety", "TimeoutPolicy")
    policy.objects.bulk_create(
        policy(
            sla=sla,
            action_class=action,
            step_s=step,
            execution_s=execution,
            lease_s=lease,
            approval_s=approval,
            attempts=attempts,
        )
        for sla, action, step, execution, lease, approval, attempts in DEFAULTS
    )


class Migration(migrations.Migration):
    dependencies = [("safety", "0001_tables")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE opsc_fencing_token", "DROP SEQUENCE opsc_fencing_token"),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
