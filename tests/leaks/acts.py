"""What people do during the hunt, through the pages of a real web process and by command."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from executions import api_tokens
from executions.api_tokens import Wanted
from executions.fresh import BY_COMMAND
from executions.models import Execution
from executions.web import one_time
from safety.models import Switch
from tests.commands import manage
from tests.leaks.canaries import Canaries
from tests.leaks.searching import Place
from tests.leaks.stage import Stage
from tests.leaks.steps import step, steps_of_the_hunt
from tests.world import until

HIDDEN = r'name="{}"\s+value="([^"]*)"'


class Visitor:
    """A browser of one person; every page that it was given is kept."""

    def __init__(self, web: str, name: str) -> None:
        self.web, self.name = web, name
        self.pages: list[Place] = []
        self._session = requests.Session()

    def come_with(self, token: str) -> None:
        """Send this API token from now on."""
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, address: str) -> requests.Response:
        return self._kept("GET", address, self._session.get(self.web + address, timeout=30))

    def post(self, address: str, **form: object) -> requests.Response:
        form["csrfmiddlewaretoken"] = self._session.cookies.get("csrftoken", "")
        answer = self._session.post(self.web + address, data=form, timeout=30)
        return self._kept("POST", address, answer)

    def _kept(self, method: str, address: str, answer: requests.Response) -> requests.Response:
        headers = "".join(
            f"{name}: {value}\n" for name, value in answer.headers.items() if name != "Set-Cookie"
        )
        self.pages.append(
            Place("pages", f"{method} {address} as {self.name}", headers.encode() + answer.content)
        )
        return answer

    def close(self) -> None:
        self._session.close()


def sign_in_all(stage: Stage) -> dict[str, Visitor]:
    """Olga with her password, after a wrong one; the others by link; and nobody."""
    everybody = {name: Visitor(stage.web, name) for name in ("olga", "tom", "nina", "root", "nobody")}
    olga = everybody["olga"]
    olga.get("/sign-in/")
    wrong = olga.post("/sign-in/", username="olga", password=stage.canaries["wrong_password"])
    assert "sessionid" not in {cookie.name for cookie in wrong.cookies}
    stage.canaries.prove("wrong_password", f"the page answered {wrong.status_code} and let nobody in")
    olga.post("/sign-in/", username="olga", password=stage.canaries["password"])
    assert olga.get("/executions/").url.endswith("/executions/")
    stage.canaries.prove("password", "Olga is signed in with it")
    for user in (stage.world.tom, stage.world.nina, stage.root):
        address = f"/sign-in/once/{one_time.issue(user)}/"
        everybody[user.get_username()].get(address)
        assert everybody[user.get_username()].post(address).ok
    return everybody


def a_program(stage: Stage) -> Visitor:
    """A program of Olga's with a token, which it also sends where it must not."""
    wanted = Wanted(name="hunt", tenant=stage.world.acme, scopes=["read"], days=1)
    _, value = api_tokens.create(wanted, by=stage.world.olga, signed_in=BY_COMMAND)
    stage.canaries.add("api_token", "API token of a program", value, (value.rpartition("_")[2],))
    program = Visitor(stage.web, "a program")
    assert program.get(f"/api/v1/token?token={value}").status_code == 400
    program.come_with(value)
    assert program.get("/api/v1/token").json()["account"] == "olga"
    stage.canaries.prove("api_token", "the API says that it is Olga's")
    return program


def submit(visitor: Visitor, tenant: int, plan: dict[str, Any]) -> UUID:
    """Preview and confirm a plan on the pages."""
    form = {"tenant": tenant, "plan": json.dumps(plan)}
    seen = re.search(HIDDEN.format("seen_hash"), visitor.post("/executions/new/preview/", **form).text)
    assert seen, visitor.pages[-1].content.decode()[-3000:]
    answer = visitor.post("/executions/new/confirm/", **form, seen_hash=seen.group(1))
    return UUID(answer.url.split("/")[-2])


