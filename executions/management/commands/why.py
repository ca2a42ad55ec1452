"""Why can, or can't, this person do it?"""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_execution
from executions.cli.people import acting_tenant, acting_user
from executions.cli.plain import one_line
from executions.errors import NotFound
from safety import rbac
from safety.choices import ActionClass, Environment
from safety.explaining import Explained, explain, may_ask
from safety.models import Tenant
from safety.models.role import PERMISSIONS

QUESTIONS = {name.rpartition(".")[2]: name for name, _ in PERMISSIONS}
NO = 1
SHOWN = 200  # characters of what somebody typed or named


class Command(OpsCommand):
    """Shows the answer, each membership that was looked at, and which one allows or why it does not."""

    help = (
        "Say why a person can or can't do something in a tenant: the answer, and what each membership says."
    )
    example = (
        "manage.py why olga cancel_execution --execution 3f2a91c0\n"
        "  manage.py why olga run:deploy --tenant acme --environment prod"
    )
    exit_codes = "Exit codes: 0 allowed, 1 not allowed, 2 refused or bad input, 3 not available."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("person", metavar="USER", help="whose rights")
        parser.add_argument("question", metavar="QUESTION", help=f"one of {', '.join(QUESTIONS)}")
        parser.add_argument("--tenant", metavar="SLUG", help="where (default: your only tenant)")
        parser.add_argument("--environment", choices=Environment.values, default="", help="default: any")
        parser.add_argument("--action-class", choices=ActionClass.values, default="", help="default: any")
        parser.add_argument(
            "--execution", metavar="ID", help="about this one: its tenant, and all it touches"
        )

    def act(self, options: dict[str, Any]) -> int:
        asker = acting_user(options["user"])
        question = QUESTIONS.get(options["question"].rpartition(".")[2])
        if question is None:
            raise BadInput(
                f"Nobody is asked {one_line(options['question'], SHOWN)!r}.",
                hint=f"One of {', '.join(QUESTIONS)}.",
            )
        tenant, touches = self._about(options, asker, question)
        person = User.objects.filter(username=options["person"]).first()
        if person is None or not person.memberships.filter(tenant=tenant).exists():
            raise NotFound(
                f"Nobody called {one_line(options['person'], SHOWN)!r} is or was a member of {tenant}."
            )
        if not may_ask(asker, person, tenant):
            raise BadInput(
                "You may ask about yourself only.", hint="Auditors and tenant admins may ask about others."
            )
        explained = explain(person, tenant, question, touches)
        allowed = all(one.answer.allowed for one in explained)
        if self.wants_json:
            found = [_as_data(one) for one in explained]
            said = {"person": person.username, "tenant": tenant.slug, "question": question}
            self.print_json(said | {"allowed": allowed, "answers": found})
        else:
            for one in explained:
                self._say(person, tenant, question, one)
        return 0 if allowed else NO

    def _about(
        self, options: dict[str, Any], asker: User, question: str
    ) -> tuple[Tenant, tuple[tuple[str, str], ...]]:
        if options["execution"]:
            if options["tenant"] or options["environment"] or options["action_class"]:
                raise BadInput("--execution says where and what already.", hint="Leave the others out.")
            execution = find_execution(options["execution"], asker)
            pairs = rbac.touched_by(execution)
            if question.startswith(rbac.RUN):
                pairs = tuple(pair for pair in pairs if question == f"{rbac.RUN}{pair[1]}")
            if not pairs:
                raise BadInput(f"That execution has no {question.removeprefix(rbac.RUN)} step.")
            return execution.tenant, pairs
        return acting_tenant(options["tenant"], asker), ((options["environment"], options["action_class"]),)

    def _say(self, person: User, tenant: Tenant, question: str, one: Explained) -> None:
        where = f" in {one.environment}" if one.environment else ""
        what = f" for {one.action_class} steps" if one.action_class else ""
        answer = "allowed" if one.answer.allowed else f"not allowed: {one.answer.reason}"
        self.stdout.write(f"{person.username}, {question} for {tenant}{where}{what}: {answer}")
        for verdict in one.verdicts:
            told = f"no, {verdict.objection}" if verdict.objection else "yes"
            self.stdout.write(f"  {one_line(str(verdict.membership), SHOWN)}: {told}")


def _as_data(one: Explained) -> dict[str, Any]:
    return {
        "environment": one.environment,
        "action_class": one.action_class,
        "allowed": one.answer.allowed,
        "reason": one.answer.reason,
        "memberships": [
            {"role": each.membership.role, "allows": not each.objection, "reason": each.objection}
            for each in one.verdicts
        ],
    }
