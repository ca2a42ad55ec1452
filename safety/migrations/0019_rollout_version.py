"""A submission that is stored while its tenant's rollout changes is decided about again: by a version of the rollout."""

from django.db import migrations, models

# Whoever changes a rollout, by page or by hand. The version never goes back, whatever an old copy of the row writes.
COUNT = """
CREATE FUNCTION opsc_rollout_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE opsc_tenant SET rollout_version = rollout_version + 1
    WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END;
    RETURN NULL;
END $$;
CREATE TRIGGER rollout_changed AFTER INSERT OR UPDATE OR DELETE ON opsc_rollout
FOR EACH ROW EXECUTE FUNCTION opsc_rollout_changed();
CREATE FUNCTION opsc_rollout_version_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.rollout_version := greatest(NEW.rollout_version, OLD.rollout_version);
    RETURN NEW;
END $$;
CREATE TRIGGER rollout_version_kept BEFORE UPDATE ON opsc_tenant
FOR EACH ROW EXECUTE FUNCTION opsc_rollout_version_kept()
"""
UNCOUNT = """
DROP TRIGGER rollout_changed ON opsc_rollout; DROP FUNCTION opsc_rollout_changed();
DROP TRIGGER rollout_version_kept ON opsc_tenant; DROP FUNCTION opsc_rollout_version_kept()
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0018_explain_access")]

    operations = [
        migrations.AddField(
            "tenant", "rollout_version", models.BigIntegerField(db_default=1, editable=False)
        ),
        migrations.RunSQL(COUNT, UNCOUNT),
    ]
