"""How high a membership approves, groups of approvers, deputies, and the right to break the glass."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


GIVE = """
UPDATE opsc_role SET permissions = array_append(permissions, 'executions.break_glass') WHERE name = 'tenant_admin'
"""
TAKE = "UPDATE opsc_role SET permissions = array_remove(permissions, 'executions.break_glass')"


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0021_switches_of_the_platform'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Delegation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(max_length=300)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'opsc_delegation',
            },
        ),
        migrations.CreateModel(
            name='GroupMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group', models.CharField(db_column='group_name', help_text='As the approval policy names it.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_-]*\\Z', 'Small letters, digits, - and _, a letter first.')])),
            ],
            options={
                'verbose_name': 'approval group member',
                'db_table': 'opsc_approval_group',
                'ordering': ('tenant', 'group', 'user'),
            },
        ),
        migrations.RemoveConstraint(
            model_name='approvalpolicy',
            name='approval_policy_makes_sense',
        ),
        migrations.AddField(
            model_name='approvalpolicy',
            name='approvers',
            field=models.CharField(blank=True, db_default='', default='', help_text='So many people of this group of the tenant; anybody who may approve when empty. From level 2 on.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_-]*\\Z', 'Small letters, digits, - and _, a letter first.')], verbose_name='group of approvers'),
        ),
        migrations.AddField(
            model_name='membership',
            name='approves_up_to',
            field=models.PositiveSmallIntegerField(choices=[(1, '1'), (2, '2'), (3, '3')], db_default=3, default=3, verbose_name='approves up to level'),
        ),
        migrations.AddConstraint(
            model_name='approvalpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('level__lte', 3), models.Q(('quorum', 1), models.Q(('level__gte', 2), ('quorum__range', (2, 9))), _connector='OR'), models.Q(('expires_s', None), ('expires_s__gt', 0), _connector='OR'), models.Q(('approvers', ''), ('level__gte', 2), _connector='OR')), name='approval_policy_makes_sense', violation_error_message='The level is 0 to 3, 1 to 9 people approve (more than one, or of a group, from level 2 on), and what expires has more than 0 seconds.'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('approves_up_to__range', (1, 3))), name='membership_approves_known_levels'),
        ),
        migrations.AddField(
            model_name='delegation',
            name='deputy',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delegations_got', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='delegation',
            name='ended_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='delegation',
            name='giver',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delegations_given', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='delegation',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delegations', to='safety.tenant'),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='added_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_members', to='safety.tenant'),
        ),
        migrations.AddField(
            model_name='groupmember',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approval_groups', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='delegation',
            index=models.Index(condition=models.Q(('ended_at', None)), fields=['deputy', 'tenant', 'ends_at'], name='delegation_open'),
        ),
        migrations.AddConstraint(
            model_name='delegation',
            constraint=models.CheckConstraint(condition=models.Q(('giver', models.F('deputy')), _negated=True), name='nobody_is_their_own_deputy'),
        ),
        migrations.AddConstraint(
            model_name='delegation',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='delegation_ends_after_it_starts'),
        ),
        migrations.AddConstraint(
            model_name='groupmember',
            constraint=models.UniqueConstraint(fields=('tenant', 'group', 'user'), name='nobody_twice_in_a_group', violation_error_message='This person is in the group already.'),
        ),
        migrations.RunSQL(GIVE, TAKE),
    ]
