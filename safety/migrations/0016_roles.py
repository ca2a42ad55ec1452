"""Roles as rows: what each allows, seeded with those that are built in.

A membership names one of them, and the database holds it to that: a role in use is not removed.
"""

import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models

SEED = """
INSERT INTO opsc_role (name, permissions, is_built_in, note)
SELECT name, array_prepend('executions.view_execution', permissions), true, note
FROM (VALUES
    ('viewer', '{}'::varchar(60)[], 'Sees everything of the tenant.'),
    ('requester', ARRAY['executions.submit_execution', 'executions.cancel_execution', 'executions.retry_execution',
        'run:read', 'run:modify'], 'Runs what does not deploy.'),
    ('operator', ARRAY['executions.submit_execution', 'executions.cancel_execution', 'executions.retry_execution',
        'executions.resolve_execution', 'safety.reserve_asset', 'safety.turn_switch',
        'run:read', 'run:modify', 'run:deploy'], 'Runs everything, and decides where nobody knows how a step ended.'),
    ('approver', ARRAY['executions.approve_execution'], 'Approves what others want to run.'),
    ('tenant_admin', ARRAY['executions.submit_execution', 'executions.cancel_execution', 'executions.retry_execution',
        'executions.approve_execution', 'executions.resolve_execution', 'safety.release_lease',
        'safety.force_release_lease', 'safety.reserve_asset', 'safety.turn_switch', 'safety.administer_tenant',
        'safety.override_secret_check', 'run:read', 'run:modify', 'run:deploy'], 'May do everything in the tenant.'),
    ('auditor', '{}', 'Sees everything of the tenant, decisions and evidence too; changes nothing.')
) AS seed(name, permissions, note)
"""

KEY = """
ALTER TABLE opsc_membership ADD CONSTRAINT membership_role_is_known FOREIGN KEY (role) REFERENCES opsc_role (name)
"""
NO_KEY = """
ALTER TABLE opsc_membership DROP CONSTRAINT membership_role_is_known
"""

KEEP = """
CREATE FUNCTION opsc_keep_built_in_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.name <> OLD.name OR NOT NEW.is_built_in
       OR (cardinality(NEW.permissions) < 2 AND OLD.name NOT IN ('viewer', 'auditor')) THEN
        RAISE EXCEPTION 'the role % is built in: it is not removed, renamed or emptied', OLD.name
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'built_in_role_is_kept';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER opsc_built_in_role_is_kept BEFORE UPDATE OR DELETE ON opsc_role
FOR EACH ROW WHEN (OLD.is_built_in) EXECUTE FUNCTION opsc_keep_built_in_role();
"""
UNKEEP = """
DROP TRIGGER opsc_built_in_role_is_kept ON opsc_role; DROP FUNCTION opsc_keep_built_in_role()
"""


class Migration(migrations.Migration):

    dependencies = [
        ('safety', '0015_approval_policy'),
    ]

    operations = [
        migrations.CreateModel(
            name='TenantRole',
            fields=[
                ('name', models.CharField(help_text='Shown everywhere, with spaces for _. It cannot be changed later.', max_length=20, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*\\Z', 'Small letters, digits and _, a letter first.')])),
                ('permissions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('is_built_in', models.BooleanField(default=False, editable=False, verbose_name='built in')),
                ('note', models.CharField(blank=True, db_default='', default='', max_length=300)),
            ],
            options={
                'verbose_name': 'role',
                'db_table': 'opsc_role',
                'ordering': ('name',),
            },
        ),
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_role_is_known',
        ),
        migrations.AlterField(
            model_name='limit',
            name='role',
            field=models.CharField(blank=True, default='', max_length=20),
        ),
        migrations.AlterField(
            model_name='membership',
            name='role',
            field=models.CharField(max_length=20),
        ),
        migrations.AddConstraint(
            model_name='tenantrole',
            constraint=models.CheckConstraint(condition=models.Q(('permissions__contains', ['executions.view_execution'])), name='every_role_sees'),
        ),
        migrations.RunSQL(SEED, migrations.RunSQL.noop),
        migrations.RunSQL(KEY, NO_KEY),
        migrations.RunSQL(KEEP, UNKEEP),
    ]
