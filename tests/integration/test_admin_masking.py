"""Masking rules in the admin: written by those whose tenant it is, tried on a sample that is kept nowhere."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from executions.models import Event
from safety.models import MaskingRule, Tenant
from safety.models.masking_rule import MOST_RULES
from tests import factories

pytestmark = pytest.mark.usefixtures("live_db")

SAMPLE = "CUST-123456 said password=hunter22 in the sample"
DATA = {"kind": "customer", "pattern": r"CUST-\d{6}", "is_active": "on", "note": ""}


@pytest.fixture
def nina() -> Client:
    """Tenant admin of the other tenant."""
    return signed_in(factories.nina(is_staff=True))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def address(page: str = "add", *arguments: Any) -> str:
    return reverse(f"admin:safety_maskingrule_{page}", args=arguments)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    content: str = answer.content.decode()
    return content


def everything_stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        rows = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)


def test_a_tenant_admin_writes_rules_for_their_own_tenant_only(nina: Client) -> None:
    acme, other = factories.a_tenant(), Tenant.objects.get(slug="other")
    assert "Select a valid choice" in text_of(nina.post(address(), DATA | {"tenant": acme.pk}))
    assert "This field is required" in text_of(nina.post(address(), DATA))
    assert nina.post(address(), DATA | {"tenant": other.pk}).status_code == 302
    rule = MaskingRule.objects.get()
    assert (rule.tenant, rule.created_by, rule.changed_by) == (other, "nina", "nina")
    assert nina.post(address("change", rule.pk), DATA | {"note": "ids of customers"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.tenant, rule.note) == (other, "ids of customers")
    assert rule.changed_at > rule.created_at
    assert nina.post(address("delete", rule.pk), {"post": "yes"}).status_code == 302
    assert not MaskingRule.objects.exists()


def test_who_is_no_tenant_admin_may_look_and_not_write() -> None:
    olga = signed_in(factories.olga(is_staff=True))
    rule = MaskingRule.objects.create(tenant=factories.a_tenant(), kind="customer", pattern="CUST")
    assert "Try it, save nothing" not in text_of(olga.get(address("change", rule.pk)))
    assert olga.get(address()).status_code == 403
    assert olga.post(address("change", rule.pk), DATA).status_code == 403
    assert olga.post(address("change", rule.pk), DATA | {"_try": "1", "sample": SAMPLE}).status_code == 403
    assert olga.post(address(), DATA | {"_try": "1", "sample": SAMPLE}).status_code == 403
    assert olga.post(address("delete", rule.pk), {"post": "yes"}).status_code == 403


def test_rules_for_every_tenant_are_seen_by_all_and_written_by_superusers(nina: Client) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    assert root.post(address(), DATA).status_code == 302
    rule = MaskingRule.objects.get()
    assert rule.tenant is None
    assert "CUST-" in text_of(nina.get(address("changelist")))
    assert "Try it, save nothing" not in text_of(nina.get(address("change", rule.pk)))
    assert nina.post(address("change", rule.pk), DATA).status_code == 403
    assert nina.post(address("delete", rule.pk), {"post": "yes"}).status_code == 403
    remove = {"action": "delete_selected", "_selected_action": rule.pk, "post": "yes"}
    nina.post(address("changelist"), remove)
    assert MaskingRule.objects.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"pattern": "("}, "RE2 does not take it"),
        ({"pattern": "x*"}, "matches nothing at all"),
        ({"kind": "Customer-Id"}, "1 to 30 of a-z"),
        ({"kind": "password"}, "A built-in pattern has this word"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_reason(
    nina: Client, data: dict[str, str], said: str
) -> None:
    other = Tenant.objects.get(slug="other")
    assert said in text_of(nina.post(address(), DATA | {"tenant": other.pk} | data))
    assert not MaskingRule.objects.exists()


def test_a_tenant_has_so_many_rules_and_no_more(nina: Client) -> None:
    other = Tenant.objects.get(slug="other")
    many = [MaskingRule(tenant=other, kind="x", pattern="abc") for _ in range(MOST_RULES)]
    MaskingRule.objects.bulk_create(many)
    assert "the most that are taken" in text_of(nina.post(address(), DATA | {"tenant": other.pk}))
    assert nina.post(address("change", MaskingRule.objects.first().pk), DATA).status_code == 302  # type: ignore[union-attr]


def test_a_rule_is_tried_on_a_sample_that_is_kept_nowhere(
    nina: Client, caplog: pytest.LogCaptureFixture
) -> None:
    other = Tenant.objects.get(slug="other")
    trying = DATA | {"tenant": other.pk, "_try": "1", "sample": SAMPLE}
    shown = text_of(nina.post(address(), trying))
    assert "This rule masks 1 place" in shown
    assert '<mark class="rule" title="customer">CUST-123456</mark>' in shown
    assert '<mark class="built-in" title="password">hunter22</mark>' in shown
    assert "[masked:customer] said password=[masked:password] in the sample" in shown
    assert not MaskingRule.objects.exists()
    assert nina.post(address(), trying | {"_try": ""} | {"sample": SAMPLE}).status_code == 200
    saved = {name: value for name, value in trying.items() if name != "_try"}
    assert nina.post(address(), saved).status_code == 302
    rule = MaskingRule.objects.get()
    shown = text_of(nina.post(address("change", rule.pk), saved | {"_try": "1", "pattern": "sample"}))
    assert '<mark class="rule" title="customer">sample</mark>' in shown
    rule.refresh_from_db()
    assert rule.pattern == r"CUST-\d{6}"
    assert LogEntry.objects.count() == 1
    assert "hunter22" not in everything_stored() + caplog.text


def test_a_pattern_that_is_wrong_is_not_tried_and_the_sample_stays_in_its_box(nina: Client) -> None:
    shown = text_of(nina.post(address(), DATA | {"pattern": "(", "_try": "1", "sample": "<b>mine</b>"}))
    assert "RE2 does not take it" in shown
    assert "Nothing was tried: correct the pattern first" in shown
    assert "&lt;b&gt;mine&lt;/b&gt;</textarea>" in shown
    assert "Nothing was tried: the sample is empty" in text_of(nina.post(address(), DATA | {"_try": "1"}))
    assert nina.post(address("change", 10**6), DATA | {"_try": "1"}).status_code == 404


def test_every_change_of_a_rule_is_in_the_history_of_those_whom_it_masks(nina: Client) -> None:
    acme, other = factories.a_tenant(), Tenant.objects.get(slug="other")
    nina.post(address(), DATA | {"tenant": other.pk})
    rule = MaskingRule.objects.get()
    nina.post(address("change", rule.pk), DATA | {"pattern": r"CUST-\d{8}"})
    nina.post(address("delete", rule.pk), {"post": "yes"})
    told = Event.objects.filter(type="masking.rule_changed").order_by("id")
    assert {event.tenant_id for event in told} == {other.pk}
    assert [(event.actor, *(event.data[name] for name in ("change", "before", "now"))) for event in told] == [
        ("nina", "made", "", r"customer: CUST-\d{6}"),
        ("nina", "changed", r"customer: CUST-\d{6}", r"customer: CUST-\d{8}"),
        ("nina", "removed", r"customer: CUST-\d{8}", ""),
    ]
    root = signed_in(User.objects.create_superuser("root"))
    root.post(address(), DATA | {"tenant": ""})
    chosen = {"action": "delete_selected", "_selected_action": [MaskingRule.objects.get().pk], "post": "yes"}
    root.post(address("changelist"), chosen)
    told = Event.objects.filter(type="masking.rule_changed").order_by("id")[3:]
    assert not MaskingRule.objects.exists()
    assert [(event.tenant_id, event.data["change"]) for event in told] == [
        (tenant, change) for change in ("made", "removed") for tenant in sorted((acme.pk, other.pk))
    ]
    assert {event.actor for event in told} == {"the platform's operators"}


def test_rules_that_together_are_too_large_to_look_for_quickly_are_refused(nina: Client) -> None:
    other = Tenant.objects.get(slug="other")
    for number in range(2):
        wide = DATA | {"tenant": other.pk, "kind": f"k{'x' * number}", "pattern": f"K{number}[^u-z]{{150}}x"}
        assert nina.post(address(), wide).status_code == 302
    third = DATA | {"tenant": other.pk, "pattern": "third[^u-z]{150}x"}
    assert "too large to look for quickly" in text_of(nina.post(address(), third))
    assert MaskingRule.objects.count() == 2
