"""Who ends a token, and what is kept of one."""

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.utils import timezone

from executions import api_tokens
from executions.errors import NotFound
from executions.models import Event
from safety.choices import Role
from tests import factories
from tests.integration.test_api_tokens import turned_away

pytestmark = pytest.mark.usefixtures("live_db")


def test_its_person_an_admin_of_its_tenant_and_a_superuser_revoke_it_and_nobody_else() -> None:
    olga = factories.olga()
    boss = factories.a_person("boss", Role.TENANT_ADMIN)
    root = factories.a_person("root", is_superuser=True)
    for stranger in (factories.tom(), factories.nina()):
        token, _ = factories.a_token(olga)
        with pytest.raises(NotFound, match="no such token that you may revoke"):
            api_tokens.revoke(token.pk, by=stranger)
    for by in (olga, boss, root):
        token, value = factories.a_token(olga)
        assert api_tokens.revoke(token.pk, by=by)
        assert not api_tokens.revoke(token.pk, by=by)
        assert turned_away(value).code == "revoked"
    told = Event.objects.filter(type="token.revoked").order_by("pk").values_list("actor", flat=True)
    assert list(told) == ["olga", "boss", "root"]


def test_the_database_keeps_what_was_used_and_refuses_what_no_token_can_be() -> None:
    olga = factories.olga()
    token, _ = factories.a_token(olga)
    factories.an_execution(olga, api_token=token)
    with pytest.raises(ProtectedError):
        token.delete()
    for bad in ({"scopes": []}, {"scopes": ["approve"]}, {"revoked_at": timezone.now()}):
        with pytest.raises(IntegrityError):
            factories.a_token(olga, **bad)
