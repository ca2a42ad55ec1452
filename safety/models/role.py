"""What each role allows."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from safety.choices import ActionClass, Permission

# All that a role can hold, in the order in which it is listed.
PERMISSIONS: tuple[tuple[str, str], ...] = (
    *Permission.choices,
    *((f"run:{action}", f"have {action} steps run") for action in ActionClass),
)


class TenantRoleQuerySet(models.QuerySet["TenantRole"]):
    """Roles by what they allow."""

    def holding(self, permission: str) -> Self:
        """Those that hold this permission, or right to run."""
        return self.filter(permissions__contains=[permission])


class TenantRole(models.Model):
    """A set of permissions that memberships give in a tenant. What a role does not list it refuses.

    Every role sees: any standing membership shows all of its tenant. The database keeps the built-in ones, a role
    that a membership names, and a membership's role known.
    """

    name = models.CharField(
        max_length=20,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Small letters, digits and _, a letter first.")],
        help_text="Shown everywhere, with spaces for _. It cannot be changed later.",
    )
    permissions = ArrayField(models.CharField(max_length=60))
    is_built_in = models.BooleanField("built in", default=False, editable=False)
    note = models.CharField(max_length=300, blank=True, db_default="", default="")

    objects = TenantRoleQuerySet.as_manager()

    class Meta:
        db_table = "opsc_role"
        verbose_name = "role"
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(permissions__contains=[Permission.VIEW]), name="every_role_sees"
            ),
        ]

    def __str__(self) -> str:
        return spoken(self.name)


def spoken(name: str) -> str:
    """The name of a role in a sentence."""
    return name.replace("_", " ")


def role_choices() -> list[tuple[str, str]]:
    """Every role there is, for a form to offer."""
    return [(name, spoken(name)) for name in TenantRole.objects.values_list("name", flat=True)]
