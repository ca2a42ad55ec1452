"""Seals what the database keeps of second factors, with a key that is not in the database."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def seal(text: str) -> str:
    """The text, readable only with SECRET_KEY."""
    return _sealer().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str | None:
    """The text; None when it was sealed with a key that is gone."""
    try:
        return _sealer().decrypt(sealed).decode()
    except InvalidToken:
        return None


def _sealer() -> MultiFernet:
    """The first key seals, the others still open."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (sha256(b"opsconductor.second-factor\0" + str(key).encode()).digest() for key in keys)
    return MultiFernet([Fernet(urlsafe_b64encode(digest)) for digest in digests])
