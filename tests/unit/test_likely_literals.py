"""Promises about secret values in plans: the ways in which people write them are found, references to them are not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from executions import demo_plan
from executions.benchmark.corpora import harmless, leaks
from executions.plans import PlanInvalid, parse_plan
from executions.plans.without_secrets import without_secrets
from safety.secrets.literals import likely_secrets

DOCS = Path(__file__).parents[2] / "docs"
DOLLAR = "$ecret123"
# People's data and keys that are public: masked, but no reason to refuse a plan.
NO_SECRETS = re.compile(r"@mail\.example|\bssn\b|\bpan=|^card |^charged |^(?:web-01 )?ssh-(?:rsa|ed25519) ")


@pytest.mark.parametrize(
    "text",
    [
        "mysql --password hunter2",
        "mysql --password=correcthorse",
        "mysql -u root -phunter2 app",
        "curl -u olga:hunter2 https://x.example",
        "export X_PASSWORD=hunter2",
        "FOO_PASSWD='two words' run",
        "X_PWD=hunter2 run",
        "FOO_TOKEN=abc123 deploy",
        "CLIENT_SECRET=hunter run",
        "SIGN_KEY=h8n7er6 run",
        "PASSWORD=${PASSWORD:-hunter2} run",
        "X_PASSWORD=$ecret123 run",
        "wget --http-password=changeme https://x.example",
        "curl https://x.example/?token=abc123&y=1",
        "curl 'https://x.example/?a=1&api_key=abc123'",
        "git clone https://olga:hunter2@x.example/a",
        "curl -H 'Authorization: Bearer hunter2' x",
        "curl -H 'Cookie: sid=8f7a6b5c4d' x",
        "curl -H 'X-Api-Key: h8nter2' x",
        "docker login -u ci -p hunter2 r.example",
        "echo 'root:hunter2' | chpasswd",
    ],
)
def test_what_people_write_on_command_lines_is_found(text: str) -> None:
    assert [place for place, _ in likely_secrets({"with": {"script": text}})] == ["with.script"]


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"argv": ["mysql", "--password", "hunter2"]}, ["argv[2]"]),
        ({"argv": ["curl", "-u", "olga:hunter2", "x"]}, ["argv[2]"]),
        ({"argv": ["sshpass", "-p", "hunter2", "ssh", "x"]}, ["argv[2]"]),
        ({"argv": ["x", "--token=abc123"]}, ["argv[1]"]),
        ({"json": {"password": {"value": "hunter2"}}}, ["json.password.value"]),
        ({"json": [{"name": "DB_PASSWORD", "value": "hunter2"}]}, ["json[0].value"]),
        (
            {"json": {"password1": "hunter2", "max_password": "hunter2"}},
            ["json.password1", "json.max_password"],
        ),
        ({"json": {"passwords": ["hunter2"]}}, ["json.passwords[0]"]),
        ({"headers": {"Authorization": "Bearer abc"}}, ["headers.Authorization"]),
        ({"headers": {"Cookie": "sid=8f7a6b5c4d"}}, ["headers.Cookie"]),
        ({"headers": {"X-Api-Key": "k"}}, ["headers.X-Api-Key"]),
        ({"env": {"A_PASSWORD": DOLLAR}}, ["env.A_PASSWORD"]),
        *(
            ({"env": {name: "hunter2"}}, [f"env.{name}"])
            for name in (
                "A_PWD",
                "A_PASS",
                "A_PASSWD",
                "PGPASSWORD",
                "A_API_KEY",
                "A_SECRET",
                "A_TOKEN",
                "A_KEY",
            )
        ),
    ],
)
def test_names_options_and_headers_tell_what_their_value_is(value: object, places: list[str]) -> None:
    assert [place for place, _ in likely_secrets(value)] == places


@pytest.mark.parametrize(
    "text",
    [
        'mysql --password="$(cat "$OPSC_SECRETS_DIR/db")" app',
        "PGPASSWORD=$(</run/x/pg) psql; X_PASSWORD=`cat /run/x/y` run",
        'export TOKEN=$TOKEN; TOKEN=${TOKEN} x; curl -u "olga:$PW" y',
        'token=$(cat x); curl -H "X-Auth-Token: $token" -H "Authorization: Bearer $TOKEN" y',
        "secret=$(cat x); secret=${secret%.}; token=${token#* } password=${words[1]}",
        "PASSWORD=${PASSWORD:0:8}; : ${TOKEN:?missing}",
        'read -s pw1; mysql -p$pw1; mysql -u root -p"$PW" app',
        "curl -d @/run/x/password https://x.example",
        "git clone https://$USER:$TOKEN@x.example/a",
        "password={{ vault_pw }}; password=***; password=",
        "grep -q 'password=' /etc/app.conf; grep password: /etc/app/app.conf",
        "sed -i 's/^password=.*/password=***/' f; usermod -p '!' olga",
        "docker run -u www-data:www-data -p 5432:5432 -e POSTGRES_PASSWORD_FILE=/run/x app",
        "helm upgrade web x --set auth.existingSecret=web-tls",
        "docker build --secret id=npmrc,src=/x .",
        "kubectl create secret generic web --from-file=password=/run/x/p",
        "systemctl stop mysql && cp -pr /a /b; passwd --expire olga",
        "SSH_KEY=/root/.ssh/id_ed25519 x; PRIMARY_KEY=id; curl 'https://x/?page=2&key=name'",
        "python3 -c 'login(user, password=pw)'; pass=0; pass=$((pass+1))",
        "restic -r x --password-file /run/x/y backup; ansible x --ask-vault-password",
        "mount -o credentials=/etc/cifs/cred //x/y /z; vault kv get -field=password kv/x",
    ],
)
def test_references_and_talk_about_secrets_are_let_through(text: str) -> None:
    assert likely_secrets({"with": {"script": text}}) == []


def test_every_secret_of_the_leak_corpus_is_found_and_nothing_of_the_harmless_one() -> None:
    missed = [leak.text for leak in leaks() if not likely_secrets({"script": leak.text})]
    refused = [line for line in harmless() if likely_secrets({"script": line})]

    assert [text for text in missed if not NO_SECRETS.search(text)] == []
    assert refused == []


def test_the_plans_of_the_manual_and_of_the_demo_hold_no_secret() -> None:
    text = (DOCS / "plans.md").read_text()
    plans: list[Any] = [json.loads(found) for found in re.findall(r"```json plan\n(.*?)```", text, re.DOTALL)]
    assert plans
    for plan in [*plans, demo_plan.plan("/srv/demo", "http://localhost:8000")]:
        assert likely_secrets(plan) == []


@pytest.mark.parametrize(
    "key", ["ghp_" + "a1B2c3D4" * 5, "--password=hunter2.x", "https://olga:hunter2@x.example/"]
)
def test_a_key_that_is_a_secret_is_refused_and_shown_nowhere(key: str) -> None:
    step = {
        "id": "a",
        "kind": "http",
        "with": {"url": "https://x.example/", "method": "POST", "json": {key: 1}},
    }
    raw = json.dumps({"version": 1, "name": "t", "steps": [step]})
    with pytest.raises(PlanInvalid) as caught:
        parse_plan(raw)

    assert [(each.path, each.code) for each in caught.value.problems] == [
        ("steps[0].with.json.(not shown)", "secret.literal")
    ]
    shown = str(caught.value) + without_secrets(raw, caught.value.problems)
    assert key not in shown
    assert "hunter2" not in shown
