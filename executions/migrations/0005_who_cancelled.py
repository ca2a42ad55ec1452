"""Who asked for the end of an execution, beside the reason; and one form in which events tell both."""

from django.db import migrations, models

WHY = """
CREATE FUNCTION opsc_why(asked_at timestamptz, kind text, reason text, actor text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $1 IS NULL THEN '{}'::jsonb
           ELSE jsonb_build_object('kind', $2, 'reason', $3, 'by', $4) END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0004_clock")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="cancel_actor",
            field=models.CharField(blank=True, db_default="", max_length=150),
        ),
        migrations.AddField(
            model_name="execution",
            name="cancel_actor_kind",
            field=models.CharField(blank=True, db_default="", max_length=10),
        ),
        migrations.RunSQL(WHY, "DROP FUNCTION opsc_why"),
    ]
