"""Making and revoking API tokens, on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, LiteralString

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from executions import lifecycle
from executions.errors import NotAllowed, NotFound, Refused
from executions.fresh import NOT_SAID, SignedIn, require_young
from executions.lifecycle import By
from executions.states import ActorKind
from safety.choices import Permission, Scope
from safety.masking.typed import words_of
from safety.models import Membership, Tenant
from safety.signin.records import What, record
from safety.sql import fetch_one
from safety.tokens.accounts import is_service_account
from safety.tokens.door import METHOD, Known
from safety.tokens.models import ApiToken, ServiceAccount
from safety.tokens.values import Made, make

LONGEST_NAME: Final = 80
MOST_NETWORKS: Final = 20
MOST_TOKENS: Final = 50  # of one account that are good

_MAKE: LiteralString = """
INSERT INTO opsc_api_token (user_id, tenant_id, name, prefix, digest, scopes, networks, created_by_id, expires_at)
VALUES (%(user)s, %(tenant)s, %(name)s, %(prefix)s, %(digest)s, %(scopes)s::text[], %(networks)s::text[], %(by)s,
        statement_timestamp() + make_interval(days => %(days)s))
RETURNING id
"""

_REVOKE: LiteralString = """
UPDATE opsc_api_token SET revoked_at = statement_timestamp(), revoked_by_id = %(by)s
WHERE id = %(id)s AND revoked_at IS NULL RETURNING id
"""

_GOOD: LiteralString = """
SELECT count(*) AS number FROM opsc_api_token
WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > statement_timestamp()
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A token that somebody asks for. networks: CIDR each; none: from everywhere. days: until it expires."""

    name: str
    tenant: Tenant
    scopes: Sequence[str]
    days: int
    networks: Sequence[str] = ()


def create(
    wanted: Wanted, *, by: User, account: ServiceAccount | None = None, signed_in: SignedIn = NOT_SAID
) -> tuple[ApiToken, str]:
    """Make a token of this person, or of a service account that is theirs.

    Returns: the token, and its value, which nobody can get back later.

    Raises:
      NotAllowed: Not theirs to make, or (SignInAgain) signed in too long ago.
      Refused: Nothing like that can be made; the sentence says why.
    """
    holder = by if account is None else account.user
    _require_holder(wanted.tenant, by, account)
    require_young("Making a token", "Nothing was made. Sign in again, then make it.", signed_in)
    name, networks = words_of(wanted.name), _checked(wanted)
    made = make()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=holder.pk)  # two at once do not pass the limit together
        if (fetch_one(_GOOD, {"user": holder.pk}) or {"number": MOST_TOKENS})["number"] >= MOST_TOKENS:
            raise Refused(f"An account has at most {MOST_TOKENS} tokens.", hint="Revoke those not in use.")
        token = _stored(wanted, made, holder, by, name, networks)
        _tell("token.created", What.TOKEN_MADE, token, by, address=signed_in.address)
    return token, made.value


def revoke(token_id: int, *, by: User, reason: str = "") -> bool:
    """End a token for good: it opens nothing any more, and what was submitted with it stops before its next step.

    Returns: False when it was revoked before. Raises NotFound: there is none, or not for this person to revoke.
    """
    token = ApiToken.objects.select_related("user", "tenant").filter(pk=token_id).first()
    if token is None or not may_revoke(token, by):
        raise NotFound(
            "There is no such token that you may revoke.",
            hint="Its person, who answers for it, and tenant admins may.",
        )
    with transaction.atomic():
        if fetch_one(_REVOKE, {"id": token.pk, "by": by.pk}) is None:
            return False
        _tell("token.revoked", What.TOKEN_REVOKED, token, by, reason=words_of(reason))
    return True


def tokens_of(person: User) -> QuerySet[ApiToken]:
    """The person's own tokens and those of their service accounts, newest first."""
    own = Q(user=person) | Q(user__service_account__owner=person)
    return ApiToken.objects.filter(own).select_related("user", "tenant").order_by("-pk")


