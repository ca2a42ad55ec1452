"""Every command in somebody's name, as Nina about what is A's, and as somebody who may only look."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class

from executions.cli.command import OpsCommand
from executions.models import Asset, Execution, StepRun
from safety.models import Delegation
from safety.tokens.models import ApiToken, ServiceAccount
from tests.commands import Ended, manage
from tests.integration.walk.asking import Answer, Asker
from tests.integration.walk.planting import mark
from tests.integration.walk.scene import Scene

pytestmark = [pytest.mark.usefixtures("live_db"), pytest.mark.timeout(300)]

OURS = ("executions", "safety", "safety.signin", "safety.tokens", "opsconductor")
REFUSED = 2
# Who has a shell, the database's address and the keys runs these; they act for no person.
FOR_MAINTAINERS = {
    "approval_link": "makes a link for whoever is named, who signs in to use it",
    "bench": "measures, in a database of its own",
    "demo": "makes tables, people and an asset on a machine of one's own",
    "fleet": "worker processes",
    "health": "numbers of the platform, for who looks after it; names no run",
    "scheduler": "the periodic work of all tenants",
    "sign_in_link": "gives a session away, so it needs the shell",
    "sweep": "does once what the scheduler does",
    "up": "starts everything on one machine",
    "verify_audit": "reads every chain there is",
    "verify_evidence": "reads a file, and no database",
    "web": "the web process",
    "worker": "a worker process",
}
WHAT_IS_MISSING = (
    "The command {} takes --as: add a row to COMMANDS that says how to call it about somebody else's rows. "
    "If it has no --as, name it in FOR_MAINTAINERS with the reason."
)
# By name: the calls, each a function of the ids that it is about.
Call = Callable[["About"], tuple[Any, ...]]
COMMANDS: dict[str, list[Call]] = {
    "api_token": [
        lambda a: ("api_token", "create", "--name", "made", "--tenant", a.tenant),
        lambda a: ("api_token", "create", "--name", "made", "--for", a.robot),
        lambda a: ("api_token", "revoke", a.token),
    ],
    "service_account": [
        lambda a: (
            "service_account",
            "create",
            "made",
            "--tenant",
            a.tenant,
            "--owner",
            "nina",
            "--purpose",
            "x",
        ),
        lambda a: ("service_account", "change", a.robot, "--owner", "nina", "--purpose", "x"),
    ],
    "approve": [
        lambda a: ("approve", a.waiting, "--hash", a.hash),
        lambda a: ("approve", a.run, "--step", a.step, "--hash", a.hash),
    ],
    "break_glass": [
        lambda a: ("break_glass", a.waiting, "--hash", a.hash, "--reason", "an emergency of its own"),
        lambda a: ("break_glass", a.run, "--review", "right call"),
    ],
    "cancel": [
        lambda a: ("cancel", a.run, "--reason", "because"),
        lambda a: ("cancel", a.own, "--reason", "because", "--duplicate-of", a.run),
    ],
    "confirm": [lambda a: ("confirm", a.step_run)],
    "delegate": [
        lambda a: (
            "delegate",
            "nina",
            "--tenant",
            a.tenant,
            "--until",
            "2999-01-01T00:00",
            "--reason",
            "because",
        ),
        lambda a: ("delegate", "--end", a.delegation),
    ],
    "evidence": [lambda a: ("evidence", a.run, "--out", "-")],
    "golive": [lambda a: ("golive", "--tenant", a.tenant, "--phase", "full")],
    "link_identity": [lambda a: ("link_identity", a.person, "subject")],
    "locks": [
        lambda a: ("locks", "show", "--asset", a.asset),
        lambda a: ("locks", "reserve", "--asset", a.asset, "--reason", "because"),
        lambda a: ("locks", "unreserve", "--asset", a.asset),
        lambda a: ("locks", "release", "--asset", a.asset, "--reason", "because", "--force"),
    ],
    "reject": [
        lambda a: ("reject", a.waiting, "--comment", "no"),
        lambda a: ("reject", a.run, "--step", a.step, "--comment", "no"),
    ],
    "resolve": [lambda a: ("resolve", a.step_run, "skip", "--reason", "because")],
    "retry": [lambda a: ("retry", a.over, "--yes")],
    "rollout": [
        lambda a: ("rollout", "--tenant", a.tenant),
        lambda a: ("rollout", "--tenant", a.tenant, "--phase", "off", "--reason", "because"),
    ],
    "run": [lambda a: ("run", a.plan, "--tenant", a.tenant, "--yes"), lambda a: ("run", a.plan, "--yes")],
    "second_factor": [lambda a: ("second_factor", "reset", a.person, "--reason", "because")],
    "show": [lambda a: ("show", a.run, "--output"), lambda a: ("show", a.over, "--output", "--follow")],
    "submit": [lambda a: ("submit", a.plan, "--tenant", a.tenant), lambda a: ("submit", a.plan)],
    "switch": [
        lambda a: ("switch", "lift", a.switch, "--reason", "because"),
        lambda a: ("switch", "off", "--tenant", a.tenant, "--mode", "hold", "--reason", "because"),
    ],
    "unlock": [lambda a: ("unlock", a.person, "--reason", "because")],
    "withdraw": [lambda a: ("withdraw", a.waiting, "--reason", "because")],
    "why": [
        lambda a: ("why", a.person, "view_execution", "--execution", a.run),
        lambda a: ("why", a.person, "view_execution", "--tenant", a.tenant),
        lambda a: ("why", a.person, "view_execution"),
    ],
}
# What everybody may ask, about what is theirs.
LOOKS = {
    "locks": ("locks",),
    "delegate": ("delegate",),
    "switch": ("switch",),
    "api_token": ("api_token", "list"),
}


class About:
    """What a call is about: rows of A, or with `there` off nothing that there is. `own`: the caller's run."""

    def __init__(self, scene: Scene, folder: Path, *, there: bool) -> None:
        nothing = "00000000-0000-4000-8000-00000000000f"
        of_a = Execution.objects.filter(tenant=scene.a)

        def key(found: Any) -> str:
            return str(found.pk) if there else nothing

        self.run, self.own = key(of_a.get(status="running")), str(scene.run_of_b.pk)
        self.waiting, self.over = key(of_a.get(status="pending_approval")), key(of_a.get(status="succeeded"))
        self.step_run = key(StepRun.objects.get(tenant=scene.a))
        self.hash, self.step = of_a.get(status="pending_approval").approval_hash, mark("opsc_step.key")
        self.tenant = "acme" if there else "acme-9"
        self.person = scene.olga.username if there else "nobody-9"
        self.delegation = Delegation.objects.get(tenant=scene.a).pk if there else 10**6
        self.robot = ServiceAccount.objects.get(tenant=scene.a).user.username if there else "robot-9"
        self.token = ApiToken.objects.get(tenant=scene.a).prefix if there else "0" * 12
        self.asset = Asset.objects.get(tenant=scene.a).name if there else "host-9"
        self.switch = max(scene.rows_of_a["opsc_switch"]) if there else 10**6
        step = {"id": "a", "kind": "command", "with": {"argv": ["true"]}, "action_class": "read"}
        plan = {"version": 1, "name": "x", "mode": "background", "targets": [self.asset], "steps": [step]}
        self.plan = folder / f"plan-{there}.json"
        self.plan.write_text(json.dumps(plan))

    @property
    def sent(self) -> list[Any]:
        """Every value that is of A, or in its place of nobody, as it may be said back."""
        runs = [self.run, self.waiting, self.over, self.step_run]
        return [*runs, self.tenant, self.person, self.robot, self.token, self.asset, self.plan]


