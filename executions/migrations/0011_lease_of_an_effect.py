"""An effect remembers the lease on its asset that it began under."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0010_lost_time")]

    operations = [
        migrations.AddField(
            model_name="effectrecord",
            name="asset_lease_id",
            field=models.BigIntegerField(null=True),
        ),
    ]
