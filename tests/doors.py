"""Signing in as a person would: from an address, with what they type."""

from typing import Any

from django.test import Client

from tests import factories

OFFICE, CAFE = "192.0.2.7", "198.51.100.9"


def tries(name: str, password: str, address: str = OFFICE, **more: Any) -> Any:
    """The answer to one try with a browser that knows no session yet."""
    data = {"username": name, "password": password}
    return Client().post("/sign-in/", data, REMOTE_ADDR=address, **more)


def gets_in(name: str, address: str = OFFICE) -> bool:
    """Whether the right password opens the door from there."""
    return bool(tries(name, factories.PASSWORD, address).status_code == 302)
