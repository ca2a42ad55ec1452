"""An approval may need several people; what was decided by one until now is that one's vote."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

AS_VOTES = """
INSERT INTO opsc_approval_vote (tenant_id, approval_id, person_id, decision, approval_hash, comment, signed_in_with,
                                signed_in_at, address, at)
SELECT tenant_id, id, decided_by_id, status, approval_hash, comment, signed_in_with, signed_in_at, address, decided_at
FROM opsc_approval WHERE status IN ('approved', 'rejected') AND decided_at IS NOT NULL
"""

FIELDS = [
    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
    ("decision", models.CharField(choices=[("approved", "Approved"), ("rejected", "Rejected")], max_length=10)),
    ("approval_hash", models.CharField(max_length=64)),
    ("comment", models.CharField(blank=True, max_length=1000)),
    ("signed_in_with", models.CharField(blank=True, max_length=80)),
    ("signed_in_at", models.DateTimeField(null=True)),
    ("address", models.GenericIPAddressField(null=True)),
    ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
    (
        "approval",
        models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.CASCADE,
            related_name="votes",
            to="executions.approval",
        ),
    ),
    (
        "person",
        models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="+",
            to=settings.AUTH_USER_MODEL,
        ),
    ),
    (
        "tenant",
        models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="+",
            to="safety.tenant",
        ),
    ),
]


class Migration(migrations.Migration):
    dependencies = [("executions", "0019_step_gates"), ("safety", "0017_quorum")]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="quorum",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.CreateModel(
            name="Vote",
            fields=FIELDS,
            options={
                "db_table": "opsc_approval_vote",
                "constraints": [
                    models.UniqueConstraint(fields=("approval", "person"), name="one_vote_a_person")
                ],
            },
        ),
        migrations.RunSQL(AS_VOTES, migrations.RunSQL.noop),
    ]
