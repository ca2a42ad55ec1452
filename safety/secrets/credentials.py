"""What the credentials of an asset may say: references to secrets, and the order for an SSH certificate."""

import re
from typing import Any

from safety.secrets.errors import ReferenceInvalid
from safety.secrets.ssh_certificates import KEY, check_order
from safety.secrets.values import is_reference

_NAME = re.compile(r"[a-z_]{1,16}")
REMEDY = 'put the value into a secret store and write {"secret": "store:path#key"} in its place'


def credentials_problem(credentials: Any) -> str:
    """What is wrong with them, each with its place, empty when nothing is; values are not repeated."""
    if is_reference(credentials):
        return ""
    if not isinstance(credentials, dict):
        return 'Write an object, such as {"private_key": {"secret": "file:ssh/web"}}.'
    found = [
        f"{_place(name)}: {problem}"
        for name, value in credentials.items()
        if (problem := _problem(name, value))
    ]
    return " ".join(found)


def _problem(name: str, value: Any) -> str:
    if name != KEY:
        return "" if is_reference(value) else f"not a reference to a secret; {REMEDY}."
    try:
        check_order(value)
    except ReferenceInvalid as error:
        return f"{error}."
    return ""


def _place(name: str) -> str:
    """The name of a part; what is no name may be the secret itself."""
    return name if _NAME.fullmatch(name) else "(a part with another name)"
