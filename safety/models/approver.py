"""Who is in which group of approvers of a tenant, and who approves in whose place for a while."""

from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from safety.models.tenant import Tenant

GROUP_NAME = RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Small letters, digits, - and _, a letter first.")


class GroupMember(models.Model):
    """One person in one group of a tenant, which the approval policy can ask for. It gives no right by itself."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="group_members")
    group = models.CharField(
        max_length=40,
        db_column="group_name",
        validators=[GROUP_NAME],
        help_text="As the approval policy names it.",
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="approval_groups")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        db_table = "opsc_approval_group"
        verbose_name = "approval group member"
        ordering = ("tenant", "group", "user")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "group", "user"],
                name="nobody_twice_in_a_group",
                violation_error_message="This person is in the group already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} is in the group {self.group} of {self.tenant}"


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Delegations as of now."""

    def standing(self) -> Self:
        """Those that count now."""
        return self.filter(ended_at=None, starts_at__lte=Now(), ends_at__gt=Now())

    def open(self) -> Self:
        """Those that count now or will."""
        return self.filter(ended_at=None, ends_at__gt=Now())

    def visible_to(self, user: Any) -> Self:
        """Those of the person, given or got; none for nobody."""
        if isinstance(user, AnonymousUser) or not user.is_active:
            return self.none()
        return self.filter(Q(giver=user) | Q(deputy=user))


class Delegation(models.Model):
    """The deputy may approve what the giver may, until it ends. It is never passed on."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="delegations")
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="delegations_given")
    deputy = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="delegations_got")
    starts_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = DelegationQuerySet.as_manager()

    class Meta:
        db_table = "opsc_delegation"
        constraints = [
            models.CheckConstraint(condition=~Q(giver=F("deputy")), name="nobody_is_their_own_deputy"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="delegation_ends_after_it_starts"
            ),
        ]
        indexes = [
            models.Index(
                fields=["deputy", "tenant", "ends_at"], condition=Q(ended_at=None), name="delegation_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.deputy} approves for {self.giver} in {self.tenant}"
