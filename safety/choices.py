"""The closed vocabularies that guards and domain share (names from the product's glossary)."""

from django.db import models


class ActionClass(models.TextChoices):
    """What a step can do to its target, from harmless to far-reaching."""

    READ = "read"
    MODIFY = "modify"
    DEPLOY = "deploy"


class SlaClass(models.TextChoices):
    """How long an execution is expected to take: under 10 s, 10 to 30 s, longer."""

    FAST = "fast"
    MEDIUM = "medium"
    LONG = "long"


class Environment(models.TextChoices):
    """Where an asset lives; `prod` raises the approval level by one."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class Role(models.TextChoices):
    """What a membership allows; each includes what stands before it, except approver."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    OPERATOR = "operator"
    APPROVER = "approver"
    TENANT_ADMIN = "tenant_admin", "tenant admin"


class Effect(models.TextChoices):
    """What may happen to a step whose worker was lost."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    CHECKABLE = "checkable"
    UNSAFE = "unsafe"
