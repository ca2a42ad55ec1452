"""What an execution holds besides the assets that it changes, and how long it waits for all of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0006_clean_up'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='max_wait_s',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='resources',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='execution',
            name='shares_assets',
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
