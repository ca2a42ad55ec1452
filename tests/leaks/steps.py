"""The plan of the hunt: every secret in a step of its own, said as loudly as a careless author could."""

from pathlib import Path
from typing import Any

from tests.leaks.canaries import Canaries

READ = 'f="$OPSC_SECRETS_DIR/{name}"; s=$(cat "$f"); '
# The target's own journal: name and SHA-256 of what it was given.
WRITE_DOWN = "printf '%s %s\\n' {name} \"$(printf %s \"$s\" | sha256sum | cut -d' ' -f1)\" >> {journal}\n"
WRAPS = """python3 - "$f" <<'END'
import base64, json, shlex, sys
from urllib.parse import quote, quote_plus
s = open(sys.argv[1]).read()
raw = s.encode()
print(*(base64.b64encode(b"x" * n + raw).decode() for n in range(3)), base64.urlsafe_b64encode(raw).decode())
print(raw.hex(), raw.hex().upper(), quote(s, safe=""), quote_plus(s), json.dumps(s), json.dumps(json.dumps(s)))
print(shlex.quote(s), repr(s), repr(raw), s[::-1])
sys.stdout.flush()
sys.stdout.buffer.write(s.encode("utf-16-le") + b"\\n" + s.encode("utf-16-be") + b"\\n")
END
"""
COLOURS = """python3 - "$f" <<'END'
import sys
s = open(sys.argv[1]).read()
print("\\x1b[32m" + s[: len(s) // 2] + "\\x1b[31m" + s[len(s) // 2 :] + "\\x1b[0m")
print("\\x1b[1m".join(s[n : n + 6] for n in range(0, len(s), 6)) + "\\x1b[0m")
END
"""
SAYS = {
    "wraps": WRAPS,
    "halves": 'printf %.20s "$s"; sleep 1; printf \'%s\\n\' "$s" | tail -c +21\n',
    "stderr": 'echo "cannot use $s" >&2\n',
    "exit_message": 'echo "fatal: $s was not accepted" >&2; exit 3\n',
    "traceback": "python3 -c 'import sys; raise ValueError(open(sys.argv[1]).read())' \"$f\"\n",
    "colours": COLOURS,
    "long_line": 'python3 -c \'import sys; sys.stdout.write("x" * 1100000 + open(sys.argv[1]).read() + "end")\' "$f"\n',
    "border": 'python3 -c \'import sys; sys.stdout.write("z" * 65516 + open(sys.argv[1]).read() + "end")\' "$f"\n',
    "title": 'bash -c \'exec -a "$(cat "$0")" sleep 0.4\' "$f" & sleep 0.2; tr "\\0" " " </proc/$!/cmdline; wait\n',
    "file_name": 'mkdir "{folder}/d"; : > "{folder}/d/$s"; ls "{folder}/d"; rm -r "{folder}/d"\n',
    "retry": 'echo "try $s"; test -e {folder}/tried || {{ touch {folder}/tried; exit 1; }}\n',
    "crash": 'printf %.20s "$s"; touch {folder}/half; while ! test -e {folder}/go; do sleep 0.1; done;'
    " printf '%s\\n' \"$s\" | tail -c +21\n",
    "private_key": 'cat "$f"; sed "s/^/ | /" "$f"; base64 -w 76 "$f"\n',
}
REFERENCES = {
    "file_store": "file:file_store",
    "vault_kv1": "vault:kv1/acme/kv1#value",
    "vault_kv2": "vault:secret/acme/kv2#value",
    "crash": "vault:secret/acme/crash#value",
    "private_key": "file:private_key",
    "bad_header": "file:bad_header",
    "verify": "vault:secret/acme/verify#value",
}
SCRIPTS = (
    *("env_store", "file_store", "vault_kv1", "vault_kv2", "wraps", "halves", "stderr", "exit_message"),
    *("traceback", "colours", "long_line", "border", "title", "file_name", "retry", "crash", "private_key"),
)


def reference(name: str) -> dict[str, str]:
    """How a plan names this secret."""
    return {"secret": REFERENCES.get(name, f"env:{name}")}


def script(name: str, folder: Path) -> dict[str, Any]:
    """`with` of a script that is handed the secret, writes that down, and says it."""
    says = SAYS.get(name, 'echo "got $s"\n').replace("{folder}", str(folder))
    text = READ.format(name=name) + WRITE_DOWN.format(name=name, journal=folder / "journal")
    return {"script": text + says.replace("{{", "{").replace("}}", "}"), "secrets": {name: reference(name)}}


def step(name: str, kind: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    fixed = {"depends_on": [], "on_failure": "continue", "estimate": 40, "target": "here"}
    return fixed | {"id": name, "kind": kind, "with": arguments} | more


def steps_of_the_hunt(folder: Path, http: dict[str, str]) -> list[dict[str, Any]]:
    """Every step; `http`: canary to address."""
    steps = [step(name, "script", script(name, folder)) for name in SCRIPTS]
    for one in steps:
        if one["id"] == "retry":
            one |= {"retries": 1, "effect": "idempotent"}
    steps.append(step("expect", "script", script("expect", folder), expect={"output": "never said"}))
    steps.append(step("ssh_printed", "script", script("ssh_printed", folder), target="by-key"))
    steps += [
        step(f"{name}_in", "command", {"argv": ["true"]}, target=name) for name in ("by-password", "by-wrong")
    ]
    command = script("command", folder)
    steps.append(
        step(
            "command",
            "command",
            {
                "argv": ["/bin/sh", "-c", command["script"].strip().replace("\n", "; ")],
                "secrets": command["secrets"],
            },
        )
    )
    given = WRITE_DOWN.format(name="stdin", journal=folder / "journal")
    steps.append(
        step("stdin", "script", {"script": f's=$(cat); {given}echo "read $s"', "stdin": reference("stdin")})
    )
    return steps + _requests(folder, http)


def _requests(folder: Path, http: dict[str, str]) -> list[dict[str, Any]]:
    def sends(name: str, **given: Any) -> dict[str, Any]:
        return step(name, "http", {"method": "POST", "url": http[name]} | given)

    return [
        sends("http_header", headers={"X-Auth": reference("http_header")}),
        sends("http_body", body=reference("http_body")),
        sends("http_json", json={"deep": [{"token": reference("http_json")}]}),
        sends("http_said", headers={"Authorization": reference("http_said")}),
        sends("redirect", headers={"X-Auth": reference("redirect")}),
        sends("bad_header", headers={"X-Auth": reference("bad_header")}),
        sends("decoy"),
        sends("lost_http", body=reference("lost_http"))
        | {"effect": "checkable", "verify": {"kind": "script", "with": script("verify", folder)}},
    ]


def evidence(canaries: Canaries, folder: Path) -> None:
    """What the target's journal proves."""
    lines = [line.split() for line in (folder / "journal").read_text().splitlines()]
    for name, canary in canaries.all.items():
        count = lines.count([name, canary.digest])
        if count:
            canaries.prove(name, f"the target was given it {count} times")
