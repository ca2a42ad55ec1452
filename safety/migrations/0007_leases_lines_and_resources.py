"""Leases with a mode and a quantity, waiting lines, named resources and reservations; held leases are kept."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

KEEP_LEASES = """
INSERT INTO opsc_lease (lockable_id, tenant_id, execution_id, mode, quantity, worker, token, acquired_at, expires_at,
                        under_review, reason)
SELECT asset_id, tenant_id, execution_id, 'exclusive', 1, worker, token, acquired_at, expires_at, under_review, reason
FROM opsc_asset_lease;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0006_secret_stores'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lockable_id', models.UUIDField()),
                ('tenant_id', models.BigIntegerField()),
                ('execution_id', models.UUIDField()),
                ('mode', models.CharField(choices=[('exclusive', 'Exclusive'), ('shared', 'Shared')], default='exclusive', max_length=10)),
                ('quantity', models.IntegerField(default=1)),
                ('worker', models.CharField(blank=True, max_length=100)),
                ('token', models.BigIntegerField()),
                ('acquired_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField()),
                ('under_review', models.BooleanField(db_default=False, default=False)),
                ('reason', models.CharField(blank=True, db_default='', max_length=300)),
            ],
            options={
                'db_table': 'opsc_lease',
                'permissions': [('release_lease', 'Can release a lease that was kept for a person'), ('force_release_lease', 'Can take a lease away from a holder at work')],
            },
        ),
        migrations.CreateModel(
            name='LinePlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lockable_id', models.UUIDField()),
                ('tenant_id', models.BigIntegerField()),
                ('execution_id', models.UUIDField()),
                ('actor_id', models.BigIntegerField(null=True)),
                ('mode', models.CharField(choices=[('exclusive', 'Exclusive'), ('shared', 'Shared')], max_length=10)),
                ('quantity', models.IntegerField(default=1)),
                ('place', models.BigIntegerField()),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'opsc_line_place',
            },
        ),
        migrations.CreateModel(
            name='Lockable',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('tenant_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'opsc_lockable',
            },
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asset_id', models.UUIDField()),
                ('reason', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ends_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.CharField(blank=True, db_default='', max_length=150)),
            ],
            options={
                'db_table': 'opsc_reservation',
                'permissions': [('reserve_asset', 'Can reserve an asset')],
            },
        ),
        migrations.CreateModel(
            name='Resource',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('capacity', models.PositiveIntegerField(default=1, help_text='How much of it all executions together may hold at one time.')),
                ('description', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'db_table': 'opsc_resource',
            },
        ),
        migrations.RunSQL(KEEP_LEASES, migrations.RunSQL.noop),
        migrations.DeleteModel(
            name='AssetLease',
        ),
        migrations.AddIndex(
            model_name='lease',
            index=models.Index(fields=['execution_id'], name='lease_execution'),
        ),
        migrations.AddIndex(
            model_name='lease',
            index=models.Index(fields=['expires_at'], name='lease_expiry'),
        ),
        migrations.AddConstraint(
            model_name='lease',
            constraint=models.UniqueConstraint(fields=('lockable_id', 'execution_id'), name='one_lease_per_holder'),
        ),
        migrations.AddConstraint(
            model_name='lease',
            constraint=models.UniqueConstraint(condition=models.Q(('mode', 'exclusive')), fields=('lockable_id',), name='one_exclusive_lease_per_lockable'),
        ),
        migrations.AddConstraint(
            model_name='lease',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0), ('token__gt', 0)), name='lease_has_a_token_and_a_quantity'),
        ),
        migrations.AddIndex(
            model_name='lineplace',
            index=models.Index(fields=['execution_id'], name='line_place_execution'),
        ),
        migrations.AddConstraint(
            model_name='lineplace',
            constraint=models.UniqueConstraint(fields=('lockable_id', 'execution_id'), name='one_place_per_waiter'),
        ),
        migrations.AddField(
            model_name='reservation',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reservation',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='reservations', to='safety.tenant'),
        ),
        migrations.AddField(
            model_name='resource',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='resources', to='safety.tenant'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['ends_at'], name='reservation_open'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('asset_id',), name='one_open_reservation_per_asset'),
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='resource_name_is_unique_in_its_tenant'),
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.CheckConstraint(condition=models.Q(('capacity__gte', 1), ('capacity__lte', 1000000)), name='resource_has_a_capacity'),
        ),
    ]
