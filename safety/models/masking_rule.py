"""What a tenant wants masked beyond the built-in patterns."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from safety.masking.rules import BUILT_IN, KIND, LARGEST_SET, LONGEST_PATTERN, BadRule, check, size_of
from safety.models.tenant import Tenant

MOST_RULES = 20  # of one tenant, and as many for all tenants


class MaskingRule(models.Model):
    """A pattern of one tenant, or of all. The database counts `Tenant.masking_version` up with every change."""

    tenant = models.ForeignKey(
        Tenant, models.CASCADE, null=True, blank=True, help_text="Empty: counts for every tenant."
    )
    kind = models.CharField(
        "word", max_length=30, help_text="Shown in place of what is masked, as in [masked:customer_id]."
    )
    pattern = models.CharField(
        max_length=LONGEST_PATTERN,
        help_text=r"RE2 syntax, within one line, such as \bCUST-\d{6}\b or badge: (\S+). The first group is masked; "
        "without a group, all of it.",
    )
    is_active = models.BooleanField("active", default=True)
    note = models.CharField(max_length=300, blank=True, help_text="What it is for. Write no secret here.")
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_by = models.CharField(max_length=150, blank=True, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "opsc_masking_rule"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind}: {self.pattern}"

    def clean(self) -> None:
        """Raises ValidationError for what would not compile, or would not do what a rule is for."""
        problems: dict[str, str] = {}
        if not KIND.fullmatch(self.kind):
            problems["kind"] = "1 to 30 of a-z and _, beginning with a letter."
        elif self.kind in BUILT_IN:
            problems["kind"] = "A built-in pattern has this word; take another."
        try:
            check(self.pattern)
        except BadRule as problem:
            said = str(problem)
            problems["pattern"] = f"{said[:1].upper()}{said[1:]}."
        if problems:
            raise ValidationError(problems)
        others = MaskingRule.objects.filter(tenant=self.tenant).exclude(pk=self.pk)
        if others.count() >= MOST_RULES:
            raise ValidationError(
                f"There are {MOST_RULES} rules already, the most that are taken. Remove one."
            )
        size = sum(map(size_of, [self.pattern, *others.values_list("pattern", flat=True)]))
        if size > LARGEST_SET:
            raise ValidationError(
                "With this one the rules together are too large to look for quickly "
                f"({size} parts, at most {LARGEST_SET}). Shorten repetitions such as {{400}}, or remove a rule."
            )
