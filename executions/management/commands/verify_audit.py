"""Say whether events and access decisions are what was written."""

from typing import Any

from django.core.management.base import CommandParser

from executions.audit import sealing
from executions.audit.verifying import Verification
from executions.audit.walking import Finding, Walk
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.kept_heads import kept_heads
from safety.models import Tenant

MOST_TOLD = 1_000


class Command(OpsCommand):
    """Walks every hash chain and compares it with the rows."""

    help = (
        "Find events and access decisions that were changed, removed or inserted, and links of the hash chain "
        "that were. A head that was kept elsewhere (the log has them) also shows that the end was cut off."
    )
    example = "manage.py verify_audit\n  manage.py verify_audit --tenant acme --head 4711:9f2c…"
    exit_codes = "Exit codes: 0 whole, 1 broken, 2 bad input, 3 not available."
    acts_for_somebody = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", metavar="SLUG", help="only the chain of this tenant")
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="SEQ:HASH",
            help="a head of that tenant's chain that was kept elsewhere; may be given again",
        )

    def act(self, options: dict[str, Any]) -> int:
        tenant = _tenant(options["tenant"])
        verification = Verification(only=tenant, wanted=_wanted(tenant, options["head"]))
        told: list[Finding] = []
        count = 0
        for finding in verification.findings():
            count += 1
            if count <= MOST_TOLD:
                told.append(finding)
                if not self.wants_json:
                    self.stderr.write(str(finding))
        if self.wants_json:
            self.print_json(_document(verification, told, count))
        else:
            self._sum_up(verification, count)
        return failing.NOT_SUCCEEDED if count else failing.SUCCEEDED

    def _sum_up(self, verification: Verification, count: int) -> None:
        if count > MOST_TOLD:
            self.stderr.write(f"… and {count - MOST_TOLD:,} findings more")
        for walk in verification.walks:
            self.stdout.write(f"{walk.tenant}: {walk.links:,} links, head {_head(walk)}")
        rate = verification.rows / max(verification.seconds, 0.001)
        self.stdout.write(f"{verification.rows:,} rows in {verification.seconds:.1f} s ({rate:,.0f} rows/s)")
        waits_s = sealing.waits_s()
        if waits_s is not None:
            self.stdout.write(
                f"What is not sealed yet was not looked at; the oldest is {waits_s:,.0f} s old."
            )
        self.stdout.write(f"BROKEN: {count:,} findings" if count else "whole")


def _tenant(slug: str | None) -> Tenant | None:
    if slug is None:
        return None
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise BadInput(f"There is no tenant {slug!r}.", hint="Give the slug of a tenant.")
    return found


def _wanted(tenant: Tenant | None, given: list[str]) -> dict[int, dict[int, str]]:
    """The heads that were kept, by tenant. Raises BadInput."""
    if not given:
        return {}
    if tenant is None:
        raise BadInput("A head belongs to one chain.", hint="Give --tenant SLUG with --head.")
    return {tenant.pk: kept_heads(given)}


def _head(walk: Walk) -> str:
    return f"{walk.seq}:{walk.head}"


def _document(verification: Verification, told: list[Finding], count: int) -> dict[str, Any]:
    return {
        "whole": not count,
        "findings": [vars(finding) for finding in told],
        "findings_total": count,
        "chains": [
            {"tenant": walk.tenant, "links": walk.links, "head": _head(walk)} for walk in verification.walks
        ],
        "rows": verification.rows,
        "seconds": round(verification.seconds, 3),
        "oldest_unsealed_s": sealing.waits_s(),
    }
