"""Run a real plan on this machine, from nothing."""

import os
import tempfile
from typing import Any

from django.conf import settings
from django.core.management import call_command

from executions import demo, dispatch
from executions.cli.command import OpsCommand
from executions.cli.describing import describe
from executions.cli.failing import NotAvailable
from executions.cli.following import follow
from executions.cli.launching import exit_code
from executions.cli.showing import show_header, show_steps
from executions.control import request_cancel
from executions.demo_plan import plan
from executions.inprocess import some_worker_lives
from executions.models import Execution
from executions.submission import submit


class Command(OpsCommand):
    """Makes tables, people and an asset, runs seven steps through the safety chain, and shows the result."""

    help = "Run a real plan of seven steps on this machine; makes the tables, a tenant and people first."
    example = "manage.py demo\n  manage.py demo --json"
    acts_for_somebody = False

    def act(self, options: dict[str, Any]) -> int:  # noqa: ARG002
        call_command("migrate", interactive=False, verbosity=0)
        accounts = demo.ensure_demo()
        if settings.RABBITMQ_URL and demo.TOKEN_VARIABLE not in os.environ and some_worker_lives():
            self.note(
                "Other workers are alive on this database. Where one of them takes the step with the secret and "
                f"was not started by `up`, it needs {demo.TOKEN_VARIABLE}."
            )
        demo.ensure_token()
        try:
            execution = self._run(accounts)
        except demo.NoWorkers as problem:
            raise NotAvailable(f"The demo's workers did not start: {problem}") from problem
        if self.wants_json:
            self.print_json(describe(execution, output=True))
        else:
            self._show(execution)
        return exit_code(execution, wait=True)

    def _run(self, accounts: demo.DemoAccounts) -> Execution:
        with (
            tempfile.TemporaryDirectory(prefix="opsc-demo-") as folder,
            demo.website() as site,
            demo.workers(),
        ):
            submitted = submit(
                plan(folder, site), user=accounts.olga, tenant=accounts.tenant, confirmed=True, again=True
            )
            if not self.wants_json:
                self.note(f"Running execution {submitted.execution_id} …")
            try:
                follow(submitted.execution_id, self.console if self.on_terminal else None)
            except KeyboardInterrupt:
                request_cancel(submitted.execution_id, user=accounts.olga, reason="the demo was interrupted")
                raise
        dispatch.flush()
        return Execution.objects.select_related("tenant", "requested_by").get(pk=submitted.execution_id)

    def _show(self, execution: Execution) -> None:
        show_header(self.console, execution)
        show_steps(self.console, execution)
        self.stdout.write(
            "\nThe token was a random value; it is masked in everything that was stored. Look at it:\n"
            f"  make up, and there /executions/{execution.pk}/\n"
            f"  .venv/bin/python manage.py show {execution.short_id} --output"
        )
