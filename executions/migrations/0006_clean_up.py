"""How the clean-up of a stopped step run went."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0005_who_cancelled")]

    operations = [
        migrations.AddField("steprun", "cleaned_up", models.BooleanField(null=True)),
        migrations.AddField(
            "steprun", "cleanup_detail", models.CharField(blank=True, db_default="", max_length=500)
        ),
    ]
