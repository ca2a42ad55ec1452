"""Where tenants keep their secrets, beside the stores of the workers' environment."""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from safety.models.tenant import Tenant
from safety.secrets.configured import settings_problem
from safety.secrets.policy import prefixes_problem
from safety.secrets.stores import BUILT_IN

_NAME = RegexValidator(r"\A[a-z][a-z0-9_]{0,31}\Z", "Small letters, digits and _, a letter first.")
LONGEST_CACHE_S = 3600


class SecretStore(models.Model):
    """One store: its name is the word before the colon of a reference. Holds no secret.

    The settings name a variable or a file of the workers where their own credential is. A store of no tenant
    serves all; each reaches only the paths in which it stands.
    """

    class Kind(models.TextChoices):
        """What is behind it."""

        VAULT = "vault", "Vault or OpenBao"
        FILE = "file", "mounted files"
        ASSET_SERVICE = "asset_service", "asset service"

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="secret_stores",
        help_text="None: for every tenant.",
    )
    name = models.CharField(
        max_length=32, validators=[_NAME], help_text="The word before the colon of a reference."
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    settings = models.JSONField(
        help_text='No secret here. Such as {"address": "https://vault.example:8200", "auth": "token", '
        '"token_env": "OPSC_STORE_EXAMPLE"}; see docs/operations.md.'
    )
    prefixes = ArrayField(
        models.CharField(max_length=500),
        default=list,
        blank=True,
        help_text="Paths that may be read below, separated by commas; {tenant} stands for the tenant's slug.",
    )
    cache_s = models.PositiveIntegerField(
        "cache, s", default=0, help_text="How long workers may keep a value; 0: not at all."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_secret_store"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="secret_store_name_is_unique", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z][a-z0-9_]{0,31}$") & ~models.Q(name__in=BUILT_IN),
                name="secret_store_name_is_free",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="asset_service") | ~models.Q(prefixes=[]),
                name="secret_store_has_a_policy",
            ),
            models.CheckConstraint(
                condition=models.Q(cache_s__lte=LONGEST_CACHE_S),
                name="secret_store_caches_for_an_hour_at_most",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for what no worker could use, field by field."""
        if self.kind not in self.Kind.values:
            return  # said at its field; what the others may hold depends on it
        found = {}
        if self.name in BUILT_IN:
            found["name"] = "This store is configured by the workers' environment."
        if problem := settings_problem(self.kind, self.settings):
            found["settings"] = problem
        if self.kind == self.Kind.ASSET_SERVICE and self.prefixes:
            found["prefixes"] = "The asset service itself says whose an asset is: leave them out."
        elif self.kind != self.Kind.ASSET_SERVICE:
            problem = prefixes_problem(self.prefixes or (), shared=self.tenant_id is None)
            if problem:
                found["prefixes"] = problem
        if (self.cache_s or 0) > LONGEST_CACHE_S:
            found["cache_s"] = f"At most {LONGEST_CACHE_S}."
        if found:
            raise ValidationError(found)
