"""A switch that the platform's operators turned on a tenant stands beside the tenant's own, and only they lift it."""

from django.db import migrations, models

WHOSE = """
UPDATE opsc_switch SET by_platform = true
WHERE tenant_id IS NULL OR turned_by IN (SELECT username FROM auth_user WHERE is_superuser)
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0020_read_audit")]

    operations = [
        migrations.AddField("switch", "by_platform", models.BooleanField(db_default=False, default=False)),
        migrations.RunSQL(WHOSE, migrations.RunSQL.noop),
        migrations.RemoveConstraint("switch", "one_open_switch_per_scope"),
        migrations.AddConstraint(
            "switch",
            models.UniqueConstraint(
                condition=models.Q(("lifted_at__isnull", True)),
                fields=("tenant", "environment", "connector", "by_platform"),
                name="one_open_switch_per_scope",
                nulls_distinct=False,
            ),
        ),
    ]
