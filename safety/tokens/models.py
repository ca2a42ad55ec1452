"""The tables of API tokens and service accounts."""

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from safety.choices import Scope
from safety.models import Tenant
from safety.visibility import tenants_visible_to


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens by who may see them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Tokens of the tenants that `user` is a member of; none when anonymous."""
        return self.filter(tenant_id__in=tenants_visible_to(user))


class ApiToken(models.Model):
    """Lets a program act as one person in one tenant, for a while. Of the value only a hash is kept.

    prefix: the public part of the value, by which it is found. networks: from where it may be used; empty: from
    anywhere. A token is never removed, because what was submitted with it points at it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_tokens")
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    networks = ArrayField(models.CharField(max_length=49), default=list, db_default=[], blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        db_table = "opsc_api_token"
        verbose_name = "API token"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=Scope.values, scopes__len__gt=0),
                name="api_token_scopes_are_known",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="api_token_ends"
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | models.Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="api_token_revocation_has_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (opsc_{self.prefix}_…)"


class ServiceAccount(models.Model):
    """The account of a program: it acts in one tenant, signs in nowhere, and one person answers for it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="service_account"
    )
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="service_accounts")
    purpose = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_service_account"

    def __str__(self) -> str:
        return f"{self.user} (of {self.owner})"
