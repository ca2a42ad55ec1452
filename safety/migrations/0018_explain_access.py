"""Auditors and tenant admins may ask why somebody can or can't do something."""

from django.db import migrations

GIVE = """
UPDATE opsc_role SET permissions = array_append(permissions, 'safety.explain_access')
WHERE name IN ('auditor', 'tenant_admin')
"""
TAKE = """
UPDATE opsc_role SET permissions = array_remove(permissions, 'safety.explain_access')
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0017_quorum")]

    operations = [migrations.RunSQL(GIVE, TAKE)]
