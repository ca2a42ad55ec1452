"""An approval says which row of the approval policy asked for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0017_signed_in_at")]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="policy",
            field=models.CharField(blank=True, db_default="", max_length=120),
        ),
    ]