def may_revoke(token: ApiToken, by: User) -> bool:
    """Its person, who answers for it, and whoever administers its tenant."""
    administers = by.is_superuser or by.has_perm(Permission.ADMINISTER, token.tenant)
    return administers or tokens_of(by).filter(pk=token.pk).exists()


def record_use_refused(known: Known, why: str) -> None:
    """Put into the tenant's history that somebody came with a token that is not good, or not any more."""
    data = {"token": known.name, "prefix": known.prefix, "reason": why}
    by = By(ActorKind.USER, known.person)
    lifecycle.record("token.refused", tenant_id=known.tenant_id, execution_id=None, by=by, data=data)


def _require_holder(tenant: Tenant, by: User, account: ServiceAccount | None) -> None:
    if is_service_account(by):
        raise NotAllowed("A service account makes no tokens; its owner does.")
    if account is not None and account.owner_id != by.pk:
        raise NotAllowed("Only the owner of a service account makes tokens for it.")
    if account is not None and account.tenant_id != tenant.pk:
        raise Refused("A service account acts in its own tenant only.")
    holder = by if account is None else account.user
    if not Membership.objects.standing().filter(user=holder, tenant=tenant).exists():
        raise NotAllowed(
            f"{holder.get_username()} is no member of this tenant, so a token would open nothing.",
            hint="A tenant admin can change that.",
        )


def _checked(wanted: Wanted) -> list[str]:
    """The networks in their usual form. Raises Refused for whatever else is wrong, too."""
    longest = settings.OPSC["TOKEN_MAX_DAYS"]
    if not (1 <= len(wanted.name.strip()) <= LONGEST_NAME and wanted.name.isprintable()):
        raise Refused(f"A token has a name of at most {LONGEST_NAME} characters, such as where it is kept.")
    unknown = sorted(set(wanted.scopes) - set(Scope.values))
    if unknown or not wanted.scopes:
        said = f"There is no scope {unknown[0][:40]!r}." if unknown else "A token is good for something."
        raise Refused(said, hint=f"Any of: {', '.join(Scope.values)}.")
    if not 1 <= wanted.days <= longest:
        raise Refused(f"A token lasts 1 to {longest} days.", hint="The limit is OPSC_TOKEN_MAX_DAYS.")
    if len(wanted.networks) > MOST_NETWORKS:
        raise Refused(f"At most {MOST_NETWORKS} networks.")
    try:
        return [str(ip_network(network.strip())) for network in wanted.networks]
    except ValueError as problem:
        raise Refused("A network looks like 192.0.2.0/24 or 2001:db8::/32.", hint=f"{problem}.") from problem


def _stored(wanted: Wanted, made: Made, holder: User, by: User, name: str, networks: list[str]) -> ApiToken:
    row = fetch_one(
        _MAKE,
        {
            "user": holder.pk,
            "tenant": wanted.tenant.pk,
            "name": name[:LONGEST_NAME],
            "prefix": made.prefix,
            "digest": made.digest,
            "scopes": sorted(set(wanted.scopes)),
            "networks": networks,
            "by": by.pk,
            "days": wanted.days,
        },
    )
    return ApiToken.objects.select_related("user", "tenant").get(pk=(row or {})["id"])


def _tell(
    type_: str, what: What, token: ApiToken, by: User, *, address: str | None = None, **more: str
) -> None:
    """In the tenant's history, and with the account."""
    lifecycle.record(
        type_,
        tenant_id=token.tenant_id,
        execution_id=None,
        by=By.user(by),
        data={
            "token": token.name,
            "prefix": token.prefix,
            "account": token.user.get_username(),
            "scopes": ", ".join(token.scopes),
            "networks": ", ".join(token.networks) or "every",
            "expires_at": token.expires_at.isoformat(),
        }
        | more,
    )
    record(token.user, what, method=METHOD, detail=str(token), address=address, by=by)
