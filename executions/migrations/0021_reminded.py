"""How far people were reminded of an approval."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0020_votes")]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="reminded",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
