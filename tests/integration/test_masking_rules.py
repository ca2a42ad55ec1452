"""A tenant's masking rules reach every sink of its steps, count at once, and stop the step when they cannot be had."""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.models import Event, StepRun
from opsconductor.logs import MaskedJsonFormatter
from safety.masking import live, masker, tenant_rules
from safety.models import MaskingRule, Tenant
from tests.world import World, output_of, runs_of, script, work_off

pytestmark = pytest.mark.usefixtures("working")

SAYS = "echo CUST-123456 from 10.1.2.3; echo CUST-777777 >&2; exit 3"


def ran(world: World, text: str = SAYS, **step: object) -> StepRun:
    submitted = world.submit(script(text, **step), targets=["here"])
    work_off()
    return runs_of(submitted.execution_id)[0]


def a_rule(
    tenant: Tenant | None, pattern: str = r"CUST-\d{6}", kind: str = "customer", **more: object
) -> MaskingRule:
    return MaskingRule.objects.create(tenant=tenant, kind=kind, pattern=pattern, **more)


def test_a_rule_counts_from_the_next_attempt_on_in_output_summary_and_detail(world: World) -> None:
    world.here()
    before = ran(world)
    assert "CUST-123456" in output_of(before)
    rule = a_rule(world.acme)
    after = ran(world, expect={"output": "CUST-9"})
    assert output_of(after).split("\n")[0] == "[masked:customer] from 10.1.2.3"
    assert "CUST" not in output_of(after) + after.summary
    assert "[masked:customer]" in after.summary
    rule.is_active = False
    rule.save()
    assert "CUST-123456" in output_of(ran(world))
    MaskingRule.objects.update(is_active=True)
    assert "CUST" not in output_of(ran(world))
    rule.delete()
    assert "CUST-123456" in output_of(ran(world))


def test_a_rule_of_another_tenant_does_nothing_and_one_for_all_counts_everywhere(world: World) -> None:
    world.here()
    a_rule(world.other)
    assert "CUST-123456" in output_of(ran(world))
    a_rule(None, pattern=r"CUST-1\d+", kind="everywhere")
    assert output_of(ran(world)).startswith("[masked:everywhere] from")
    new = Tenant.objects.create(slug="new", name="New")
    new.refresh_from_db()
    assert tenant_rules.rules_of(new.pk, new.masking_version).rules is not None


def test_reading_rules_costs_one_statement_when_something_changed_and_none_otherwise(world: World) -> None:
    a_rule(world.acme)

    def statements() -> int:
        world.acme.refresh_from_db()
        with CaptureQueriesContext(connection) as seen:
            tenant_rules.rules_of(world.acme.pk, world.acme.masking_version)
        return len(seen)

    assert tenant_rules.rules_of(world.acme.pk, 0) is tenant_rules.NONE
    first = tenant_rules.rules_of(world.acme.pk, world.acme.masking_version + 1)
    world.acme.refresh_from_db()
    assert tenant_rules.rules_of(world.acme.pk, world.acme.masking_version) is first
    a_rule(world.acme, kind="second")
    world.acme.refresh_from_db()
    second = tenant_rules.rules_of(world.acme.pk, world.acme.masking_version)
    assert second is not first
    assert tenant_rules.rules_of(world.acme.pk, world.acme.masking_version) is second
    assert statements() == 0


def test_an_old_copy_of_the_tenant_does_not_turn_the_version_back(world: World) -> None:
    old = Tenant.objects.get(pk=world.acme.pk)
    a_rule(world.acme)
    world.acme.refresh_from_db()
    assert world.acme.masking_version > old.masking_version
    old.name = "Renamed"
    old.save()
    old.refresh_from_db()
    assert old.masking_version == world.acme.masking_version


def test_a_rule_that_cannot_be_used_stops_the_step_before_anything_is_run(
    world: World, tmp_path: object
) -> None:
    world.here()
    MaskingRule.objects.bulk_create([MaskingRule(tenant=world.acme, kind="broken", pattern="(")])
    run = ran(world, f"touch {tmp_path}/touched")
    assert (run.status, run.category) == ("failed", "masking")
    assert "a masking rule of this tenant cannot be used" in run.detail
    assert "missing )" in run.detail
    assert not list(tmp_path.iterdir())  # type: ignore[attr-defined]


def test_output_that_is_not_masked_in_time_is_withheld_and_the_step_ends_as_it_did(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.here()
    monkeypatch.setattr(masker, "OVERTIME_S", -1.0)
    run = ran(world)
    assert output_of(run) == "[output withheld: not masked in time]\n"
    assert (run.status, run.category) == ("failed", "exit_code")


def test_addresses_are_masked_for_the_tenant_that_asks_for_it(world: World) -> None:
    world.here()
    assert "10.1.2.3" in output_of(ran(world))
    Tenant.objects.filter(pk=world.acme.pk).update(mask_ip_addresses=True)
    assert "from [masked:ip_address]" in output_of(ran(world))
    Tenant.objects.filter(pk=world.acme.pk).update(mask_ip_addresses=False)
    assert "10.1.2.3" in output_of(ran(world))


def test_log_lines_of_this_process_know_the_rules_of_the_steps_in_it(world: World) -> None:
    world.here()
    a_rule(world.acme)
    ran(world)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "lost %s", ("CUST-123456",), None)
    assert "lost [masked:customer]" in MaskedJsonFormatter().format(record)
    live._lingering.clear()
    assert "CUST-123456" in MaskedJsonFormatter().format(record)


@pytest.mark.parametrize(
    ("value", "warned", "shown"),
    [
        (
            "pin45",
            "env:PIN is shorter than 6 characters; harmless text may be masked",
            "is [masked], not x[masked]y",
        ),
        (
            "k9",
            "env:PIN is shorter than 4 characters; it is masked only where it stands alone",
            "is [masked], not xk9y",
        ),
        ("longer-1", "", "is [masked], not x[masked]y"),
    ],
)
def test_a_short_value_leaves_a_warning_beside_the_step(
    world: World, monkeypatch: pytest.MonkeyPatch, value: str, warned: str, shown: str
) -> None:
    monkeypatch.setenv("OPSC_SECRET_ACME__PIN", value)
    world.here()
    text = 'p=$(cat "$OPSC_SECRETS_DIR/pin"); echo "is $p, not x${p}y"'
    submitted = world.submit(
        {"id": "a", "kind": "script", "estimate": 1}
        | {"with": {"script": text, "secrets": {"pin": {"secret": "env:PIN"}}}},
        targets=["here"],
    )
    work_off()
    run = runs_of(submitted.execution_id)[0]
    assert (run.status, output_of(run)) == ("succeeded", shown + "\n")
    assert run.detail == (f"warning: {warned}" if warned else "")
    assert not Event.objects.filter(data__icontains=value).exists()
