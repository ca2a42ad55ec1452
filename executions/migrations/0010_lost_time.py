"""Time during which a step's worker was lost is counted apart and does not spend the limit."""

from django.db import migrations, models

CLOCKS = ("approval", "queue", "work", "leases", "decision", "pause", "lost")

# Counts from NEW.clock_since: whoever moves it forward in the same statement has counted that time elsewhere.
TURN = """
CREATE OR REPLACE FUNCTION opsc_turn_clock() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := CASE WHEN OLD.clock = '' THEN opsc_clock_of(OLD.status) ELSE OLD.clock END;
    elapsed float := greatest(0, extract(epoch FROM statement_timestamp() - coalesce(NEW.clock_since, OLD.created_at)));
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
        WHEN 'lost' THEN NEW.lost_wait_s := OLD.lost_wait_s + elapsed;
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


class Migration(migrations.Migration):
    dependencies = [("executions", "0009_same_submission")]

    operations = [
        migrations.AddField("execution", "lost_wait_s", models.FloatField(db_default=0, default=0)),
        migrations.AlterField(
            "execution",
            "clock",
            models.CharField(
                blank=True, choices=[(clock, clock.title()) for clock in CLOCKS], db_default="", max_length=10
            ),
        ),
        migrations.RunSQL(TURN, migrations.RunSQL.noop),
    ]
