"""What Django's check says about signing in, before anybody stands in front of a shut door."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as Caution

from safety.signin import door


@register(Tags.security, deploy=True)
def check_a_way_in(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Warn when nobody can sign in but by links that are made by hand (`signin.W001`)."""
    if door.passwords_are_on() or settings.OIDC["ISSUER"]:
        return []
    return [
        Caution(
            "Passwords are turned off and there is no single sign-on: one-time links are the only way in.",
            hint="Set OPSC_OIDC_ISSUER, or OPSC_PASSWORDS=1. manage.py sign_in_link makes links.",
            id="signin.W001",
        )
    ]
