"""The database's own guard of the states: how an execution ends, and a trigger that refuses illegal moves."""

from django.db import migrations

EXECUTION_MOVES = """
    pending_approval>approved pending_approval>rejected pending_approval>expired pending_approval>cancelled
    approved>queued approved>running approved>cancelled
    queued>running queued>cancelled queued>timed_out
    running>succeeded running>failed running>partial running>cancelled running>timed_out
    running>needs_attention
    needs_attention>running needs_attention>failed needs_attention>cancelled
"""

STEP_MOVES = """
    pending>ready pending>skipped pending>cancelled
    ready>running ready>skipped ready>cancelled
    running>succeeded running>failed running>retrying running>ready running>cancelled running>timed_out
    running>interrupted
    retrying>ready retrying>skipped retrying>cancelled
    interrupted>succeeded interrupted>ready interrupted>skipped interrupted>failed interrupted>cancelled
"""

END_OF = """
CREATE FUNCTION opsc_end_of(
    status text, open_runs int, succeeded int, failed int, timed_out int, cancelled int, skipped int,
    aborted boolean, cancel_kind text, OUT status text, OUT over boolean, OUT repeatable boolean
) LANGUAGE sql IMMUTABLE AS $$
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

GUARD = """
CREATE FUNCTION opsc_refuse_illegal_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.status || '>' || NEW.status) = ANY (TG_ARGV) THEN
        RAISE EXCEPTION '% % cannot move from % to %', TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""


def trigger(table, moves):
    arguments = ", ".join(f"'{move}'" for move in moves.split())
    return migrations.RunSQL(
        f"CREATE TRIGGER legal_moves BEFORE UPDATE OF status ON {table} FOR EACH ROW "
        f"WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION opsc_refuse_illegal_move({arguments})",
        f"DROP TRIGGER legal_moves ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("executions", "0001_tables"), ("safety", "0002_fencing_and_policies")]

    operations = [
        migrations.RunSQL(END_OF, "DROP FUNCTION opsc_end_of"),
        migrations.RunSQL(GUARD, "DROP FUNCTION opsc_refuse_illegal_move"),
        trigger("opsc_execution", EXECUTION_MOVES),
        trigger("opsc_step_run", STEP_MOVES),
        # Room on each page for the next version of a row, so that counting up touches no index.
        migrations.RunSQL(
            "ALTER TABLE opsc_execution SET (fillfactor = 70); ALTER TABLE opsc_step SET (fillfactor = 70)",
            "ALTER TABLE opsc_execution RESET (fillfactor); ALTER TABLE opsc_step RESET (fillfactor)",
        ),
    ]
