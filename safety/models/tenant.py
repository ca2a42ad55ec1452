"""The organisation that everything belongs to, and who may do what in it."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from safety.choices import Role


class Tenant(models.Model):
    """An organisation; nothing of one is ever visible to another."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=200)
    paused_at = models.DateTimeField(null=True, blank=True, help_text="While set, no step of it starts.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_tenant"

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships that count now."""

    def standing(self) -> Self:
        """Those of active people that have not ended."""
        open_ended = models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=Now())
        return self.filter(open_ended, user__is_active=True)


class Membership(models.Model):
    """What one person may do in one tenant."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        db_table = "opsc_membership"
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant"], name="one_membership_per_person_and_tenant"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} in {self.tenant}"
