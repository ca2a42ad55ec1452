"""What the credentials of an asset may say: references to secrets, and the order for an SSH certificate."""

from typing import Any

from safety.secrets.errors import ReferenceInvalid
from safety.secrets.ssh_certificates import KEY, check_order
from safety.secrets.values import is_reference

REMEDY = 'put the value into a secret store and write {"secret": "store:path#key"} in its place'


def credentials_problem(credentials: Any) -> str:
    """What is wrong with them, empty when nothing is; values are not repeated."""
    if is_reference(credentials):
        return ""
    if not isinstance(credentials, dict):
        return 'Write an object, such as {"private_key": {"secret": "file:ssh/web"}}.'
    for name, value in credentials.items():
        if name == KEY:
            try:
                check_order(value)
            except ReferenceInvalid as error:
                return f"{error}."
        elif not is_reference(value):
            return f"Not a reference to a secret: {REMEDY}."
    return ""
