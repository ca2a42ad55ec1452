"""Which runs of a tenant touch real targets: off, shadow, canary, full."""

from django.utils.crypto import salted_hmac

from executions.errors import RolloutOff
from executions.plans import FrozenPlan
from safety.models import Phase, Rollout, Tenant

PARTS = 100  # a plan falls into one of so many, by its hash
_SALT = "opsconductor.canary"


def rollout_of(tenant: Tenant) -> Rollout:
    """How far the tenant is; `full` where nobody said anything."""
    found = Rollout.objects.filter(tenant=tenant).first()
    return found or Rollout(tenant=tenant, phase=Phase.FULL, reason="", changed_by="")


def is_shadow(frozen: FrozenPlan, tenant: Tenant) -> bool:
    """Whether a run of this plan touches nothing. The same plan is always on the same side of a percentage.

    Raises RolloutOff.
    """
    rollout = rollout_of(tenant)
    if rollout.phase == Phase.OFF:
        raise RolloutOff(
            f"Runs of {tenant.name} are off, since {rollout.changed_by}: {rollout.reason}",
            hint="A tenant admin can change the rollout, on its page or with `manage.py rollout`.",
        )
    if rollout.phase == Phase.FULL:
        return False
    if rollout.phase == Phase.SHADOW or frozen.approval_level > rollout.most_level:
        return True
    return part_of(tenant, frozen.plan_hash) >= rollout.percent


def part_of(tenant: Tenant, plan_hash: str) -> int:
    """0 to 99, known only with SECRET_KEY. What is let in at some percentage is let in at every higher one."""
    digest = salted_hmac(_SALT, f"{tenant.slug}:{plan_hash}", algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big") % PARTS
