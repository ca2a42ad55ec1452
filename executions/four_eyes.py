"""Who counts as having asked for a run, so that nobody approves it with a second account of their own."""

from typing import Any

from executions.models import Execution
from safety.tokens.accounts import is_service_account
from safety.tokens.models import ApiToken, ServiceAccount


def same_hands(execution: Execution, user: Any) -> str:
    """Why this is no second pair of eyes, as a sentence; empty when it is, or when the level asks for none.

    Behind a service account stand its owner, the one of then and the one of now, and whoever made the token: each of
    them could have sent it. A service account has no eyes.
    """
    if is_service_account(user):
        return "A service account approves nothing; a person has to."
    if execution.approval_level <= 1:
        return ""
    if user.pk == execution.requested_by_id:
        return "You asked for this run yourself; somebody else has to approve it."
    if asked_for(execution, user):
        return "Your service account asked for this run; somebody else has to approve it."
    return ""


def asked_for(execution: Execution, person: Any) -> bool:
    """Whether the person counts as having asked for the run, by themselves or by a service account."""
    return person.pk == execution.requested_by_id or person.pk in _behind(execution)


def _behind(execution: Execution) -> set[int]:
    behind: set[int] = set()
    if execution.answers_for_it_id is not None:
        accounts = ServiceAccount.objects.filter(user_id=execution.requested_by_id)
        behind = {execution.answers_for_it_id, *accounts.values_list("owner_id", flat=True)}
    if execution.api_token_id is not None:
        tokens = ApiToken.objects.filter(pk=execution.api_token_id)
        behind.update(tokens.values_list("created_by_id", flat=True))
    return behind
