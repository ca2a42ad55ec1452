"""Two questions that every run asks become a part of the statement around them: as functions they were planned each time."""

from django.db import migrations

EARLIER = """
CREATE OR REPLACE FUNCTION opsc_earlier(wanted text, tenant bigint, hash text, otherwise_s double precision)
RETURNS TABLE(id uuid) LANGUAGE sql STABLE AS $$
    SELECT f.id
    FROM (SELECT statement_timestamp() - make_interval(secs => coalesce(
              (SELECT t.idempotency_window_s::double precision FROM opsc_tenant t WHERE t.id = $2), $4))) w (since)
    LEFT JOIN LATERAL (
        SELECT e.id, e.plan_hash, e.created_at FROM opsc_execution e
        WHERE e.idempotency_key = $1 AND e.blocks_repeats AND e.created_at > w.since
        UNION ALL
        SELECT e.id, e.plan_hash, e.created_at FROM opsc_execution e
        WHERE e.idempotency_key = $1 AND NOT e.blocks_repeats AND e.created_at > w.since
        ORDER BY created_at DESC LIMIT 1) f ON true
    WHERE f.id IS NULL OR f.plan_hash = $3
$$
"""

# The same words as before, but for SETOF, which lets it be a part of the statement around it.
END_OF = """
DROP FUNCTION opsc_end_of(text, integer, integer, integer, integer, integer, integer, boolean, text);
CREATE FUNCTION opsc_end_of(status text, open_runs integer, succeeded integer, failed integer, timed_out integer,
    cancelled integer, skipped integer, aborted boolean, cancel_kind text,
    OUT status text, OUT over boolean, OUT repeatable boolean) RETURNS SETOF record LANGUAGE sql IMMUTABLE AS $$
    SELECT s.status, s.status IN ('succeeded', 'failed', 'partial', 'cancelled', 'timed_out', 'rejected', 'expired'),
           s.status IN ('failed', 'cancelled', 'timed_out', 'rejected', 'expired')
    FROM (SELECT CASE
        WHEN $2 > 0 OR $1 IN ('rejected', 'expired') THEN $1
        WHEN $1 = 'needs_attention' THEN CASE WHEN $6 > 0 THEN 'cancelled' ELSE 'failed' END
        WHEN $9 = 'timeout' AND $6 + $5 > 0 THEN 'timed_out'
        WHEN $6 > 0 THEN 'cancelled'
        WHEN $8 AND $5 > 0 THEN 'timed_out'
        WHEN $8 THEN 'failed'
        WHEN $4 + $5 + $7 > 0 THEN CASE WHEN $3 > 0 THEN 'partial' ELSE 'failed' END
        ELSE 'succeeded' END AS status) s
$$
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0026_who_approves_for_whom")]

    operations = [
        migrations.RunSQL(EARLIER, migrations.RunSQL.noop),
        migrations.RunSQL(END_OF, migrations.RunSQL.noop),
    ]
