"""Auditors and tenant admins read access decisions about others, and export evidence."""

from django.db import migrations

GIVE = """
UPDATE opsc_role SET permissions = array_append(permissions, 'safety.read_audit')
WHERE name IN ('auditor', 'tenant_admin');
UPDATE opsc_role SET note = 'Sees the runs and assets of the tenant.' WHERE name = 'viewer' AND note = 'Sees everything of the tenant.'
"""
TAKE = """
UPDATE opsc_role SET permissions = array_remove(permissions, 'safety.read_audit')
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0019_rollout_version")]

    operations = [migrations.RunSQL(GIVE, TAKE)]
