"""When a submission is the same as an earlier one: the window of its tenant, and what its key is bound to."""

from django.db import migrations, models

WINDOW = """
CREATE FUNCTION opsc_window_begins(tenant bigint, otherwise_s double precision) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT statement_timestamp() - make_interval(secs => coalesce(
        (SELECT t.idempotency_window_s::double precision FROM opsc_tenant t WHERE t.id = $1), $2))
$$
"""

# The row to point at, an empty one, or none at all when the key is bound to another plan: a key that was freed stays
# bound for the rest of the window. The key's holder is looked at as well: it may let go of the key between this look
# and the insert, which then points at it.
EARLIER = """
CREATE FUNCTION opsc_earlier(wanted text, tenant bigint, hash text, otherwise_s double precision)
RETURNS TABLE (id uuid) LANGUAGE sql STABLE AS $$
    SELECT f.id
    FROM opsc_window_begins($2, $4) since LEFT JOIN LATERAL (
        SELECT e.id, e.plan_hash, e.created_at FROM opsc_execution e
        WHERE e.idempotency_key = $1 AND e.blocks_repeats AND e.created_at > since
        UNION ALL
        SELECT e.id, e.plan_hash, e.created_at FROM opsc_execution e
        WHERE e.idempotency_key = $1 AND NOT e.blocks_repeats AND e.created_at > since
        ORDER BY created_at DESC LIMIT 1) f ON true
    WHERE f.id IS NULL OR f.plan_hash = $3
$$
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0008_effect_records"), ("safety", "0009_tenant_idempotency_window")]

    operations = [
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("blocks_repeats", False)),
                fields=["idempotency_key", "-created_at"],
                name="execution_freed_keys",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["tenant", "plan_hash", "-created_at"], name="execution_same_plan"
            ),
        ),
        migrations.RunSQL(WINDOW, "DROP FUNCTION opsc_window_begins"),
        migrations.RunSQL(EARLIER, "DROP FUNCTION opsc_earlier"),
    ]
