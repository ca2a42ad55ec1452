"""What somebody switched off: for everybody, a tenant, an environment or a connector, and until when."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from safety.choices import ActionClass, Environment
from safety.models.tenant import Tenant

PLATFORM = "the platform's operators"


class SwitchMode(models.TextChoices):
    """From mild to hard; each does what stands before it, too."""

    NO_NEW_RUNS = "no_new_runs", "no new runs"
    HOLD = "hold", "hold after the current step"
    STOP = "stop", "stop now"


class Connector(models.TextChoices):
    """What touches the world, by the name that operators know it by."""

    LOCAL = "local"
    SSH = "ssh"
    HTTP = "http"
    WAIT = "wait"


class SwitchQuerySet(models.QuerySet["Switch"]):
    """Switches by whether they count now."""

    def standing(self) -> Self:
        """Those that nobody lifted and whose end has not come, by the database's clock."""
        return self.filter(lifted_at__isnull=True, ends_at__gt=Now())


class Switch(models.Model):
    """While it stands, runs in its scope begin nothing (`hold`), are not begun (`no_new_runs`) or are ended (`stop`).

    Scope: everything that all of these allow; an empty one allows any. It ends at `ends_at` by itself, or earlier by
    a person (`lifted_by`). `by_platform`: a superuser turned it, and only superusers replace or lift it; it stands
    beside one of the tenant's own of the same scope, and both hold. Rows are history: never edited otherwise, never
    removed.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+", db_index=False)
    environment = models.CharField(max_length=20, choices=Environment.choices, blank=True, default="")
    connector = models.CharField(max_length=20, choices=Connector.choices, blank=True, default="")
    mode = models.CharField(max_length=20, choices=SwitchMode.choices)
    reason = models.CharField(max_length=300)
    turned_by = models.CharField(max_length=150)
    by_platform = models.BooleanField(default=False, db_default=False)
    turned_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=150, blank=True, db_default="")
    lift_reason = models.CharField(max_length=300, blank=True, db_default="")

    objects = SwitchQuerySet.as_manager()

    class Meta:
        db_table = "opsc_switch"
        verbose_name_plural = "switches"
        permissions = [("turn_switch", "Can switch off runs, and lift that")]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "environment", "connector", "by_platform"],
                condition=Q(lifted_at__isnull=True),
                nulls_distinct=False,
                name="one_open_switch_per_scope",
            ),
            models.CheckConstraint(condition=Q(mode__in=SwitchMode.values), name="switch_mode_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_mode_display()}: {self.scope}"

    @property
    def scope(self) -> str:
        """Where it holds, as words."""
        parts = [self.tenant.name if self.tenant else "", self.environment, self.connector]
        return ", ".join(part for part in parts if part) or "the whole platform"

    @property
    def told_by(self) -> str:
        """Who turned it, for those whom it holds up: people of the platform are known to nobody's tenant."""
        return PLATFORM if self.by_platform or not self.tenant_id else self.turned_by

    @property
    def told_lifted_by(self) -> str:
        """The same for who lifted it."""
        by_people = self.lifted_by and (self.by_platform or not self.tenant_id)
        return PLATFORM if by_people else self.lifted_by

    @property
    def touches(self) -> list[str]:
        """What somebody who turns it must have a right to: "environment:action class" each."""
        where = [self.environment] if self.environment else Environment.values
        return [f"{environment}:{action}" for environment in where for action in ActionClass.values]
