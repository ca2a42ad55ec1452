"""A resource that is gone is had by nobody and not deleted while in use; who wants more than there is holds up nobody.

`opsc_lockable.is_resource` tells a resource that was deleted from an asset, which never has a row in `opsc_resource`.
The two functions are those of 0008 with one part more each: `gone`, and more than the capacity.
"""

from django.db import migrations, models

MARK = """
INSERT INTO opsc_lockable (id, tenant_id, is_resource) SELECT id, tenant_id, true FROM opsc_resource ORDER BY id
ON CONFLICT (id) DO UPDATE SET is_resource = true;

CREATE FUNCTION opsc_mark_resource() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO opsc_lockable (id, tenant_id, is_resource) VALUES (NEW.id, NEW.tenant_id, true)
    ON CONFLICT (id) DO UPDATE SET is_resource = true;
    RETURN NULL;
END $$;

CREATE TRIGGER opsc_resource_is_marked AFTER INSERT ON opsc_resource
FOR EACH ROW EXECUTE FUNCTION opsc_mark_resource();
"""

# Whoever takes it or stands in line for it has locked its row before: comes here first, or finds it gone.
KEEP = """
CREATE FUNCTION opsc_keep_used_resource() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM opsc_lockable k WHERE k.id = OLD.id FOR UPDATE;
    IF EXISTS (SELECT FROM opsc_lease WHERE lockable_id = OLD.id)
       OR EXISTS (SELECT FROM opsc_line_place WHERE lockable_id = OLD.id) THEN
        RAISE EXCEPTION 'the resource % is held or waited for', OLD.name
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'resource_in_use_is_kept';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER opsc_resource_in_use_is_kept BEFORE DELETE ON opsc_resource
FOR EACH ROW EXECUTE FUNCTION opsc_keep_used_resource();
"""


WAITS_FOR_A_PERSON = """
CREATE OR REPLACE FUNCTION opsc_waits_for_a_person(p_execution uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM opsc_line_place q JOIN opsc_reservation v ON v.asset_id = q.lockable_id
        WHERE q.execution_id = p_execution AND v.ended_at IS NULL AND v.ends_at > clock_timestamp()
          AND v.person_id IS DISTINCT FROM q.actor_id
        UNION ALL
        SELECT FROM opsc_line_place q JOIN opsc_lease l ON l.lockable_id = q.lockable_id
        WHERE q.execution_id = p_execution AND l.under_review AND l.execution_id <> p_execution
        UNION ALL
        SELECT FROM opsc_line_place q JOIN opsc_resource r ON r.id = q.lockable_id
        WHERE q.execution_id = p_execution AND q.quantity > r.capacity)
$$;
"""

