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


class Permission(models.TextChoices):
    """What a role may hold, besides having steps run; what each role holds is in its table."""

    VIEW = "executions.view_execution", "see the tenant's runs and assets"
    SUBMIT = "executions.submit_execution", "submit runs"
    CANCEL = "executions.cancel_execution", "cancel runs"
    RETRY = "executions.retry_execution", "retry runs"
    APPROVE = "executions.approve_execution", "approve and reject runs"
    BREAK_GLASS = "executions.break_glass", "let a run begin without its approval in an emergency"
    RESOLVE = "executions.resolve_execution", "decide about runs whose outcome nobody knows"
    RELEASE = "safety.release_lease", "release assets"
    FORCE_RELEASE = "safety.force_release_lease", "release assets that are in use, by force"
    RESERVE = "safety.reserve_asset", "reserve assets"
    TURN_SWITCH = "safety.turn_switch", "turn and lift switches"
    ADMINISTER = "safety.administer_tenant", "administer the tenant"
    OVERRIDE = "safety.override_secret_check", "let a likely secret through"
    EXPLAIN = "safety.explain_access", "ask why another person can or can't do something"
    READ_AUDIT = "safety.read_audit", "read access decisions about others, and export evidence"


class Scope(models.TextChoices):
    """What an API token is good for, at most. There is none for approving: a token approves nothing."""

    READ = "read", "see runs"
    SUBMIT = "submit", "submit runs"
    CANCEL = "cancel", "cancel runs"
    RETRY = "retry", "retry runs"

    @property
    def permission(self) -> str:
        """The permission that the person needs for it, too."""
        return _OF_SCOPE[self.value]


_OF_SCOPE: dict[str, str] = {
    "read": Permission.VIEW.value,
    "submit": Permission.SUBMIT.value,
    "cancel": Permission.CANCEL.value,
    "retry": Permission.RETRY.value,
}


class Role(models.TextChoices):
    """The roles that are built in; the table may have more."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    OPERATOR = "operator"
    APPROVER = "approver"
    TENANT_ADMIN = "tenant_admin", "tenant admin"
    AUDITOR = "auditor"


class Effect(models.TextChoices):
    """What may happen to a step whose worker was lost."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    CHECKABLE = "checkable"
    UNSAFE = "unsafe"
