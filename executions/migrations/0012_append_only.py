"""Events are written once, and neither changed nor removed; what they tell of cannot be deleted beside them."""

import django.db.models.deletion
from django.db import migrations, models

UNGUARD = "DROP TRIGGER opsc_append_only ON opsc_event; DROP TRIGGER opsc_no_truncate ON opsc_event"


def kept(to, related_name):
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [("executions", "0011_lease_of_an_effect"), ("safety", "0012_append_only")]

    operations = [
        migrations.AlterField("event", "execution", kept("executions.execution", "events")),
        migrations.AlterField("event", "step_run", kept("executions.steprun", "+")),
        migrations.RunSQL("SELECT opsc_keep_history('opsc_event')", UNGUARD),
    ]
