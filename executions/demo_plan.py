"""The plan that the demo runs on this machine."""

from typing import Any

MACHINE = "this-machine"

_WRITE = """\
umask 077
printf 'hello from OpsConductor\\nwritten by %s\\n' "$(id -un)" > "$FOLDER/greeting.txt"
wc -l < "$FOLDER/greeting.txt" | xargs printf 'wrote %s lines\\n'
"""
_CHECK = """\
before=$(cksum < "$FOLDER/greeting.txt")
sleep 1
[ "$before" = "$(cksum < "$FOLDER/greeting.txt")" ] || exit 1
head -n 1 "$FOLDER/greeting.txt"
"""
_SIGN_IN = """\
token=$(cat "$OPSC_SECRETS_DIR/token")
echo "signing in with $token, in base64 $(printf %s "$token" | base64 -w 0)"
"""
_FLAKY = """\
tries=$(( $(cat "$FOLDER/tries" 2>/dev/null || echo 0) + 1 ))
echo "$tries" > "$FOLDER/tries"
echo "this is try $tries"
[ "$tries" -ge 2 ]
"""


def plan(folder: str, site: str) -> dict[str, Any]:
    """Seven steps that write into `folder` only; `site` is the address of the web server that they check."""
    return {
        "version": 1,
        "name": "Demo on this machine",
        "description": "Facts, a file, two checks side by side, a secret, a step that needs two tries, a report.",
        "mode": "background",
        "targets": [MACHINE],
        "steps": _steps({"FOLDER": folder}, site),
    }


def _steps(here: dict[str, str], site: str) -> list[dict[str, Any]]:
    read, parallel = {"action_class": "read"}, {"depends_on": ["write"]}
    expected = {"output": "hello from OpsConductor"}
    token = {"token": {"secret": "env:TOKEN"}}
    return [
        _script("facts", "Read facts", "uname -srm\nid -un\necho $(nproc) processors", **read),
        _script("write", "Write a file", _WRITE, env=here, effect="idempotent"),
        _script("check-file", "Check the file", _CHECK, env=here, expect=expected, **read, **parallel),
        {
            "id": "check-web",
            "name": "Check a web server",
            "kind": "http",
            "with": {"method": "GET", "url": f"{site}/health"},
            "expect": {"status": [200], "output": "ready"},
            "estimate": 1,
        }
        | parallel,
        _script(
            "token", "Use a secret", _SIGN_IN, secrets=token, depends_on=["check-file", "check-web"], **read
        ),
        _script(
            "flaky", "Fail once, then work", _FLAKY, env=here, effect="idempotent", retries=1, estimate=6
        ),
        _script("report", "Report", 'ls -l "$FOLDER"', env=here, **read),
    ]


def _script(id_: str, name: str, text: str, **more: Any) -> dict[str, Any]:
    inputs = {key: more.pop(key) for key in ("env", "secrets") if key in more}
    return {
        "id": id_,
        "name": name,
        "kind": "script",
        "with": {"script": text} | inputs,
        "estimate": 1,
    } | more
