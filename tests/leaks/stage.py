"""The servers, processes and people of the hunt, with secrets of their own that are canaries too."""

import json
import os
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User

from executions.models import Asset
from safety.choices import Role
from safety.models import Membership
from tests.fleet import Fleet
from tests.leaks.canaries import PRINTED, SENT, Canaries, modest
from tests.leaks.steps import REFERENCES
from tests.services.httpd import TargetHttp
from tests.services.openbao import OpenBao
from tests.services.openssh import Sshd
from tests.services.processes import Owned, free_port, listens
from tests.services.rabbitmq import Node, Vhost
from tests.world import World, until

POLICY = 'path "secret/*" {capabilities = ["read"]} path "kv1/*" {capabilities = ["read"]}'
VAULT = ("vault_kv2:kv2", "crash:crash", "verify:verify")
IN_FILES = ("file_store", "private_key", "bad_header")


class Stage:
    """Everything that the hunt needs, up; `close` ends it all. Raises ServiceUnavailable."""

    def __init__(self, folder: Path, world: World, canaries: Canaries) -> None:
        self.folder, self.world, self.canaries = folder, world, canaries
        self.root = User.objects.create_superuser("root")
        world.here("here", environment="prod")
        self._stack = ExitStack()
        self.target = folder / "target"
        self.logs = folder / "logs"
        for part in (self.target, self.logs, folder / "given/acme", folder / "given/ssh"):
            part.mkdir(parents=True)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._stack.close()

    def worker(self, sign_in: str) -> Owned:
        """Start a worker that signs in to Vault with a token or as a role."""
        names = {*PRINTED, *SENT, "file_name"} - set(REFERENCES)
        env = {f"OPSC_SECRET_ACME__{name}": self.canaries[name] for name in sorted(names)}
        if sign_in == "token":
            env |= {"VAULT_TOKEN": self.canaries["vault_token"]}
        else:
            env |= {"VAULT_ROLE_ID": self._role_id, "VAULT_SECRET_ID": self.canaries["vault_secret_id"]}
        plain = dict(self.fleet.env)
        self.fleet.env |= env
        worker = self.fleet.add_worker(threads=8)
        self.fleet.env = plain
        self.fleet.wait_for_workers(1)
        return worker

    def _start(self) -> None:
        self.node = Node()
        self._stack.callback(self.node.close)
        self.sshd = Sshd()
        self._stack.callback(self.sshd.close)
        self.bao = OpenBao()
        self._stack.callback(self.bao.close)
        self.http = TargetHttp(self.folder / "given/requests.jsonl")
        self._stack.callback(self.http.close)
        self._broker()
        self._vault()
        self._ssh()
        self._own_secrets()
        self._processes()
        self.addresses = {name: self._answering(name) for name in (*SENT, "bad_header", "decoy")}

    def _broker(self) -> None:
        """A user with a password of its own, and a copy of every message (the firehose of RabbitMQ)."""
        password = self.canaries.add("broker_password", "password of RABBITMQ_URL", modest()).value
        broker = self.node.broker
        self.vhost = Vhost(broker)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        broker.manage("PUT", "users/opsc", {"password": password, "tags": "administrator"})
        broker.manage("PUT", f"permissions/{self.vhost.name}/opsc", everything)
        self.broker_url = f"amqp://opsc:{password}@127.0.0.1:{broker.port}/{self.vhost.name}"
        with self.vhost.channel() as channel:
            channel.queue_declare("everything", durable=True)
            channel.queue_bind("everything", "amq.rabbitmq.trace", "#")
        broker.manage("PUT", f"vhosts/{self.vhost.name}", {"tracing": True})

    def _vault(self) -> None:
        self._call("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
        self._call("POST", "kv1/acme/kv1", {"value": self.canaries["vault_kv1"]})
        for pair in VAULT:
            name, path = pair.split(":")
            self.bao.put(f"acme/{path}", value=self.canaries[name])
        self._call("PUT", "sys/policies/acl/opsc", {"policy": POLICY})
        token = self._call("POST", "auth/token/create", {"policies": ["opsc"]})["auth"]["client_token"]
        self.canaries.add("vault_token", "VAULT_TOKEN", token)
        self._call("POST", "sys/auth/approle", {"type": "approle"})
        self._call("POST", "auth/approle/role/opsc", {"token_policies": ["opsc"]})
        self._role_id = self._call("GET", "auth/approle/role/opsc/role-id")["data"]["role_id"]
        secret = self._call("POST", "auth/approle/role/opsc/secret-id", {})["data"]["secret_id"]
        self.canaries.add("vault_secret_id", "VAULT_SECRET_ID", secret)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.bao.url}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": self.bao.token},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")

    def _ssh(self) -> None:
        """One server, three assets: by key and passphrase, by password, by a wrong password."""
        phrase = self.canaries.add("ssh_passphrase", "passphrase of an asset's key", modest()).value
        key = self.folder / "given/ssh_key"
        argv = ["ssh-keygen", "-q", "-t", "ecdsa", "-m", "PKCS8", "-N", phrase, "-C", "", "-f", key]
        subprocess.run(argv, check=True, timeout=30, stdin=subprocess.DEVNULL)
        with (self.sshd.folder / "authorized_keys").open("a") as authorised:
            authorised.write(key.with_suffix(".pub").read_text())
        self._multi_line("ssh_private_key", "private key of an asset", key.read_text())
        self._multi_line("private_key", "private key of several lines, printed", self.sshd.private_key)
        wrong = self.canaries.add("ssh_wrong_password", "wrong password of an asset", modest()).value
        given = {"ssh_private_key": key.read_text(), "ssh_passphrase": phrase, "ssh_wrong_password": wrong}
        if self.sshd.password:
            self.canaries.add("ssh_password", "password of an asset", self.sshd.password)
        given["ssh_password"] = self.sshd.password or wrong
        for name, value in given.items():
            (self.folder / "given/acme" / name).write_text(value)
        self._asset("by-key", private_key="ssh_private_key", passphrase="ssh_passphrase")
        self._asset("by-password", password="ssh_password")
        self._asset("by-wrong", password="ssh_wrong_password")

    def _multi_line(self, name: str, position: str, text: str) -> None:
        lines = tuple(line for line in text.splitlines() if len(line) >= 40 and not line.startswith("-"))
        self.canaries.add(name, position, text.removesuffix("\n"), lines)

    def _asset(self, name: str, **credentials: str) -> None:
        Asset.objects.create(
            tenant=self.world.acme,
            name=name,
            environment="prod",
            address=self.sshd.address,
            port=self.sshd.port,
            username=self.sshd.username,
            host_keys=self.sshd.known_hosts,
            credentials={part: {"secret": f"file:{secret}"} for part, secret in credentials.items()},
        )

    def _own_secrets(self) -> None:
        for name in IN_FILES:
            (self.folder / "given/acme" / name).write_text(self.canaries[name] + "\n")
        database = urlsplit(os.environ["DATABASE_URL"]).password or ""
        self.canaries.add("database_password", "password of DATABASE_URL", database)
        self.canaries.add("secret_key", "SECRET_KEY", settings.SECRET_KEY)
        self.canaries.add("message_key", "OPSC_MESSAGE_KEY", settings.MESSAGE_KEY)
        self.world.olga.set_password(self.canaries["password"])
        self.world.olga.save()
        Membership.objects.create(tenant=self.world.acme, user=self.world.olga, role=Role.AUDITOR)

    def _processes(self) -> None:
        self.fleet = Fleet(self.broker_url, self.logs)
        self._stack.callback(self.fleet.stop)
        self.fleet.env |= {"OPSC_LOG_LEVEL": "DEBUG", "OPSC_SECRETS_DIR": str(self.folder / "given")}
        self.fleet.env |= {"VAULT_ADDR": self.bao.url}
        port = free_port()
        self.web = f"http://127.0.0.1:{port}"
        self.fleet.add("web", "--port", str(port)).wait_until(lambda: listens(port), timeout_s=40)
        self.fleet.add("scheduler")

    def _answering(self, name: str) -> str:
        value = self.canaries.all[name].value if name in self.canaries.all else ""
        if name == "lost_http":
            return self.http.on(f"/{name}", hang=True, drop=True)
        if name == "redirect":
            return self.http.on(f"/{name}", status=302, headers={"Location": f"http://127.0.0.1:9/?{value}"})
        if name == "http_said":
            said = {"X-Said": value, "Set-Cookie": f"session={value}"}
            return self.http.on(f"/{name}", status=500, body=json.dumps({"error": value}), headers=said)
        if name == "decoy":
            return f"{self.http.url}/{name}"
        return self.http.on(f"/{name}", status=500, body=f"you said {value}\n")

    def requests_arrived(self) -> None:
        """What the HTTP server's journal proves."""
        for name in SENT:
            value = self.canaries[name]
            for request in self.http.requests(f"/{name}"):
                if (
                    value in request.body
                    or value in request.headers.values()
                    or json.dumps(value) in request.body
                ):
                    self.canaries.prove(name, "the server was sent it")

    def wait_for_half(self) -> None:
        """The script that outlives its worker has said the first half, and the request hangs."""
        until((self.target / "half").exists, timeout_s=90)
        self.http.wait_for("/lost_http", timeout_s=90)
