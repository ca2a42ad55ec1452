"""The clock of an execution: what each second of its life is counted as, turned by the database itself."""

from django.db import migrations, models
from django.db.models import Q

WAITS = ("approval", "queue", "lease", "decision", "pause")
CLOCKS = ("approval", "queue", "work", "leases", "decision", "pause")

CLOCK_OF = """
CREATE FUNCTION opsc_clock_of(status text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE status WHEN 'pending_approval' THEN 'approval' WHEN 'approved' THEN 'queue' WHEN 'queued' THEN 'queue'
        WHEN 'running' THEN 'work' WHEN 'needs_attention' THEN 'decision' ELSE '' END
$$
"""

# A change of state turns the clock; between two such changes whoever knows better sets `clock`.
# After a person's decision the budget begins anew: without time left the decision could not be carried out.
TURN = """
CREATE FUNCTION opsc_turn_clock() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := CASE WHEN OLD.clock = '' THEN opsc_clock_of(OLD.status) ELSE OLD.clock END;
    elapsed float := greatest(0, extract(epoch FROM statement_timestamp() - coalesce(OLD.clock_since, OLD.created_at)));
BEGIN
    IF OLD.status <> NEW.status THEN
        NEW.clock := opsc_clock_of(NEW.status);
    END IF;
    CASE was
        WHEN 'work' THEN NEW.spent_s := OLD.spent_s + elapsed;
        WHEN 'approval' THEN NEW.approval_wait_s := OLD.approval_wait_s + elapsed;
        WHEN 'queue' THEN NEW.queue_wait_s := OLD.queue_wait_s + elapsed;
        WHEN 'leases' THEN NEW.lease_wait_s := OLD.lease_wait_s + elapsed;
        WHEN 'decision' THEN NEW.decision_wait_s := OLD.decision_wait_s + elapsed;
        WHEN 'pause' THEN NEW.pause_wait_s := OLD.pause_wait_s + elapsed;
        ELSE NULL;
    END CASE;
    IF OLD.status = 'needs_attention' AND NEW.status = 'running' THEN
        NEW.spent_earlier_s := OLD.spent_earlier_s + NEW.spent_s;
        NEW.spent_s := 0;
    END IF;
    NEW.clock_since := CASE WHEN NEW.clock <> '' THEN statement_timestamp() END;
    NEW.deadline_at := CASE WHEN NEW.clock = 'work'
        THEN statement_timestamp() + make_interval(secs => NEW.limit_s - NEW.spent_s) END;
    RETURN NEW;
END $$
"""

TRIGGER = """
CREATE TRIGGER turn_clock BEFORE UPDATE OF status, clock ON opsc_execution FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.clock IS DISTINCT FROM NEW.clock)
EXECUTE FUNCTION opsc_turn_clock()
"""

# What is open already began to spend with its first step; its deadline stays as it is.
CATCH_UP = """
UPDATE opsc_execution SET clock = opsc_clock_of(status), clock_since = coalesce(started_at, queued_at, created_at)
WHERE finished_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0003_touches")]

    operations = [
        migrations.AlterField("execution", "policy", models.CharField(max_length=80)),
        migrations.AddField(
            "execution",
            "clock",
            models.CharField(
                blank=True, choices=[(clock, clock.title()) for clock in CLOCKS], db_default="", max_length=10
            ),
        ),
        migrations.AddField("execution", "clock_since", models.DateTimeField(null=True)),
        *(
            migrations.AddField("execution", name, models.FloatField(db_default=0, default=0))
            for name in ("spent_s", "spent_earlier_s", *(f"{wait}_wait_s" for wait in WAITS))
        ),
        migrations.AddIndex(
            "steprun",
            models.Index(
                fields=["execution"], condition=Q(waiting_since__isnull=False), name="step_run_waiting"
            ),
        ),
        migrations.RunSQL(CLOCK_OF, "DROP FUNCTION opsc_clock_of"),
        migrations.RunSQL(CATCH_UP, migrations.RunSQL.noop),
        migrations.RunSQL(TURN, "DROP FUNCTION opsc_turn_clock"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER turn_clock ON opsc_execution"),
    ]
