"""Why can, or can't, this person do it?"""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser

from executions import asking
from executions.cli.command import OpsCommand
from executions.cli.failing import BadInput
from executions.cli.finding import find_by_prefix
from executions.cli.people import acting_user, only_tenant
from executions.cli.plain import one_line
from executions.models import Execution
from safety.choices import ActionClass, Environment
from safety.explaining import QUESTIONS, Explained
from safety.models import Tenant

NO = 1
SHOWN = 200  # characters of what somebody typed or named


class Command(OpsCommand):
    """Shows the answer, each membership that was looked at and what it says, and what would help."""

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
        execution = _execution(options, asker)
        tenant = execution.tenant if execution else _tenant(options["tenant"], asker)
        person = asking.find_person(asker, one_line(options["person"], SHOWN), tenant)
        pair = (options["environment"], options["action_class"])
        reply = asking.reply(asker, person, tenant, question, pair=pair, execution=execution)
        if self.wants_json:
            found = [_as_data(one) for one in reply.explained]
            said = {"person": person.username, "tenant": tenant.slug, "question": question}
            more = {"besides": reply.besides, "lent": reply.lent, "advice": list(reply.advice)}
            self.print_json(said | {"allowed": reply.allowed, "answers": found} | more)
        else:
            self._say(reply)
        return 0 if reply.allowed else NO

    def _say(self, reply: asking.Reply) -> None:
        for one in reply.explained:
            self.stdout.write(one_line(one.sentence, SHOWN * 2))
            for verdict in one.verdicts:
                told = f"no, {verdict.objection}" if verdict.objection else "yes"
                self.stdout.write(f"  {one_line(str(verdict.membership), SHOWN)}: {told}")
        for sentence in filter(None, (reply.besides, *reply.advice)):
            self.stdout.write(sentence)


def _execution(options: dict[str, Any], asker: User) -> Execution | None:
    if not options["execution"]:
        return None
    if options["tenant"] or options["environment"] or options["action_class"]:
        raise BadInput("--execution says where and what already.", hint="Leave the others out.")
    return find_by_prefix(asking.executions_to_ask_about(asker), options["execution"], "execution")


def _tenant(slug: str | None, asker: User) -> Tenant:
    return only_tenant(asking.tenants_to_ask_about(asker), slug, asker)


def _as_data(one: Explained) -> dict[str, Any]:
    return {
        "environment": one.environment,
        "action_class": one.action_class,
        "allowed": one.answer.allowed,
        "as_superuser": one.as_superuser,
        "reason": one.answer.reason,
        "memberships": [
            {"role": each.membership.role, "allows": not each.objection, "reason": each.objection}
            for each in one.verdicts
        ],
    }
