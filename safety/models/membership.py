"""Who may do what in a tenant: where, with which kinds of steps, and until when."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from safety.choices import ActionClass, Environment
from safety.models.approval_policy import HIGHEST_APPROVAL
from safety.models.role import spoken
from safety.models.tenant import Tenant


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships that count now."""

    def standing(self) -> Self:
        """Those of active people that have not ended."""
        open_ended = models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=Now())
        return self.filter(open_ended, user__is_active=True)


class Membership(models.Model):
    """One role of one person in one tenant. A person may have several, each with limits of its own.

    environments: where it holds; empty: in every environment. action_classes: the kinds of steps that it is
    good for; empty: those of the role. approves_up_to: the highest approval level that it decides, where its role
    approves at all. What one membership allows, no other takes away.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20)  # the database knows it as a key of opsc_role
    environments = ArrayField(
        models.CharField(max_length=20, choices=Environment.choices), default=list, db_default=[], blank=True
    )
    action_classes = ArrayField(
        models.CharField(max_length=10, choices=ActionClass.choices), default=list, db_default=[], blank=True
    )
    approves_up_to = models.PositiveSmallIntegerField(
        "approves up to level", choices=[(1, "1"), (2, "2"), (3, "3")], default=3, db_default=3
    )
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, db_default="")
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        db_table = "opsc_membership"
        constraints = [
            # Also the index of the question that is asked before every step.
            models.UniqueConstraint(
                fields=["user", "tenant", "role", "environments", "action_classes"],
                name="no_membership_twice",
                violation_error_message="This person has such a membership; change that one, or its end.",
            ),
            models.CheckConstraint(
                condition=models.Q(environments__contained_by=Environment.values)
                & models.Q(action_classes__contained_by=ActionClass.values),
                name="membership_limits_are_known",
            ),
            models.CheckConstraint(
                condition=models.Q(approves_up_to__range=(1, 3)), name="membership_approves_known_levels"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {spoken(self.role)} in {self.tenant}{self.limits}"

    @property
    def limits(self) -> str:
        """Where and for what it holds, as the end of a sentence; empty when it has no limits."""
        where = f", only {', '.join(self.environments)}" if self.environments else ""
        what = f", only {', '.join(self.action_classes)} steps" if self.action_classes else ""
        level = (
            f", approves up to level {self.approves_up_to}" if self.approves_up_to < HIGHEST_APPROVAL else ""
        )
        return where + what + level