ACQUIRE = """
CREATE OR REPLACE FUNCTION opsc_acquire(
    p_tenant bigint, p_execution uuid, p_actor bigint, p_worker text, p_ttl float8,
    p_ids uuid[], p_modes text[], p_quantities int[], p_own uuid, p_queue boolean
) RETURNS TABLE (blocker text, wanted_id uuid, blocked_by uuid, granted bigint) LANGUAGE plpgsql
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    found_rows int;
    my_place bigint;
    held_ids uuid[];
    held_modes text[];
    held_quantities int[];
BEGIN
    SELECT array_agg(l.lockable_id ORDER BY l.lockable_id), array_agg(l.mode::text ORDER BY l.lockable_id),
           array_agg(l.quantity ORDER BY l.lockable_id) INTO held_ids, held_modes, held_quantities
    FROM opsc_lease l
    WHERE l.execution_id = p_execution AND l.lockable_id = ANY(p_ids) AND l.expires_at > clock_timestamp();
    IF (held_ids, held_modes, held_quantities) = (p_ids, p_modes, p_quantities) THEN
        RETURN QUERY SELECT ''::text, p_own, NULL::uuid, (
            SELECT l.token FROM opsc_lease l WHERE l.lockable_id = p_own AND l.execution_id = p_execution);
        RETURN;
    END IF;

    INSERT INTO opsc_lockable (id, tenant_id)
    SELECT w.id, p_tenant FROM unnest(p_ids) AS w(id) ORDER BY w.id ON CONFLICT DO NOTHING;
    PERFORM FROM opsc_lockable k WHERE k.id = ANY(p_ids) ORDER BY k.id FOR UPDATE;

    RETURN QUERY SELECT 'gone', k.id, NULL::uuid, NULL::bigint FROM opsc_lockable k
    WHERE k.id = ANY(p_ids) AND k.is_resource AND NOT EXISTS (SELECT FROM opsc_resource r WHERE r.id = k.id);
    IF FOUND THEN
        RETURN;
    END IF;

    held_ids := ARRAY(SELECT l.lockable_id FROM opsc_lease l WHERE l.execution_id = p_execution);
    SELECT q.place INTO my_place FROM opsc_line_place q WHERE q.execution_id = p_execution LIMIT 1;

    RETURN QUERY
    WITH wanted AS (
        SELECT w.id, w.mode, w.quantity, r.capacity
        FROM unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
        LEFT JOIN opsc_resource r ON r.id = w.id
    )
    SELECT 'held', w.id, l.execution_id, NULL::bigint
    FROM wanted w JOIN opsc_lease l ON l.lockable_id = w.id AND l.execution_id <> p_execution
    WHERE w.mode = 'exclusive' OR l.mode = 'exclusive' OR w.quantity > w.capacity - (
        SELECT sum(o.quantity) FROM opsc_lease o WHERE o.lockable_id = w.id AND o.execution_id <> p_execution)
    UNION ALL
    SELECT 'capacity', w.id, NULL, NULL FROM wanted w WHERE w.quantity > w.capacity
    LIMIT 50;
    GET DIAGNOSTICS found_rows = ROW_COUNT;

    IF found_rows = 0 THEN
        RETURN QUERY
        WITH missing AS (
            SELECT w.id, w.mode, w.quantity, r.capacity
            FROM unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
            LEFT JOIN opsc_resource r ON r.id = w.id
            WHERE w.id <> ALL (held_ids)
        ), reserved AS (
            SELECT v.asset_id AS id, v.person_id FROM opsc_reservation v
            WHERE v.ended_at IS NULL AND v.ends_at > clock_timestamp()
        )
        SELECT 'reserved', m.id, NULL::uuid, NULL::bigint FROM missing m JOIN reserved v ON v.id = m.id
        WHERE v.person_id IS DISTINCT FROM p_actor
        UNION ALL
        SELECT 'line', m.id, q.execution_id, NULL
        FROM missing m JOIN opsc_line_place q ON q.lockable_id = m.id AND q.execution_id <> p_execution
        WHERE (my_place IS NULL OR q.place < my_place)
          AND (m.mode = 'exclusive' OR q.mode = 'exclusive' OR m.quantity > m.capacity - (
               SELECT coalesce(sum(o.quantity), 0) FROM (
                   SELECT l.quantity FROM opsc_lease l WHERE l.lockable_id = m.id AND l.execution_id <> p_execution
                   UNION ALL
                   SELECT e.quantity FROM opsc_line_place e
                   WHERE e.lockable_id = m.id AND e.execution_id <> p_execution
                     AND (my_place IS NULL OR e.place < my_place)
                     AND NOT opsc_waits_for_a_person(e.execution_id)) o))
          AND NOT opsc_waits_for_a_person(q.execution_id)
        LIMIT 50;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
    END IF;

    IF found_rows > 0 THEN
        IF p_queue THEN
            INSERT INTO opsc_line_place (lockable_id, tenant_id, execution_id, actor_id, mode, quantity, place)
            SELECT w.id, p_tenant, p_execution, p_actor, w.mode, w.quantity, p.place
            FROM (SELECT coalesce(my_place, nextval('opsc_place_in_line')) AS place) p,
                 unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
            ORDER BY w.id
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN;
    END IF;

    DELETE FROM opsc_line_place q WHERE q.execution_id = p_execution;
    INSERT INTO opsc_lease AS held (lockable_id, tenant_id, execution_id, mode, quantity, worker, token, expires_at)
    SELECT w.id, p_tenant, p_execution, w.mode, w.quantity, p_worker, nextval('opsc_fencing_token'),
           clock_timestamp() + make_interval(secs => p_ttl)
    FROM unnest(p_ids, p_modes, p_quantities) AS w(id, mode, quantity)
    ORDER BY w.id
    ON CONFLICT (lockable_id, execution_id) DO UPDATE SET
        mode = EXCLUDED.mode, quantity = EXCLUDED.quantity,
        expires_at = EXCLUDED.expires_at, worker = EXCLUDED.worker,
        token = CASE WHEN held.expires_at < clock_timestamp() THEN EXCLUDED.token ELSE held.token END;
    RETURN QUERY SELECT ''::text, p_own, NULL::uuid, (
        SELECT l.token FROM opsc_lease l WHERE l.lockable_id = p_own AND l.execution_id = p_execution);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("safety", "0009_tenant_idempotency_window")]

    operations = [
        migrations.AddField(
            model_name="lockable",
            name="is_resource",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(MARK + KEEP),
        migrations.RunSQL(WAITS_FOR_A_PERSON + ACQUIRE),
    ]
