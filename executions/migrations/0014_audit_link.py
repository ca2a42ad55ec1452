"""The hash chain over events and access decisions, one chain for each tenant; itself append-only."""

import django.db.models.deletion
from django.db import migrations, models

UNGUARD = "DROP TRIGGER opsc_append_only ON opsc_audit_link; DROP TRIGGER opsc_no_truncate ON opsc_audit_link"


class Migration(migrations.Migration):
    dependencies = [("executions", "0013_reached_limits"), ("safety", "0012_append_only")]

    operations = [
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seq", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("event", "Event"), ("decision", "access decision")], max_length=10
                    ),
                ),
                ("row_id", models.BigIntegerField()),
                ("sealed_at", models.DateTimeField()),
                ("row_hash", models.BinaryField()),
                ("hash", models.BinaryField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="safety.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "opsc_audit_link",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "seq"), name="one_audit_link_per_number"),
                    models.UniqueConstraint(fields=("kind", "row_id"), name="one_audit_link_per_row"),
                ],
            },
        ),
        migrations.RunSQL("SELECT opsc_keep_history('opsc_audit_link')", UNGUARD),
    ]
