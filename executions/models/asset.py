"""The built-in inventory."""

import uuid
from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from safety.choices import Environment
from safety.models import Tenant
from safety.secrets.credentials import credentials_problem
from safety.visibility import tenants_visible_to


class AssetQuerySet(models.QuerySet["Asset"]):
    """Assets by who may see them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Assets of the tenants that `user` is a member of; none when anonymous."""
        return self.filter(tenant_id__in=tenants_visible_to(user))


class Asset(models.Model):
    """A machine, device or service that steps act on. Credentials are references, never values."""

    class Connection(models.TextChoices):
        """How workers reach it."""

        LOCAL = "local"
        SSH = "ssh", "SSH"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="assets")
    name = models.CharField(max_length=200)
    environment = models.CharField(max_length=20, choices=Environment.choices, default=Environment.DEV)
    connection = models.CharField(max_length=10, choices=Connection.choices, default=Connection.SSH)
    address = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(default=22)
    username = models.CharField(max_length=100, blank=True)
    host_keys = models.TextField(blank=True, help_text="known_hosts lines; SSH is refused while empty.")
    credentials = models.JSONField(
        default=dict,
        blank=True,
        help_text='References only, such as {"private_key": {"secret": "file:ssh/web"}}.',
    )
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AssetQuerySet.as_manager()

    class Meta:
        db_table = "opsc_asset"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="asset_name_is_unique_in_its_tenant"),
            models.CheckConstraint(condition=models.Q(port__gte=1, port__lte=65535), name="asset_port_range"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for credentials that are values."""
        if problem := credentials_problem(self.credentials or {}):
            raise ValidationError({"credentials": problem})
