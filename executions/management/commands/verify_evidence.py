"""Say whether a file of evidence is what was exported, without a database."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from executions.audit.offline import Doubt, Evidence
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.kept_heads import kept_heads
from executions.cli.plain import one_line

MOST_TOLD = 1_000


class Command(OpsCommand):
    """Reads the file once and recomputes every hash in it."""

    help = (
        "Recompute every hash in a file of evidence and see that its parts fit together. Needs no database. "
        "With a head that was kept elsewhere: see that its events and decisions are those of the real chain."
    )
    example = (
        "manage.py verify_evidence evidence-3f2a91c0.jsonl\n  manage.py verify_evidence - --json < run.jsonl"
    )
    exit_codes = "Exit codes: 0 whole, 1 broken, 2 bad input."
    acts_for_somebody = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", help="what `evidence` wrote; - reads standard input")
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="SEQ:HASH",
            help="a head of the tenant's chain that was kept elsewhere, such as in the log; may be given again",
        )

    def act(self, options: dict[str, Any]) -> int:
        place, wanted = options["file"], kept_heads(options["head"])
        if place == "-":
            return self._verify(Evidence(sys.stdin.buffer, wanted))
        try:
            with Path(place).open("rb") as file:
                return self._verify(Evidence(file, wanted))
        except OSError as error:
            raise BadInput(f"{place}: {error.strerror}", hint="Give a file of evidence, or -.") from None

    def _verify(self, found: Evidence) -> int:
        told, count = list[Doubt](), 0
        for doubt in found.doubts():
            count += 1
            if count <= MOST_TOLD:
                told.append(doubt)
                if not self.wants_json:
                    self.stderr.write(one_line(str(doubt), 300))
        if self.wants_json:
            self.print_json(_document(found, told, count))
        else:
            self._sum_up(found, count)
        return failing.NOT_SUCCEEDED if count else failing.SUCCEEDED

    def _sum_up(self, found: Evidence, count: int) -> None:
        if count > MOST_TOLD:
            self.stderr.write(f"… and {count - MOST_TOLD:,} findings more")
        for name, value in _document(found, [], count).items():
            if name not in ("whole", "findings", "findings_total"):
                self.stdout.write(f"{name.replace('_', ' '):<15}{one_line(str(value), 300)}")
        self.stdout.write(f"BROKEN: {count:,} findings" if count else "whole")


def _document(found: Evidence, told: list[Doubt], count: int) -> dict[str, Any]:
    about, execution, head = found.about, found.execution, found.head
    return {
        "whole": not count,
        "findings": [vars(doubt) for doubt in told],
        "findings_total": count,
        "execution": about.get("execution"),
        "name": execution.get("name"),
        "status": execution.get("status"),
        "tenant": tenant.get("slug") if isinstance(tenant := about.get("tenant"), dict) else None,
        "exported": f"{about.get('exported_at')} by {about.get('exported_by')}",
        "software": about.get("software"),
        "approval_hash": execution.get("approval_hash_is"),
        "step_runs": found.counts["step_run"],
        "events": found.counts["event"],
        "decisions": found.counts["decision"],
        "sealed": found.sealed,
        "not_sealed": found.unsealed,
        "chain": about.get("chain"),
        "head": f"{head.get('seq')}:{head.get('hash')}" if head else None,
        "sha256": found.sha256,
    }
