"""A record for the effect of each attempt, in place of one moment on the step run."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# What runs or waits for a person at this moment keeps its intent: without it, it would be taken for "never began".
COPY = """
INSERT INTO opsc_effect (step_run_id, attempt, token, worker, begun_at, outcome)
SELECT id, attempt, coalesce(lease_token, nextval('opsc_fencing_token')), worker, effect_at,
       CASE status WHEN 'interrupted' THEN 'unknown' ELSE '' END
FROM opsc_step_run
WHERE effect_at IS NOT NULL AND attempt > 0 AND (status IN ('running', 'interrupted') OR resume)
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0007_resources_and_shared_assets")]

    operations = [
        migrations.CreateModel(
            name="EffectRecord",
            fields=[
                ("token", models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                ("attempt", models.SmallIntegerField()),
                ("worker", models.CharField(max_length=100)),
                ("begun_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("timed_out", "timed out"),
                            ("handed_over", "handed over by its worker"),
                            ("lost", "worker lost, then repeated"),
                            ("unknown", "outcome unknown"),
                            ("decided_succeeded", "unknown until a person said that it took effect"),
                            ("decided_retry", "unknown until a person had it run again"),
                            ("decided_skip", "unknown; a person skipped it"),
                            ("decided_abort", "unknown; a person ended the run"),
                        ],
                        db_default="",
                        max_length=20,
                    ),
                ),
                (
                    "step_run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="effects",
                        to="executions.steprun",
                    ),
                ),
            ],
            options={
                "db_table": "opsc_effect",
                "constraints": [
                    models.UniqueConstraint(fields=("step_run", "attempt"), name="one_effect_per_attempt")
                ],
            },
        ),
        # Each row is completed once: room on its page for that.
        migrations.RunSQL(
            "ALTER TABLE opsc_effect SET (fillfactor = 70)", "ALTER TABLE opsc_effect RESET (fillfactor)"
        ),
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        # The column goes one release later.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="steprun", name="effect_at")]
        ),
    ]
