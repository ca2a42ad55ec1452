"""Approve what an execution would do."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import approvals, dispatch, stepwise
from executions.cli import failing
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution
from executions.cli.people import acting_user
from executions.cli.plain import plain
from executions.cli.seen_hash import seen_hash, show_all
from executions.fresh import BY_COMMAND
from executions.models import Execution
from executions.plans.approved import gate_hash


class Command(OpsCommand):
    """Approves exactly what it shows, bound to its hash."""

    help = (
        "Approve an execution. It shows what would run; say that you saw it with --hash (12 or more "
        "characters of the hash shown), or with yes on a terminal."
    )
    example = (
        "manage.py approve 3f2a91c0 --as tom\n  manage.py approve 3f2a91c0 --as tom --hash 9d41c7a0b2e5\n"
        "  manage.py approve 3f2a91c0 --as tom --step restart"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", metavar="ID", help="the execution's id, or the first 4 or more characters")
        parser.add_argument(
            "--hash", default="", help="the approval hash, or its first 12 or more characters"
        )
        parser.add_argument("--comment", default="", help="kept in its history")
        parser.add_argument("--step", metavar="ID", help="level 3: let this step begin")

    def act(self, options: dict[str, Any]) -> int:
        user = acting_user(options["user"])
        execution = find_execution(options["id"], user)
        approvals.require_decision(execution, user)
        if options["step"]:
            return self._step(execution, user, options)
        if not self.wants_json:
            show_all(self, execution)
        approval_hash = seen_hash(self, execution.approval_hash, options["hash"])
        missing = approvals.approve(
            execution.pk,
            user=user,
            approval_hash=approval_hash,
            comment=options["comment"],
            signed_in=BY_COMMAND,
        )
        dispatch.flush()
        status = Execution.objects.values_list("status", flat=True).get(pk=execution.pk)
        if self.wants_json:
            self.print_json(
                {"id": execution.pk, "status": status, "approval_hash": approval_hash, "missing": missing}
            )
        elif missing:
            self.stdout.write(f"your approval counts; {missing} more needed, {execution.pk} is {status}")
        else:
            self.stdout.write(f"approved; {execution.pk} is {status}")
        return failing.SUCCEEDED

    def _step(self, execution: Execution, user: User, options: dict[str, Any]) -> int:
        """Let one step begin, once it was shown or its hash given."""
        step = execution.steps.filter(key=options["step"]).first()
        if step is None:
            raise BadInput(f"This run has no step {options['step'][:60]!r}.")
        wanted = gate_hash(execution.approval_hash, step.key, step.spec)
        if not self.wants_json:
            self.stdout.write(plain(json.dumps(step.spec, indent=2, ensure_ascii=False)))
            self.stdout.write(f"approval hash of the step {step.key}: {wanted}")
        seen = seen_hash(self, wanted, options["hash"])
        comment = options["comment"]
        missing = stepwise.approve(
            execution.pk, step.key, user=user, seen_hash=seen, comment=comment, signed_in=BY_COMMAND
        )
        dispatch.flush()
        if self.wants_json:
            self.print_json({"id": execution.pk, "step": step.key, "approval_hash": seen, "missing": missing})
        elif missing:
            self.stdout.write(f"your approval counts; {missing} more needed for the step {step.key}")
        else:
            self.stdout.write(f"the step {step.key} may begin")
        return failing.SUCCEEDED