def the_plan(stage: Stage, decoy: str) -> dict[str, Any]:
    http = stage.addresses | {"decoy": f"{stage.addresses['decoy']}/{decoy}"}
    steps = steps_of_the_hunt(stage.target, http)
    return {"version": 1, "name": f"hunt {decoy}", "mode": "background", "steps": steps}


def approve(tom: Visitor, execution_id: UUID, canaries: Canaries) -> None:
    """Tom approves, and is careless with his comment."""
    address = f"/executions/{execution_id}/"
    found = re.search(HIDDEN.format("approval_hash"), tom.get(address).text)
    assert found, "Tom is not asked to approve"
    comment = f"fine, token={canaries['approval_comment']}"
    assert tom.post(f"{address}approve/", approval_hash=found.group(1), comment=comment).ok
    canaries.prove("approval_comment", "the page took the comment")


def mistakes(stage: Stage, olga: Visitor, folder: Path) -> list[Place]:
    """What careless people type where no secret belongs; what commands answer."""
    canaries, said = stage.canaries, []
    literal = step("a", "command", {"argv": ["true"], "env": {"API_TOKEN": canaries["literal"]}})
    address = f"https://user:{canaries['literal_address']}@127.0.0.1/"
    plans = {
        "literal": json.dumps({"version": 1, "name": "literal", "steps": [literal]}),
        "literal_address": json.dumps(
            {"version": 1, "name": "x", "steps": [step("a", "http", {"url": address})]}
        ),
        "damaged_plan": '{"version": 1, "steps": [{"password": '
        + json.dumps(canaries["damaged_plan"])
        + ", ",
    }
    for name, plan in plans.items():
        answer = olga.post("/executions/new/preview/", tenant=stage.world.acme.pk, plan=plan)
        (folder / "plan").write_text(plan)
        ended = manage("submit", folder / "plan", "--as", "olga", "--json")
        said.append(Place("commands", f"submit {name}", (ended.out + ended.err).encode()))
        assert (answer.status_code, ended.code) == (400, 2), (name, answer.status_code, ended)
        canaries.prove(name, "page and command refused the plan")
    _switch(stage, olga)
    return said


def _switch(stage: Stage, olga: Visitor) -> None:
    """Something that nobody here uses is switched off, for a careless reason."""
    reason = f"since token={stage.canaries['switch_reason']} is out"
    where = {"tenant": stage.world.acme.pk, "environment": "staging", "connector": "wait"}
    assert olga.post("/switches/turn/", mode="hold", hours="1", reason=reason, **where).ok
    assert Switch.objects.filter(connector="wait").exists()
    stage.canaries.prove("switch_reason", "the page took the reason")


def by_key(stage: Stage, folder: Path) -> list[Place]:
    """A submission with a secret for an idempotency key."""
    plan = {
        "version": 1,
        "name": "by key",
        "steps": [step("w", "wait", {"seconds": 0.01}) | {"target": None}],
    }
    plan["steps"][0].pop("target")
    (folder / "plan").write_text(json.dumps(plan))
    key = stage.canaries["idempotency_key"]
    ended = manage("submit", folder / "plan", "--as", "olga", "--json", "--idempotency-key", key)
    assert ended.code == 0, ended.err
    stage.canaries.prove("idempotency_key", "the submission was taken")
    return [Place("commands", "submit by key", (ended.out + ended.err).encode())]


def cancel(stage: Stage, olga: Visitor) -> UUID:
    """A run that is cancelled, with a careless reason."""
    slow = step("slow", "script", {"script": "sleep 60"})
    plan = {"version": 1, "name": "slow", "mode": "background", "steps": [slow]}
    execution_id = submit(olga, stage.world.acme.pk, plan)
    reason = f"wrong host, password={stage.canaries['cancel_reason']}"
    assert olga.post(f"/executions/{execution_id}/cancel/", reason=reason).ok
    until(lambda: Execution.objects.get(pk=execution_id).is_terminal, timeout_s=60)
    stage.canaries.prove("cancel_reason", "the page took the reason")
    return execution_id
