"""Making service accounts, and saying who answers for them, on record."""

from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from executions import api_tokens, lifecycle
from executions.errors import NotAllowed, Refused
from executions.lifecycle import By
from safety.granting import administers_everywhere, may_grant
from safety.masking.typed import words_of
from safety.models import Membership, Tenant
from safety.tokens.accounts import is_service_account
from safety.tokens.models import ApiToken, ServiceAccount

LONGEST_PURPOSE = 300
LONGEST_NAME = 150

NAME_TAKEN = "This name is too long, or taken."


def create(name: str, *, tenant: Tenant, owner: User, purpose: str, by: User) -> ServiceAccount:
    """Make the account of a program. It gets no membership, and no password that would work.

    Raises:
      NotAllowed: The person does not administer all of the tenant.
      Refused: No such name can be given, or nobody of the tenant would answer for it.
    """
    require_may_create(name, tenant=tenant, owner=owner, by=by)
    try:
        with transaction.atomic():
            user = User.objects.create_user(name)
            account = ServiceAccount.objects.create(
                user=user, tenant=tenant, owner=owner, purpose=words_of(purpose)[:LONGEST_PURPOSE]
            )
            _tell("service_account.created", account, by)
    except IntegrityError as problem:  # by another request at this very moment
        raise Refused(NAME_TAKEN) from problem
    return account


def require_may_create(name: str, *, tenant: Tenant, owner: User, by: User) -> None:
    """Raises like `create`."""
    _require_admin(tenant, by)
    _require_owner(owner, tenant)
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError as problem:
        raise Refused("An account cannot have this name.", hint="Letters, digits and @ . + - _") from problem
    if len(name) > LONGEST_NAME or User.objects.filter(username=name).exists():
        raise Refused(NAME_TAKEN, hint="Choose another name.")


def change(account: ServiceAccount, *, owner: User, purpose: str, by: User) -> None:
    """Say who answers for it from now on, and what for. Raises like `create`.

    Whoever makes somebody its owner gives them all that it may do, so they need the right to give that. Its tokens end
    with the owner before, who knows their values.
    """
    require_may_change(account, owner=owner, by=by)
    with transaction.atomic():
        if owner.pk != account.owner_id:
            for token in ApiToken.objects.filter(user=account.user, revoked_at=None):
                api_tokens.revoke(token.pk, by=by, reason="its service account has another owner now")
        account.owner, account.purpose = owner, words_of(purpose)[:LONGEST_PURPOSE]
        account.save(update_fields=["owner", "purpose"])
        _tell("service_account.changed", account, by)


def require_may_change(account: ServiceAccount, *, owner: User, by: User) -> None:
    """Raises like `create`. `account`: as it is now."""
    _require_admin(account.tenant, by)
    if owner.pk != account.owner_id:
        _require_owner(owner, account.tenant)
        for membership in Membership.objects.standing().filter(user=account.user).select_related("user"):
            if objection := may_grant(by, membership):
                raise NotAllowed(f"You cannot hand over what it may do. {objection}")


def _require_admin(tenant: Tenant, by: User) -> None:
    if not (by.is_superuser or administers_everywhere(by, tenant.pk)):
        raise NotAllowed("Service accounts are made by admins of the tenant without limits.")


def _require_owner(owner: User, tenant: Tenant) -> None:
    """A person of the tenant."""
    standing = Membership.objects.standing().filter(user=owner, tenant=tenant)
    if is_service_account(owner) or not standing.exists():
        raise Refused("Its owner is a person with a membership in the tenant.", hint="Name another one.")


def _tell(type_: str, account: ServiceAccount, by: User) -> None:
    data = {
        "account": account.user.get_username(),
        "owner": account.owner.get_username(),
        "purpose": account.purpose,
    }
    lifecycle.record(type_, tenant_id=account.tenant_id, execution_id=None, by=By.user(by), data=data)
