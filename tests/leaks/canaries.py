"""The secrets of the hunt, each in a position of its own."""

import hashlib
import secrets
from dataclasses import dataclass, field


def awkward() -> str:
    """A value that looks different in every encoding: quotes, `$`, `/`, `+`, `&`; printable ASCII, no space."""
    return f"{secrets.token_hex(7)}/Zr+k_\"x'9$H&=<{secrets.token_hex(8)}"


def modest() -> str:
    """A value of letters, digits and `-`, for places that allow no more."""
    return f"{secrets.token_hex(9)}-Kx-{secrets.token_hex(9)}"


@dataclass(frozen=True)
class Canary:
    """One secret. `values`: what gives it away (a key of several lines: each line).

    at_home: kinds of places that its position itself makes it stand in.
    """

    name: str
    position: str
    value: str
    values: tuple[str, ...] = ()
    at_home: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """What a target writes down to show that it was given the value."""
        return hashlib.sha256(self.value.encode()).hexdigest()

    @property
    def looked_for(self) -> tuple[str, ...]:
        return self.values or (self.value,)


# Handed to a script on a target, which prints it: name to position.
PRINTED = {
    "env_store": "env store, printed",
    "file_store": "file store, printed",
    "vault_kv1": "Vault key-value version 1, printed",
    "vault_kv2": "Vault key-value version 2, printed",
    "command": "secrets file of a command",
    "stdin": "standard input",
    "wraps": "printed in base64 (3 alignments), hex, url, json, shell, repr, UTF-16",
    "halves": "printed in halves with a pause",
    "stderr": "printed to standard error",
    "exit_message": "last words of a failing script",
    "traceback": "traceback of a program",
    "colours": "printed with terminal colours between",
    "long_line": "end of more than 1 MiB without a newline",
    "border": "across the border of a chunk",
    "title": "title of a process on the target",
    "retry": "printed by two attempts",
    "crash": "printed in halves, the worker killed between",
    "verify": "printed by a verify probe",
    "expect": "output that fails an expectation",
    "ssh_printed": "printed over SSH",
}
SENT = {
    "http_header": "header, said back with status 500",
    "http_body": "body, said back with status 500",
    "http_json": "JSON, said back with status 500",
    "http_said": "header, said back in headers and reason",
    "redirect": "header, said back in a redirect",
    "lost_http": "body of a request whose worker was killed",
}
TYPED = {
    "approval_comment": "comment of an approval, as `token=…`",
    "cancel_reason": "reason of a cancel, as `password=…`",
    "switch_reason": "reason of a switch, as `token=…`",
    "idempotency_key": "idempotency key of a submission",
    "literal": "written into a plan",
    "literal_address": "written into a plan's URL",
    "damaged_plan": "in a plan that is no JSON",
    "wrong_password": "wrong password at the sign-in page",
    "password": "right password at the sign-in page",
}
SYSTEM = {
    "database_password": "password of DATABASE_URL",
    "broker_password": "password of RABBITMQ_URL",
    "secret_key": "SECRET_KEY",
    "message_key": "OPSC_MESSAGE_KEY",
    "vault_token": "VAULT_TOKEN",
    "vault_secret_id": "VAULT_SECRET_ID",
}
MODEST = {
    "file_name",
    "switch_reason",
    "cancel_reason",
    "approval_comment",
    "idempotency_key",
    "password",
    "wrong_password",
    "literal_address",
}


@dataclass
class Canaries:
    """All of them by name, and what proves that each was handed over."""

    all: dict[str, Canary] = field(default_factory=dict)
    proofs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def made(cls) -> "Canaries":
        made = cls()
        for name, position in (PRINTED | SENT | TYPED).items():
            made.add(name, position, modest() if name in MODEST else awkward())
        made.add("file_name", "name of a file on the target", modest())
        lines = (awkward(), awkward())
        made.add("bad_header", "header that cannot be sent, named in an error", "\n".join(lines), lines)
        return made

    def add(self, name: str, position: str, value: str, values: tuple[str, ...] = ()) -> Canary:
        home = frozenset({"/proc"}) if name == "title" else frozenset()
        self.all[name] = Canary(name, position, value, values, home)
        return self.all[name]

    def __getitem__(self, name: str) -> str:
        return self.all[name].value

    def prove(self, name: str, evidence: str) -> None:
        """Write down that this canary reached its place, and how we know."""
        self.proofs.setdefault(name, evidence)

    @property
    def unproven(self) -> list[str]:
        """Those that never reached their place: a hunt without them says nothing about them."""
        return sorted(set(self.all) - set(self.proofs))
