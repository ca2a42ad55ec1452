"""Whose account it is that a provider vouches for: by issuer and subject, never by an e-mail address or a name."""

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from safety.signin import sessions
from safety.signin.models import ExternalIdentity
from safety.signin.provider import Said
from safety.signin.records import What, record
from safety.tokens.accounts import SIGNS_IN_NOWHERE, is_service_account


class NoAccount(Exception):
    """Nobody is let in on this word; the message is for the person."""


def user_of(said: Said, *, address: str | None) -> User:
    """The account of this identity, made when accounts are made at first sight. It gets no membership.

    Raises NoAccount.
    """
    _require_domain(said)
    found = _standing(said)
    if found is None and settings.OIDC["CREATE_ACCOUNTS"]:
        found = _make(said, address)
    if found is None:
        raise NoAccount("No account here belongs to this identity. A superuser can link one to it.")
    if not found.is_active:
        raise NoAccount("This account is not active.")
    _require_person(found)
    return found


def link(user: User, subject: str, *, by: User, issuer: str = "") -> ExternalIdentity:
    """From now on this subject of the issuer (empty: the configured provider) is this person.

    Raises NoAccount when it is somebody else's, or the person has another one of that issuer.
    """
    _require_person(user)
    issuer = issuer or settings.OIDC["ISSUER"]
    try:
        with transaction.atomic():
            made = ExternalIdentity.objects.create(user=user, issuer=issuer, subject=subject)
            record(user, What.LINKED, detail=str(made), by=by)
    except IntegrityError as problem:
        raise NoAccount("This identity, or this person, is linked already.") from problem
    return made


def unlink(identity: ExternalIdentity, *, by: User, reason: str) -> bool:
    """From now on it is nobody's; the person's sessions end. False when that was so already."""
    with transaction.atomic():
        gone, _ = ExternalIdentity.objects.filter(pk=identity.pk).delete()
        if gone:
            sessions.end_all(identity.user)
            record(identity.user, What.UNLINKED, detail=f"{reason} ({identity})", by=by)
    return bool(gone)


def _require_person(user: User) -> None:
    if is_service_account(user):
        raise NoAccount(SIGNS_IN_NOWHERE)


def _standing(said: Said) -> User | None:
    rows = ExternalIdentity.objects.select_related("user")
    found = rows.filter(issuer=said.issuer, subject=said.subject).first()
    return found.user if found else None


def _require_domain(said: Said) -> None:
    domains = settings.OIDC["EMAIL_DOMAINS"]
    domain = said.email.rpartition("@")[2].lower()
    if domains and not (said.is_email_verified and domain in domains):
        raise NoAccount("Only people with a verified e-mail address of certain domains are let in.")


def _make(said: Said, address: str | None) -> User:
    try:
        UnicodeUsernameValidator()(said.name)
        with transaction.atomic():
            user = User.objects.create_user(said.name[:150], email=said.email[:254])
            made = ExternalIdentity.objects.create(user=user, issuer=said.issuer, subject=said.subject)
            record(user, What.LINKED, detail=str(made), address=address)
    except ValidationError as problem:
        raise NoAccount("The provider gives no name that an account could have.") from problem
    except IntegrityError as problem:
        again = _standing(said)  # by another request of the same person
        if again is not None:
            return again
        raise NoAccount(
            f"An account {said.name!r} exists, and nobody has said that it is yours. A superuser can link it."
        ) from problem
    return user