def _commands() -> dict[str, Any]:
    return {
        name: load_command_class(app, name)
        for name, app in get_commands().items()
        if app in OURS and isinstance(app, str)
    }


def test_every_command_acts_for_somebody_or_is_a_maintainers() -> None:
    for name, command in _commands().items():
        for_somebody = isinstance(command, OpsCommand) and command.acts_for_somebody
        assert (name in COMMANDS, name in FOR_MAINTAINERS) == (for_somebody, not for_somebody), (
            WHAT_IS_MISSING.format(name)
        )
    assert set(COMMANDS) | set(FOR_MAINTAINERS) == set(_commands())


def _calls(about: About) -> Iterator[tuple[Any, ...]]:
    for calls in COMMANDS.values():
        yield from (call(about) for call in calls)


def _said(ended: Ended) -> Answer:
    return Answer(ended.code, "", ended.out + ended.err, ())


def test_a_person_of_another_tenant_is_told_that_there_is_nothing(scene: Scene, tmp_path: Path) -> None:
    nina, wrong = Asker(scene, scene.nina), []
    there, nothing = About(scene, tmp_path, there=True), About(scene, tmp_path, there=False)
    for call, other in zip(_calls(there), _calls(nothing), strict=True):
        ended = _said(manage(*call, "--as", "nina"))
        unknown = _said(manage(*other, "--as", "nina"))
        said = " ".join(map(str, call))
        if ended.status != REFUSED:
            wrong.append(f"{said}: exit code {ended.status}: {ended.text}")
        if ended.alike(*there.sent) != unknown.alike(*nothing.sent):
            wrong.append(f"{said}: an unknown id gets another answer: {ended.text} {unknown.text}")
        wrong += [f"{said}: tells {leak}" for leak in nina.leaks(ended, *there.sent)]
        wrong += [f"{said}: changed {change}" for change in nina.changes()]
    for call in LOOKS.values():
        ended = _said(manage(*call, "--as", "nina"))
        assert ended.status == 0
        wrong += [f"{call}: tells {leak}" for leak in nina.leaks(ended)]
    assert not wrong, "\n".join(wrong)


def test_a_viewer_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    vera, about = Asker(scene, scene.vera), About(scene, tmp_path, there=True)
    about.own = about.waiting
    codes = {}
    for call in (call for call in _calls(about) if call[:2] not in OWN_ACCOUNT):
        codes[" ".join(map(str, call))] = manage(*call, "--as", "vera").code
        assert vera.changes() == (), call
    refused = {said for said, code in codes.items() if code == REFUSED}
    assert {said.split()[0] for said in set(codes) - refused} == LOOKING


OWN_ACCOUNT = {("api_token", "create")}  # a viewer's program may look, too
LOOKING = {"golive", "locks", "rollout", "show"}
