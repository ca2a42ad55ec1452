"""How many people have to approve, in the approval policy."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("safety", "0016_roles")]

    operations = [
        migrations.AddField(
            model_name="approvalpolicy",
            name="quorum",
            field=models.PositiveSmallIntegerField(
                db_default=1,
                default=1,
                help_text="Different ones, and not the requester. More than one from level 2 on.",
                verbose_name="people who have to approve",
            ),
        ),
        migrations.RemoveConstraint("approvalpolicy", "approval_policy_makes_sense"),
        migrations.AddConstraint(
            "approvalpolicy",
            models.CheckConstraint(
                condition=Q(level__lte=3)
                & (Q(quorum=1) | Q(quorum__range=(2, 9), level__gte=2))
                & (Q(expires_s=None) | Q(expires_s__gt=0)),
                name="approval_policy_makes_sense",
                violation_error_message=(
                    "The level is 0 to 3, 1 to 9 people approve (more than one from level 2 on), "
                    "and what expires has more than 0 seconds."
                ),
            ),
        ),
    ]
