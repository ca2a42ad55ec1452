"""A tenant may have an idempotency window of its own."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("safety", "0008_acquire_all_or_nothing")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="idempotency_window_s",
            field=models.IntegerField(
                blank=True,
                help_text="Seconds in which the same plan or key answers with its first run, at most a year; 0: only "
                "while that run is open. Empty: the setting OPSC_IDEMPOTENCY_WINDOW_S.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(31_536_000),
                ],
                verbose_name="idempotency window (s)",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("idempotency_window_s__range", (0, 31_536_000))),
                name="tenant_idempotency_window_fits",
            ),
        ),
    ]
