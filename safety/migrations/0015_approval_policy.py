"""Which approval a change needs, with the nine defaults."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

ENVIRONMENTS = [("dev", "Dev"), ("staging", "Staging"), ("prod", "Prod")]
CLASSES = [("read", "Read"), ("modify", "Modify"), ("deploy", "Deploy")]

# environment, action class, level
DEFAULTS = [
    ("dev", "read", 0),
    ("dev", "modify", 1),
    ("dev", "deploy", 2),
    ("staging", "read", 0),
    ("staging", "modify", 1),
    ("staging", "deploy", 2),
    ("prod", "read", 0),
    ("prod", "modify", 2),
    ("prod", "deploy", 3),
]

FIELDS = [
    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
    ("environment", models.CharField(choices=ENVIRONMENTS, max_length=10)),
    ("action_class", models.CharField(choices=CLASSES, max_length=10)),
    (
        "level",
        models.PositiveSmallIntegerField(
            help_text="0 none, 1 confirmed by whoever may run it, 2 and 3 approved by somebody else.",
            verbose_name="approval level",
        ),
    ),
    (
        "expires_s",
        models.PositiveIntegerField(
            blank=True,
            help_text="Sooner than the timeout policy says; the timeout policy's when empty.",
            null=True,
            verbose_name="expires after, s",
        ),
    ),
    (
        "may_lower",
        models.BooleanField(
            db_default=False,
            default=False,
            help_text="Only a superuser sets this, and only a superuser edits a row that has it.",
            verbose_name="may be lower than the platform's",
        ),
    ),
    (
        "tenant",
        models.ForeignKey(
            blank=True,
            help_text="Whose row this is; the platform's default when empty.",
            null=True,
            on_delete=django.db.models.deletion.CASCADE,
            related_name="approval_policies",
            to="safety.tenant",
        ),
    ),
]

CONSTRAINTS = [
    models.UniqueConstraint(
        fields=["tenant", "environment", "action_class"],
        name="one_approval_policy_per_tenant_and_cell",
        nulls_distinct=False,
        violation_error_message="There is such a row already: edit that one.",
    ),
    models.CheckConstraint(
        condition=Q(level__lte=3) & (Q(expires_s=None) | Q(expires_s__gt=0)),
        name="approval_policy_makes_sense",
        violation_error_message="The level is 0 to 3, and what expires has more than 0 seconds.",
    ),
]


def seed(apps, schema_editor):
    policy = apps.get_model("safety", "ApprovalPolicy")
    policy.objects.bulk_create(
        policy(environment=environment, action_class=action, level=level)
        for environment, action, level in DEFAULTS
    )


class Migration(migrations.Migration):
    dependencies = [("safety", "0014_rollout")]

    operations = [
        migrations.CreateModel(
            name="ApprovalPolicy",
            fields=FIELDS,
            options={
                "db_table": "opsc_approval_policy",
                "verbose_name_plural": "approval policies",
                "constraints": CONSTRAINTS,
            },
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
