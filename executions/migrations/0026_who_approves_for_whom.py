"""Votes about single steps and of deputies, break-glass and its review, and links to decide by."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


# What was decided about single steps by one until now is that one's vote.
AS_VOTES = """
INSERT INTO opsc_approval_vote (tenant_id, approval_id, gate_id, person_id, decision, approval_hash, comment,
                                signed_in_with, signed_in_at, address, at)
SELECT g.tenant_id, a.id, g.id, g.decided_by_id, g.status, g.gate_hash, g.comment, g.signed_in_with, g.signed_in_at,
       g.address, g.decided_at
FROM opsc_step_gate g JOIN opsc_approval a ON a.execution_id = g.execution_id
WHERE g.status IN ('approved', 'rejected') AND g.decided_at IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0025_api_token'),
        ('safety', '0022_approvers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApprovalLink',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('approval_hash', models.CharField(max_length=64)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('used_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'opsc_approval_link',
            },
        ),
        migrations.RemoveConstraint(
            model_name='approval',
            name='approval_decision_has_a_person',
        ),
        migrations.RemoveConstraint(
            model_name='vote',
            name='one_vote_a_person',
        ),
        migrations.AddField(
            model_name='approval',
            name='groups',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='approval',
            name='review',
            field=models.CharField(blank=True, db_default='', max_length=1000),
        ),
        migrations.AddField(
            model_name='approval',
            name='reviewed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='approval',
            name='reviewed_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='stepgate',
            name='reminded',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='vote',
            name='delegation',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='safety.delegation'),
        ),
        migrations.AddField(
            model_name='vote',
            name='gate',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='votes', to='executions.stepgate'),
        ),
        migrations.AlterField(
            model_name='approval',
            name='status',
            field=models.CharField(choices=[('requested', 'Requested'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('expired', 'Expired'), ('withdrawn', 'Withdrawn'), ('break_glass', 'break-glass')], default='requested', max_length=11),
        ),
        migrations.AlterField(
            model_name='vote',
            name='decision',
            field=models.CharField(choices=[('approved', 'Approved'), ('rejected', 'Rejected'), ('withdrawn', 'Withdrawn')], max_length=10),
        ),
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(condition=models.Q(('reviewed_by', None), ('status', 'break_glass')), fields=['tenant', 'decided_at'], name='approval_to_review'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_by__isnull', False), ('status__in', ['approved', 'rejected', 'break_glass'])), models.Q(('status__in', ['approved', 'rejected', 'break_glass']), _negated=True), _connector='OR'), name='approval_decision_has_a_person'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(condition=models.Q(('reviewed_by', None), models.Q(('status', 'break_glass'), models.Q(('reviewed_by', models.F('decided_by')), _negated=True)), _connector='OR'), name='somebody_else_reviews_break_glass'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.UniqueConstraint(fields=('approval', 'gate', 'person'), name='one_vote_a_person', nulls_distinct=False),
        ),
        migrations.AddField(
            model_name='approvallink',
            name='approval',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='links', to='executions.approval'),
        ),
        migrations.AddField(
            model_name='approvallink',
            name='gate',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.stepgate'),
        ),
        migrations.AddField(
            model_name='approvallink',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvallink',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='safety.tenant'),
        ),
        migrations.RunSQL(AS_VOTES, migrations.RunSQL.noop),
    ]
