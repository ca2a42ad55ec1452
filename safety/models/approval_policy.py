"""Which approval a change needs, by environment and action class, for everybody or for one tenant."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from safety.choices import ActionClass, Environment
from safety.models.approver import GROUP_NAME
from safety.models.tenant import Tenant

HIGHEST_APPROVAL = 3
MOST_PEOPLE = 9
RAISED = ("level", "quorum")


class ApprovalPolicy(models.Model):
    """One cell of the approval policy. Seeded with the nine defaults, which have no tenant.

    A tenant's own row takes the place of the platform's. It raises: what is below the platform's level or number
    of people counts as the platform's, unless a superuser set `may_lower`.
    """

    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="approval_policies",
        help_text="Whose row this is; the platform's default when empty.",
    )
    environment = models.CharField(max_length=10, choices=Environment.choices)
    action_class = models.CharField(max_length=10, choices=ActionClass.choices)
    level = models.PositiveSmallIntegerField(
        "approval level",
        help_text="0 none, 1 confirmed by whoever may run it, 2 and 3 approved by somebody else.",
    )
    quorum = models.PositiveSmallIntegerField(
        "people who have to approve",
        default=1,
        db_default=1,
        help_text="Different ones, and not the requester. More than one from level 2 on.",
    )
    approvers = models.CharField(
        "group of approvers",
        max_length=40,
        blank=True,
        default="",
        db_default="",
        validators=[GROUP_NAME],
        help_text="So many people of this group of the tenant; anybody who may approve when empty. From level 2 on.",
    )
    expires_s = models.PositiveIntegerField(
        "expires after, s",
        null=True,
        blank=True,
        help_text="Sooner than the timeout policy says; the timeout policy's when empty.",
    )
    may_lower = models.BooleanField(
        "may be lower than the platform's",
        default=False,
        db_default=False,
        help_text="Only a superuser sets this, and only a superuser edits a row that has it.",
    )

    class Meta:
        db_table = "opsc_approval_policy"
        verbose_name_plural = "approval policies"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "action_class"],
                nulls_distinct=False,
                name="one_approval_policy_per_tenant_and_cell",
                violation_error_message="There is such a row already: edit that one.",
            ),
            models.CheckConstraint(
                condition=Q(level__lte=HIGHEST_APPROVAL)
                & (Q(quorum=1) | Q(quorum__range=(2, MOST_PEOPLE), level__gte=2))
                & (Q(expires_s=None) | Q(expires_s__gt=0))
                & (Q(approvers="") | Q(level__gte=2)),
                name="approval_policy_makes_sense",
                violation_error_message=(
                    "The level is 0 to 3, 1 to 9 people approve (more than one, or of a group, from level 2 on), "
                    "and what expires has more than 0 seconds."
                ),
            ),
        ]

    def __str__(self) -> str:
        cell = f"{self.environment}/{self.action_class}"
        return f"{cell} ({self.tenant.slug})" if self.tenant else cell

    def clean(self) -> None:
        """Refuse what would not count because the platform asks for more."""
        super().clean()
        if problems := _senseless(self):
            raise ValidationError(problems)
        if self.tenant_id is None or self.may_lower or not (self.environment and self.action_class):
            return
        cell = {"environment": self.environment, "action_class": self.action_class}
        platform = ApprovalPolicy.objects.filter(tenant=None, **cell).first()
        if platform is None:
            raise ValidationError(
                f"The platform has no row for {self.environment}/{self.action_class}; restore it first."
            )
        problems = {
            name: f"Must be at least {least}, the platform's for {platform}; a superuser can allow less."
            for name in RAISED
            if (given := getattr(self, name)) is not None and given < (least := getattr(platform, name))
        }
        if problems:
            raise ValidationError(problems)


def _senseless(policy: ApprovalPolicy) -> dict[str, str]:
    """What the table would refuse, said at the fields; a number that could not be read is None."""
    found, level, quorum = {}, policy.level, policy.quorum
    if level is not None and level > HIGHEST_APPROVAL:
        found["level"] = f"The level is 0 to {HIGHEST_APPROVAL}."
    if quorum is not None and not 1 <= quorum <= MOST_PEOPLE:
        found["quorum"] = f"1 to {MOST_PEOPLE} people approve."
    elif quorum is not None and quorum > 1 and level is not None and level < 2:
        found["quorum"] = "More than one approves from level 2 on."
    if policy.expires_s == 0:
        found["expires_s"] = "More than 0 seconds, or empty."
    return found
