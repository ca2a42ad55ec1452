"""Switches, which take the place of a tenant's pause."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

STANDING = """
CREATE VIEW opsc_standing_switch AS
SELECT id, tenant_id, environment, connector, mode, reason, turned_by, turned_at, ends_at
FROM opsc_switch WHERE lifted_at IS NULL AND ends_at > statement_timestamp()
"""

KEEP_PAUSES = """
INSERT INTO opsc_switch (tenant_id, environment, connector, mode, reason, turned_by, turned_at, ends_at)
SELECT id, '', '', 'hold', 'the tenant was paused', '', paused_at, statement_timestamp() + interval '30 days'
FROM opsc_tenant WHERE paused_at IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0010_resources_that_are_gone'),
    ]

    operations = [
        migrations.CreateModel(
            name='Switch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(blank=True, choices=[('dev', 'Dev'), ('staging', 'Staging'), ('prod', 'Prod')], default='', max_length=20)),
                ('connector', models.CharField(blank=True, choices=[('local', 'Local'), ('ssh', 'Ssh'), ('http', 'Http'), ('wait', 'Wait')], default='', max_length=20)),
                ('mode', models.CharField(choices=[('no_new_runs', 'no new runs'), ('hold', 'hold after the current step'), ('stop', 'stop now')], max_length=20)),
                ('reason', models.CharField(max_length=300)),
                ('turned_by', models.CharField(max_length=150)),
                ('turned_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ends_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_by', models.CharField(blank=True, db_default='', max_length=150)),
                ('lift_reason', models.CharField(blank=True, db_default='', max_length=300)),
                ('tenant', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='safety.tenant')),
            ],
            options={
                'verbose_name_plural': 'switches',
                'db_table': 'opsc_switch',
                'permissions': [('turn_switch', 'Can switch off runs, and lift that')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('tenant', 'environment', 'connector'), name='one_open_switch_per_scope', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('mode__in', ['no_new_runs', 'hold', 'stop'])), name='switch_mode_is_known')],
            },
        ),
        migrations.RunSQL(STANDING, "DROP VIEW opsc_standing_switch"),
        migrations.RunSQL(KEEP_PAUSES, migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name='tenant',
            name='paused_at',
        ),
    ]
