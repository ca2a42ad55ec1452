"""Single sign-on: what an OpenID Connect provider says of a person (authorization code, PKCE, state, nonce).

Authlib does the protocol. Here are the rules: which issuer, which audience, which algorithms, how long to wait.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from joserfc.errors import JoseError

WAIT_S: Final = 10
# What a provider signs with a key that only it has; no shared secrets, and not "none".
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class ProviderTrouble(Exception):
    """The provider does not answer, refuses, or says what cannot be believed. The message is for the log."""


@dataclass(frozen=True)
class Said:
    """What the provider vouches for. `auth_time`: when the person showed it who they are; 0 when it does not say."""

    issuer: str
    subject: str
    name: str
    email: str
    is_email_verified: bool
    auth_time: float


def is_configured() -> bool:
    """Whether there is a provider."""
    return bool(settings.OIDC["ISSUER"])


def is_second_factor() -> bool:
    """Whether the operator says that the provider itself asks for a second factor."""
    return bool(settings.OIDC["IS_SECOND_FACTOR"])


def begin(request: HttpRequest, callback: str, *, again: bool) -> HttpResponse:
    """Send the person to the provider; `again`: it has to ask who they are although it knows.

    Raises ProviderTrouble.
    """
    more = {"prompt": "login", "max_age": "0"} if again else {}
    try:
        client = _client()
        _checked_metadata(client)
        answer: HttpResponse = client.authorize_redirect(request, callback, **more)
    except _TROUBLES as problem:
        raise ProviderTrouble(_in_words(problem)) from problem
    return answer


def finish(request: HttpRequest) -> Said:
    """Who came back from the provider. Raises ProviderTrouble."""
    expected = {
        "iss": {"essential": True, "value": settings.OIDC["ISSUER"]},
        "aud": {"essential": True, "value": settings.OIDC["CLIENT_ID"]},
    }
    try:
        client = _client()
        _checked_metadata(client)
        claims = client.authorize_access_token(request, claims_options=expected).get("userinfo")
    except _TROUBLES as problem:
        raise ProviderTrouble(_in_words(problem)) from problem
    if not claims:
        raise ProviderTrouble("no ID token came back")
    return _said(claims)


_TROUBLES: Final = (
    OAuthError,
    JoseError,
    requests.RequestException,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
)


LATEST: Final = 1e11  # seconds since 1970: some three thousand years from now


def _said(claims: dict[str, Any]) -> Said:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise ProviderTrouble("the ID token names no subject")
    proven_at = claims.get("auth_time") or 0
    if type(proven_at) not in (int, float) or not 0 <= proven_at < LATEST:  # not a number is in no range
        raise ProviderTrouble("the ID token says no time of signing in that is one")
    return Said(
        issuer=settings.OIDC["ISSUER"],
        subject=subject,
        name=str(claims.get(settings.OIDC["USERNAME_CLAIM"]) or ""),
        email=str(claims.get("email") or ""),
        is_email_verified=claims.get("email_verified") is True,
        auth_time=float(proven_at),
    )


def _checked_metadata(client: Any) -> None:
    """The provider is the one that was configured, and signs with its own key."""
    metadata = client.load_server_metadata()
    if metadata.get("issuer") != settings.OIDC["ISSUER"]:
        raise ValueError(f"the metadata is of another issuer: {metadata.get('issuer')!r}")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    usable = [name for name in offered if name in ALGORITHMS]
    if not usable:
        raise ValueError("the provider signs with no algorithm that is believed here")
    metadata["id_token_signing_alg_values_supported"] = usable


def _client() -> Any:
    oidc = settings.OIDC
    return _made(oidc["ISSUER"], oidc["CLIENT_ID"], oidc["CLIENT_SECRET"], " ".join(oidc["SCOPES"]))


@cache
def _made(issuer: str, client_id: str, client_secret: str, scope: str) -> Any:
    return OAuth().register(
        "sso",
        client_id=client_id,
        client_secret=client_secret or None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": scope, "code_challenge_method": "S256", "default_timeout": WAIT_S},
    )


def _in_words(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:300]
