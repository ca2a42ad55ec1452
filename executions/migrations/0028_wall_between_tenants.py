"""Row-level security: where `opsc.tenants` is set, a connection reads and writes rows of these tenants only.

It binds neither the owner of the tables nor superusers. The setting is read once for each statement.
"""

from django.db import migrations

OPEN = "coalesce((SELECT current_setting('opsc.tenants', true)), '') = ''"
MINE = "tenant_id = ANY ((SELECT nullif(current_setting('opsc.tenants', true), '')::bigint[])::bigint[])"
# What has no tenant itself is as visible as what it belongs to.
RUN = "EXISTS (SELECT FROM opsc_step_run r WHERE r.id = step_run_id)"
EXECUTION = "EXISTS (SELECT FROM opsc_execution e WHERE e.id = execution_id)"
POLICIES = dict.fromkeys(
    (
        "opsc_execution",
        "opsc_step_run",
        "opsc_event",
        "opsc_approval",
        "opsc_approval_vote",
        "opsc_step_gate",
        "opsc_dead_letter",
        "opsc_asset",
        "opsc_audit_link",
        "opsc_access_decision",
        "opsc_lease",
        "opsc_lockable",
        "opsc_line_place",
        "opsc_reservation",
        "opsc_resource",
        "opsc_secret_store",
    ),
    MINE,
) | {"opsc_step": EXECUTION, "opsc_output_chunk": RUN, "opsc_effect": RUN}

UP = "".join(
    f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY opsc_wall ON {table} USING ({OPEN} OR {mine});\n"
    for table, mine in POLICIES.items()
)
DOWN = "".join(
    f"DROP POLICY opsc_wall ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n" for table in POLICIES
)


class Migration(migrations.Migration):
    dependencies = [("executions", "0027_planned_once"), ("safety", "0022_approvers")]
    operations = [migrations.RunSQL(UP, DOWN)]
