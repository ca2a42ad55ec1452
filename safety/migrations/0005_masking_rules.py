"""Masking rules of tenants; the database itself counts their version up, so that no change goes unseen."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# A rule for every tenant waits for tenants that are just being made, so that none of them misses it.
COUNT = """
CREATE FUNCTION opsc_masking_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP <> 'INSERT' AND OLD.tenant_id IS NULL) OR (TG_OP <> 'DELETE' AND NEW.tenant_id IS NULL) THEN
        LOCK TABLE opsc_tenant IN SHARE ROW EXCLUSIVE MODE;
        UPDATE opsc_tenant SET masking_version = masking_version + 1;
    ELSE
        IF TG_OP <> 'INSERT' THEN
            UPDATE opsc_tenant SET masking_version = masking_version + 1 WHERE id = OLD.tenant_id;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            UPDATE opsc_tenant SET masking_version = masking_version + 1 WHERE id = NEW.tenant_id;
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER masking_changed AFTER INSERT OR UPDATE OR DELETE ON opsc_masking_rule
FOR EACH ROW EXECUTE FUNCTION opsc_masking_changed()
"""
UNCOUNT = """
DROP TRIGGER masking_changed ON opsc_masking_rule; DROP FUNCTION opsc_masking_changed()
"""

# The version never goes back, whatever an old copy of the row writes.
SWITCH = """
CREATE FUNCTION opsc_masking_switched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.masking_version := greatest(NEW.masking_version, OLD.masking_version)
        + (NEW.mask_ip_addresses <> OLD.mask_ip_addresses)::int;
    RETURN NEW;
END $$;
CREATE TRIGGER masking_switched BEFORE UPDATE ON opsc_tenant
FOR EACH ROW EXECUTE FUNCTION opsc_masking_switched()
"""
UNSWITCH = """
DROP TRIGGER masking_switched ON opsc_tenant; DROP FUNCTION opsc_masking_switched()
"""

class Migration(migrations.Migration):

    dependencies = [("safety", "0004_policies_of_tenants")]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='mask_ip_addresses',
            field=models.BooleanField(db_default=False, default=False, help_text='In output and logs of its steps.', verbose_name='mask IP addresses'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='masking_version',
            field=models.BigIntegerField(db_default=1, editable=False),
        ),
        migrations.CreateModel(
            name='MaskingRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='Shown in place of what is masked, as in [masked:customer_id].', max_length=30, verbose_name='word')),
                ('pattern', models.CharField(help_text='RE2 syntax, within one line, such as \\bCUST-\\d{6}\\b or badge: (\\S+). The first group is masked; without a group, all of it.', max_length=500)),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('note', models.CharField(blank=True, help_text='What it is for. Write no secret here.', max_length=300)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=150)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('changed_by', models.CharField(blank=True, editable=False, max_length=150)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('tenant', models.ForeignKey(blank=True, help_text='Empty: counts for every tenant.', null=True, on_delete=django.db.models.deletion.CASCADE, to='safety.tenant')),
            ],
            options={
                'db_table': 'opsc_masking_rule',
                'ordering': ('id',),
            },
        ),
        migrations.RunSQL(COUNT, UNCOUNT),
        migrations.RunSQL(SWITCH, UNSWITCH),
    ]
