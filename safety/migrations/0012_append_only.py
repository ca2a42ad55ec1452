"""The database refuses to rewrite history: access decisions are written once, and neither changed nor removed.

`opsc_keep_history(table)` guards a table so. Its triggers fire ALWAYS, so that `session_replication_role = replica`
does not get past them. Whoever owns the table can still take them away; docs/security.md has an account that cannot.
"""

from django.db import migrations

REFUSE = """
CREATE FUNCTION opsc_refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'history_is_append_only',
              HINT = 'What happened stays on record. Write another row that corrects it.';
END $$
"""

KEEP = """
CREATE FUNCTION opsc_keep_history(kept regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER opsc_append_only BEFORE UPDATE OR DELETE ON %s '
                   'FOR EACH ROW EXECUTE FUNCTION opsc_refuse_rewriting()', kept);
    EXECUTE format('CREATE TRIGGER opsc_no_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION opsc_refuse_rewriting()', kept);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER opsc_append_only', kept);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER opsc_no_truncate', kept);
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0011_switches")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION opsc_refuse_rewriting() CASCADE"),
        migrations.RunSQL(KEEP, "DROP FUNCTION opsc_keep_history(regclass)"),
        migrations.RunSQL("SELECT opsc_keep_history('opsc_access_decision')", migrations.RunSQL.noop),
    ]
