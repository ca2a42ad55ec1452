"""A tenant may have rows of the timeout policy of its own."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("safety", "0003_membership_limits")]

    operations = [
        migrations.AddField(
            "timeoutpolicy",
            "tenant",
            models.ForeignKey(
                blank=True,
                help_text="Whose row this is; the platform's default when empty.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="timeout_policies",
                to="safety.tenant",
            ),
        ),
        migrations.AddField(
            "timeoutpolicy",
            "may_exceed",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="Only a superuser sets this, and only a superuser edits a row that has it.",
                verbose_name="may exceed the platform's limits",
            ),
        ),
        migrations.RemoveConstraint("timeoutpolicy", "one_policy_per_sla_and_action"),
        migrations.AddConstraint(
            "timeoutpolicy",
            models.UniqueConstraint(
                fields=["tenant", "sla", "action_class"],
                name="one_policy_per_tenant_sla_and_action",
                nulls_distinct=False,
                violation_error_message="There is such a row already: edit that one.",
            ),
        ),
        migrations.RemoveConstraint("timeoutpolicy", "policy_limits_make_sense"),
        migrations.AddConstraint(
            "timeoutpolicy",
            models.CheckConstraint(
                condition=models.Q(("approval_s__gt", 0), ("attempts__gt", 0), ("lease_s__gt", 0), ("step_s__gt", 0))
                & models.Q(("execution_s__gte", models.F("step_s"))),
                name="policy_limits_make_sense",
                violation_error_message=(
                    "Every limit must be more than 0, and the execution's no less than the step's."
                ),
            ),
        ),
    ]
